"""One trace tells of a message from the gateway to the sockets of every pod and to the devices of who is away."""

import asyncio
import secrets
from collections import Counter

import pytest

from devstack.background import Background
from tests.e2e.people import Person, Platform
from tests.support.chat import Client
from tests.support.collector import Collector, Span
from tests.support.frames import connect


async def until_traced(collector: Collector, trace: str, wanted: Counter[str]) -> list[Span]:
    try:
        async with asyncio.timeout(30):
            while wanted - Counter(span.name for span in collector.of(trace)):
                await asyncio.sleep(0.05)
    except TimeoutError:
        pytest.fail(f"of {wanted} only {[(span.pod, span.name) for span in collector.of(trace)]} have come")
    return collector.of(trace)


async def test_a_trace_goes_from_the_gateway_to_both_pods_and_to_the_push(
    platform: Platform, stack: Background, collector: Collector, alice: Person
) -> None:
    bob, token = await platform.register("bob"), f"e2e:{secrets.token_hex(8)}"
    carol = await platform.register("carol", fcm_token=token)
    room = await alice.group("traced", bob, carol)
    places = [stack.urls[pod].replace("http", "ws") for pod in ("chat-1", "chat-2")]
    sockets = [connect(f"{place}/ws?token={person.token}") for place in places for person in (alice, bob)]
    async with sockets[0] as one, sockets[1] as two, sockets[2] as three, sockets[3] as four:
        clients = [Client(socket) for socket in (one, two, three, four)]
        for client in clients:
            await client.next("session.ready")
        await clients[0].send("friend.typing.start", room=room)
        message = await alice.say(room, "Where does this go?")
        for client in clients:
            assert (await client.next("chat.message"))["id"] == message["id"]
        trace = message["id"].replace("-", "")
        told = {"POST /api/chat": 1, "POST /api/chat/messages/": 1, "send message": 1, "deliver message": 2}
        spans = await until_traced(collector, trace, Counter({**told, "push message": 1}))

    by_id = {span.id: span for span in spans}
    (root,) = [span for span in spans if not span.parent]
    assert (root.pod, root.name) == ("gateway", "POST /api/chat")
    parents = {(span.name, by_id[span.parent].name) for span in spans if span.parent}
    assert parents == {
        ("POST /api/chat/messages/", "POST /api/chat"),
        ("send message", "POST /api/chat/messages/"),
        ("deliver message", "send message"),
        ("push message", "send message"),
    }
    delivered = {span.pod: span.attributes["parley.sessions"] for span in spans if span.name == "deliver message"}
    assert delivered == {"chat-1": 2, "chat-2": 2}
    assert [span.attributes["parley.push.result"] for span in spans if span.name == "push message"] == ["sent"]
    text = repr(spans)
    assert not any(secret in text for secret in (token, alice.token, "Where does this go"))


async def test_a_message_over_a_socket_has_a_trace_and_its_frames_have_no_spans(
    collector: Collector, alice: Person, bob: Person
) -> None:
    room = await alice.direct(bob)
    async with alice.connected() as socket:
        await socket.send("friend.typing.start", room=room)
        await socket.send("ping")
        await socket.send("chat.message", room=room, content="one", client_id="1")
        ack = await socket.next("chat.ack")
    trace = ack["id"].replace("-", "")
    spans = await until_traced(collector, trace, Counter(["send message", "deliver message"]))
    assert Counter(span.name for span in spans if span.name != "push message") == {
        "send message": 1,
        "deliver message": 1,
    }
