"""Sends to a room that a socket does not hear yet, since its bell was lost: the truth is asked, and the order kept."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from chassis.ids import uuid7
from chat_service.realtime import sending
from chat_service.store import rooms as room_store
from tests.support.auth import User
from tests.support.chat import Pod, component, until

People = Callable[[int], list[User]]


async def room_without_bells(database_url: str, *members: User) -> UUID:
    connection = await asyncpg.connect(database_url)
    try:
        room = uuid7()
        ids = [member.id for member in members]
        await connection.execute("SELECT make_room($1, 'group', 'quiet', NULL, $2::uuid[])", room, ids)
        return room
    finally:
        await connection.close()


class Gate:
    """Holds back what sending asks Postgres, until it is opened."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()
        self.asked = 0

    async def select_room(self, *arguments: Any) -> Any:
        self.asked += 1
        await self.opened.wait()
        return await room_store.select_room(*arguments)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    gate = Gate()
    monkeypatch.setattr(sending, "room_store", SimpleNamespace(select_room=gate.select_room))
    return gate


async def test_a_send_after_the_room_was_entered_does_not_overtake_those_before(
    pods: tuple[Pod, Pod], people: People, database_url: str, gate: Gate
) -> None:
    alice, bob = people(2)
    pod = pods[0]
    await pod.direct(alice, bob)  # makes both known to chat
    async with pod.connect(alice) as a:
        room = await room_without_bells(database_url, alice, bob)
        for number in range(3):
            await a.send("chat.message", room=room, content=str(number), client_id=str(number))
        await until(lambda: gate.asked == 1, "the question")
        component(pod, "membership").compare()
        await a.next("room.created")
        await until(lambda: room in pod.sessions()[0].rooms, "the room")
        await a.send("chat.message", room=room, content="3", client_id="3")
        await a.send("ping")
        await a.next("pong")
        gate.opened.set()
        assert [(await a.next("chat.ack"))["client_id"] for _ in range(4)] == ["0", "1", "2", "3"]
        assert [message["content"] for message in await a.messages(4)] == ["0", "1", "2", "3"]
    assert gate.asked == 1, "one question for all sends to one room"


async def test_too_many_waiting_sends_are_refused_by_name(
    pods: tuple[Pod, Pod], people: People, database_url: str, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "MAX_WAITING", 5)
    alice, bob = people(2)
    await pods[0].direct(alice, bob)
    async with pods[0].connect(alice) as a:
        room = await room_without_bells(database_url, alice, bob)
        for number in range(7):
            await a.send("chat.message", room=room, content=str(number), client_id=str(number))
        refused = [await a.next("error") for _ in range(2)]
        assert [(error["code"], error["client_id"]) for error in refused] == [
            ("rate_limited", "5"),
            ("rate_limited", "6"),
        ]
        gate.opened.set()
        assert [(await a.next("chat.ack"))["client_id"] for _ in range(5)] == ["0", "1", "2", "3", "4"]
