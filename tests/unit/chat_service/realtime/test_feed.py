"""Opening rooms: who shares the opening of another shares its failure, and nobody is given a room that is not live."""

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

    @asynccontextmanager
    async def connection(self) -> AsyncIterator["Slow"]:
        yield self

    async def fetch(self, _: str, room_ids: list[UUID]) -> list[dict[str, Any]]:
        self.asked.append(room_ids)
        await self.answer.wait()
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


async def test_a_room_whose_opening_was_given_up_meanwhile_is_not_taken_for_an_open_one() -> None:
    database, hub = Slow(), Hub()
    feed, shared, own = Feed(cast(Postgres, database), hub, hold_seconds=0.04), uuid7(), uuid7()
    first = asyncio.create_task(feed.rooms.open([shared]))
    await asked(database, 1)
    second = asyncio.create_task(feed.rooms.open([shared, own]))
    await asked(database, 2)  # the second reads a room of its own, and does not wait for the first yet
    first.cancel()  # its client has gone
    await asyncio.wait({first})
    database.answer.set()
    with pytest.raises(OSError, match="could not be opened"):
        await second
    assert hub.rooms == {}
    assert [room.seq for room in await feed.rooms.open([shared, own])] == [7, 7]
