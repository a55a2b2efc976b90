"""Opening rooms: who shares the opening of another shares what comes of it, and nobody is given a dead room."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast
from uuid import UUID

import pytest

from chassis.ids import uuid7
from chassis.postgres import Postgres
from chat_service.realtime.feed import Feed
from chat_service.realtime.hub import Hub


class Slow:
    """A database that tells positions when it is allowed to."""

    def __init__(self) -> None:
        self.asked: list[list[UUID]] = []
        self.answer = asyncio.Event()
        self.is_away = False

    @asynccontextmanager
    async def connection(self) -> AsyncIterator["Slow"]:
        yield self

    async def fetch(self, _: str, room_ids: list[UUID]) -> list[dict[str, Any]]:
        self.asked.append(room_ids)
        await self.answer.wait()
        if self.is_away:
            raise OSError("away")
        return [{"id": room_id, "last_seq": 7, "rev": 0} for room_id in room_ids]


async def asked(database: Slow, times: int) -> None:
    async with asyncio.timeout(10):
        while len(database.asked) < times:
            await asyncio.sleep(0)


async def test_rooms_are_given_with_their_positions_to_all_who_open_them() -> None:
    database = Slow()
    feed, room_id = Feed(cast(Postgres, database), Hub(), hold_seconds=0.04), uuid7()
    opening = [asyncio.create_task(feed.rooms.open([room_id])) for _ in range(2)]
    await asked(database, 1)
    database.answer.set()
    assert [[room.seq for room in await task] for task in opening] == [[7], [7]]


async def test_a_room_is_opened_for_the_others_though_the_first_who_opened_it_has_left() -> None:
    database, hub = Slow(), Hub()
    feed, shared, own = Feed(cast(Postgres, database), hub, hold_seconds=0.04), uuid7(), uuid7()
    first = asyncio.create_task(feed.rooms.open([shared]))
    await asked(database, 1)
    second = asyncio.create_task(feed.rooms.open([shared, own]))
    await asked(database, 2)  # the second reads a room of its own, and does not wait for the first yet
    first.cancel()  # its client has gone
    await asyncio.wait({first})
    database.answer.set()
    rooms = await second
    assert [(room.seq, hub.rooms[room.id] is room, room.holders) for room in rooms] == [(7, True, 1), (7, True, 1)]


async def test_a_room_that_nobody_waits_for_any_more_is_not_kept() -> None:
    database, hub = Slow(), Hub()
    feed, room_id = Feed(cast(Postgres, database), hub, hold_seconds=0.04), uuid7()
    first = asyncio.create_task(feed.rooms.open([room_id]))
    await asked(database, 1)
    first.cancel()
    await asyncio.wait({first})
    assert hub.rooms == {}
    second = asyncio.create_task(feed.rooms.open([room_id]))
    await asked(database, 2)
    database.answer.set()
    (room,) = await second
    assert (room.seq, hub.rooms[room_id] is room) == (7, True)


async def test_who_shares_an_opening_shares_its_failure() -> None:
    database, hub = Slow(), Hub()
    feed, shared, own = Feed(cast(Postgres, database), hub, hold_seconds=0.04), uuid7(), uuid7()
    opening = [asyncio.create_task(feed.rooms.open(ids)) for ids in ([shared], [shared], [own, shared])]
    await asked(database, 2)
    database.is_away = True
    database.answer.set()
    for task in opening:
        with pytest.raises(OSError, match=r"away|could not be opened"):
            await task
    assert hub.rooms == {}
    database.is_away = False
    assert [room.seq for room in await feed.rooms.open([shared, own])] == [7, 7]
