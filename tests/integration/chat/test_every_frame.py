"""Every frame of the AsyncAPI document is seen in one story of two people, as it is documented.

What clients get and send is held against the document by `tests/support/frames.py`, in all tests; this one says that
the document describes nothing that there is not. A new frame needs an act here.
"""

from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest

from chat_service.realtime.asyncapi import document
from tests.support.auth import User
from tests.support.chat import Client, Pod, component

People = Callable[[int], list[User]]
FAST = {"presence_grace_seconds": 0.5, "presence_lease_seconds": 2.0}


@pytest.fixture
async def pods(start_pod: Callable[..., Any]) -> tuple[Pod, Pod]:
    """Two pods on which whoever leaves is soon offline."""
    return await start_pod("chat-1", **FAST), await start_pod("chat-2", **FAST)


def documented(direction: str) -> set[str]:
    """The types of a direction."""
    names = (name.partition(".") for name in document()["components"]["messages"])
    return {kind for found, _, kind in names if found == direction}


async def test_every_documented_frame_is_seen(pods: tuple[Pod, Pod], people: People) -> None:
    here, there = pods
    alice, bob = people(2)
    room = await here.direct(alice, bob)
    clients: list[Client] = []

    async with AsyncExitStack() as stack:

        async def connect(pod: Pod, user: User, query: str = "") -> Client:
            client = await stack.enter_async_context(pod.connect(user, query))
            clients.append(client)
            return client

        a, b = await connect(here, alice), await connect(there, bob, f"&room={room}")
        await b.next("chat.history")  # then he is in the room
        assert (await a.next("friend.online"))["friend"]["id"] == str(bob.id)
        assert (await b.next("friend.online"))["friend"]["id"] == str(alice.id)
        await talk(a, b, room)
        await found_a_group(here, a, b, alice, bob)
        await go_on(a, await connect(there, alice, "&resume=frame"), alice, room)
        again = await connect(there, alice, f"&resume={room}:7&epoch=before")
        assert (await again.next("room.reset"))["room"] == str(room)
        await component(there, "keeper").drain(0.1)
        assert (await b.next("session.draining"))["reconnect_after_ms"] >= 0
        assert await b.closed() == 1012
        gone = await a.next("friend.offline")  # his grace is over
        assert (gone["id"], gone["friend"]["id"]) == (str(room), str(bob.id))

    assert {kind for client in clients for kind in client.sent} == documented("command")
    assert {frame["type"] for client in clients for frame in client.frames} == documented("event")


async def talk(a: Client, b: Client, room: Any) -> None:
    """A message with all that belongs to it."""
    await a.send("friend.typing.start", room=room)
    await b.next("friend.typing.start")
    await a.send("friend.typing.stop", room=room)
    await b.next("friend.typing.stop")
    ack = await a.say(room, "Hello!", "one")
    message = await b.next("chat.message")
    assert message["id"] == ack["id"]
    await b.send("chat.received", room=room, seq=ack["seq"])
    await a.next("chat.delivered")
    await b.send("chat.read", room=room)
    await a.next("chat.read")
    await b.send("room.join", room=room, since=0)
    assert await b.next("chat.history", lambda data: [one["id"] for one in data["messages"]] == [ack["id"]])
    await a.send("chat.message", room=room, content="Hello again", client_id="one")
    assert (await a.next("error"))["code"] == "client_id_reused"
    await b.send("chat.message", room=room, content="Who are you?", reply_to=ack["seq"])
    asked = (await b.next("chat.ack"))["seq"]
    await b.send("chat.edit", room=room, seq=asked, content="How are you?", client_id="edit")
    assert (await b.next("chat.changed"))["client_id"] == "edit"
    assert (await a.next("chat.edited"))["reply_to"] == ack["seq"]
    await b.send("chat.delete", room=room, seq=asked)
    assert (await a.next("chat.deleted"))["seq"] == asked


async def found_a_group(pod: Pod, a: Client, b: Client, alice: User, bob: User) -> None:
    """A group comes, is renamed, and goes."""
    group = await pod.group(alice, bob)
    await a.next("room.created")
    assert (await b.next("room.created"))["id"] == str(group)
    client: httpx.AsyncClient = pod.client
    path = f"/api/chat/rooms/{group}/"
    assert (await client.patch(path, headers=alice.headers, json={"name": "Renamed"})).status_code == 200
    assert (await b.next("room.updated"))["name"] == "Renamed"
    assert (await client.delete(f"{path}members/{bob.id}/", headers=bob.headers)).status_code == 204
    assert (await b.next("room.removed"))["room"] == str(group)


async def go_on(a: Client, resumed: Client, alice: User, room: Any) -> None:
    """Resume by frame, refresh the token, ask whether anybody is there."""
    await resumed.send("session.resume", rooms={str(room): [0, 0]}, epoch=resumed.ready["epoch"])
    assert (await resumed.next("chat.message"))["seq"] == 1
    await a.send("auth.refresh", token=alice.fresh_token(60))
    await a.next("auth.refreshed")
    assert await a.quiet() is not None
