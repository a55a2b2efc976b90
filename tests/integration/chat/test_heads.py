"""A message whose pod died between the commit and its bell: the relay rings once more."""

from collections.abc import Callable
from typing import Any

import asyncpg

from chassis.ids import uuid7
from chat_service.store.messages import send_messages
from tests.support.auth import User

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
