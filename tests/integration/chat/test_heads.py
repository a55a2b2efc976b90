"""A message whose pod died between the commit and its bell: the relay rings once more."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import asyncpg
import pytest
from redis.asyncio import Redis

from chassis.ids import uuid7
from chat_service.realtime import repair
from chat_service.store import messages as message_store
from chat_service.store.messages import send_messages
from contracts import keys
from tests.support.auth import User
from tests.support.chat import component, until

StartPod = Callable[..., Any]


async def test_what_was_committed_without_a_bell_is_delivered_soon(
    start_pod: StartPod, people: Callable[[int], list[User]], kafka_url: str, database_url: str
) -> None:
    one, two = await start_pod("chat-1", kafka_url=kafka_url), await start_pod("chat-2", kafka_url=kafka_url)
    alice, bob = people(2)
    room = await one.direct(alice, bob)
    async with one.connect(alice) as a, two.connect(bob) as b:
        connection = await asyncpg.connect(database_url)
        try:
            await send_messages(connection, [uuid7()], [room], [alice.id], ["x"], ["nobody rang for this"], [None])
        finally:
            await connection.close()
        for client in (a, b):
            assert (await client.next("chat.message"))["content"] == "nobody rang for this"


async def test_a_member_removed_without_a_bell_hears_nothing_more(
    start_pod: StartPod, people: Callable[[int], list[User]], kafka_url: str, database_url: str
) -> None:
    pod = await start_pod("chat-1", kafka_url=kafka_url)
    alice, bob = people(2)
    room = await pod.group(alice, bob)
    async with pod.connect(bob) as b:
        connection = await asyncpg.connect(database_url)
        try:
            await connection.execute("SELECT remove_member($1, $2, $3)", room, alice.id, bob.id)
        finally:
            await connection.close()
        assert (await b.next("room.removed"))["room"] == str(room)


async def test_a_head_that_comes_while_the_room_is_read_is_not_forgotten(
    start_pod: StartPod,
    people: Callable[[int], list[User]],
    database_url: str,
    redis_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pod = await start_pod("chat-1")
    alice, bob = people(2)
    room = await pod.direct(alice, bob)
    hub = component(pod, "membership")._hub
    read, opened = 0, asyncio.Event()

    async def read_and_wait(*arguments: Any) -> Any:
        nonlocal read
        rows = await message_store.select_messages_after(*arguments)
        read += 1
        await opened.wait()
        return rows

    slow = {**vars(message_store), "select_messages_after": read_and_wait}
    monkeypatch.setattr(repair, "message_store", SimpleNamespace(**slow))
    async with pod.connect(alice) as a, Redis.from_url(redis_url) as redis:
        connection = await asyncpg.connect(database_url)
        try:
            for seq in (1, 2):
                await send_messages(connection, [uuid7()], [room], [bob.id], [str(seq)], [f"message {seq}"], [None])
                await redis.publish(keys.room_channel(room), b"^%d 0" % seq)
                await until(lambda: read == 1, "the repair")
            await a.send("ping")  # what was rung before has been heard when this is answered …
            await a.next("pong")
            await until(lambda: hub.rooms[room].heard_seq == 2, "the second bell")
        finally:
            await connection.close()
        opened.set()
        assert [message["seq"] for message in await a.messages(2)] == [1, 2]
