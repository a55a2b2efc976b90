"""The JavaScript client of Socket.IO, unmodified, through the gateway and two chat pods."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from typing import Any

import pytest

from devstack.background import Background
from tests.e2e.people import Person, Platform
from tests.e2e.test_pod_killed import Chatter
from tests.support.chat import until
from tests.support.node import Node, NodeClient, running_node

TRANSPORTS: list[dict[str, Any]] = [{}, {"transports": ["polling"]}, {"transports": ["websocket"]}]
SECONDS = 40


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    """Node, and clients in it."""
    async with running_node() as node:
        yield node


async def opened(node: Node, person: Person, **options: Any) -> NodeClient:
    """A client of somebody, which is connected."""
    client = await node.open(person.username, person.platform.url, {"token": person.token}, **options)
    await client.until("$connect")
    return client


@pytest.mark.parametrize("options", TRANSPORTS, ids=["default", "polling", "websocket"])
async def test_two_talk_to_each_other(node: Node, alice: Person, bob: Person, options: dict[str, Any]) -> None:
    hers, his = await opened(node, alice, **options), await opened(node, bob, **options)
    started = await hers.emit("start_private_chat", {"user": bob.username})
    assert started["created"] is True
    room = started["chat_id"]
    created = await his.until("chat_created")
    assert (created["chat_id"], created["user"]["id"]) == (room, alice.id)

    sent = await hers.emit("send_message", {"chat_id": room, "message": "hello", "client_id": "one"})
    assert (sent["chat_id"], sent["sender_id"], sent["seq"]) == (room, alice.id, 1)
    heard = await his.until("receive_message")
    assert heard == {"message": "hello"} | {name: sent[name] for name in set(sent) - {"duplicate"}}
    await his.emit("receive_message", {"chat_id": room, "seq": 1})
    assert await hers.until("message_delivered") == {"chat_id": room, "user_id": bob.id, "seq": 1}

    numbers = range(20)
    await asyncio.gather(*(his.do("tell", event="send_message", args=[said(room, number)]) for number in numbers))
    for client in (hers, his):
        await client.until("receive_message", count=21)
    assert hers.seqs(room) == his.seqs(room) == list(range(1, 22))
    again = await hers.emit("send_message", {"chat_id": room, "message": "hello", "client_id": "one"})
    assert (again["seq"], again["duplicate"]) == (1, True)
    assert await hers.emit("start_private_chat", {"user": bob.id}) == {"chat_id": room, "created": False}

    wanted = "polling" if options.get("transports") == ["polling"] else "websocket"
    await until(lambda: uses(hers, wanted), f"{wanted} in use")
    if not options:
        assert [client.all("$open")[0]["transport"] for client in (hers, his)] == ["polling", "polling"]


def said(room: str, number: int) -> dict[str, Any]:
    """A message."""
    return {"chat_id": room, "message": f"number {number}"}


async def uses(client: NodeClient, transport: str) -> bool:
    """Whether the client uses that transport now."""
    return bool(await client.do("transport") == transport)


async def test_a_room_is_shared_with_websockets_and_http(node: Node, alice: Person, bob: Person) -> None:
    room = await alice.group("everybody", bob)
    hers = await opened(node, alice)
    async with bob.connected() as socket:
        await hers.emit("send_message", {"chat_id": room, "message": "by Socket.IO"})
        await socket.say(room, "by WebSocket")  # type: ignore[arg-type]
        await alice.say(room, "by HTTP")
        theirs = await socket.messages(3)
    await hers.until("receive_message", count=3)
    assert [message["content"] for message in theirs] == ["by Socket.IO", "by WebSocket", "by HTTP"]
    assert [message["message"] for message in hers.all("receive_message")] == [
        "by Socket.IO",
        "by WebSocket",
        "by HTTP",
    ]


async def test_an_ended_login_disconnects_and_is_refused(node: Node, alice: Person) -> None:
    hers = await opened(node, alice)
    await alice.call("POST", "/auth/logout")
    assert (await hers.until("session.closing"))["code"] == 4401
    assert (await hers.until("$disconnect"))["reason"] == "io server disconnect"
    for token, code in ((alice.token, "token_revoked"), ("nonsense", "token_invalid"), (None, "unauthorized")):
        await hers.do("auth", auth={"token": token} if token else {})
        hers.events.clear()
        await hers.do("connect")
        assert (await hers.until("$connect_error"))["data"]["code"] == code


@pytest.mark.parametrize("options", TRANSPORTS[1:], ids=["polling", "websocket"])
async def test_what_is_too_large_costs_the_connection_and_a_mistake_does_not(
    node: Node, alice: Person, bob: Person, options: dict[str, Any]
) -> None:
    room = await alice.direct(bob)
    hers = await opened(node, alice, **options, reconnectionDelay=50)
    for event, argument, code in (
        ("send_message", {"chat_id": room, "message": "x" * 4001}, "too_long"),
        ("send_message", {"chat_id": room}, "bad_frame"),
        ("send_message", {"chat_id": bob.id, "message": "hello"}, "not_a_member"),
        ("no.such.event", {}, "bad_frame"),
        ("start_private_chat", {"user": "nobody-here"}, "user_not_found"),
    ):
        assert (await hers.emit_wrong(event, argument))["code"] == code
    assert hers.all("$disconnect") == []
    await hers.do("tell", event="send_message", args=[{"chat_id": room, "message": "x" * 70_000}])
    assert (await hers.until("$disconnect"))["reason"] in ("transport close", "transport error")
    await hers.until("$connect", count=2)
    assert (await hers.emit("send_message", {"chat_id": room, "message": "hello"}))["seq"] == 1


class Curl:
    """Somebody who has curl, and asks for what is new again and again."""

    def __init__(self, person: Person, room: str) -> None:
        self.person = person
        self.room = room
        self.seqs: list[int] = []

    async def ask(self, path: str, *words: str) -> Any:
        """What the platform answers; None when it does not, which is tried again later."""
        arguments = ["-sS", "--fail", "-m", "5", "-H", f"Authorization: Bearer {self.person.token}", *words]
        pipe = asyncio.subprocess.PIPE
        url = self.person.platform.url + path
        process = await asyncio.create_subprocess_exec("curl", *arguments, url, stdout=pipe, stderr=pipe)
        out, _ = await process.communicate()
        return json.loads(out) if process.returncode == 0 else None

    async def say(self, text: str) -> None:
        """Send, until it is acknowledged."""
        body = json.dumps({"room": self.room, "message": text, "client_id": text})
        while await self.ask("/api/chat/messages/", "-H", "Content-Type: application/json", "-d", body) is None:
            await asyncio.sleep(0.05)

    async def read(self) -> None:
        """Take what is new."""
        after = self.seqs[-1] if self.seqs else 0
        page = await self.ask(f"/api/chat/{self.room}/messages/?after={after}&limit=200")
        self.seqs += [message["seq"] for message in (page or {"results": []})["results"]]


@pytest.mark.timeout(150)  # it may be the one for which the platform is started
@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
async def test_a_room_of_javascript_websocket_and_curl_outlives_the_restart_of_each_pod(
    stack: Background, node: Node, platform: Platform, alice: Person, bob: Person
) -> None:
    carol, dave = await platform.register("carol"), await platform.register("dave")
    room = await alice.group("everybody", bob, carol, dave)
    again = {"resuming": True, "reconnectionDelay": 50, "reconnectionDelayMax": 200}
    script, poller = await opened(node, alice, **again), await opened(node, dave, **again, transports=["polling"])
    chatter, curl = Chatter(bob, room), Curl(carol, room)
    rounds = 40
    total = 3 * rounds
    counts = {"script": 0}

    async def by_script() -> None:
        for number in range(rounds):
            message = {"chat_id": room, "message": f"script {number}", "client_id": f"script {number}"}
            while True:
                try:
                    reply = await script.emit("send_message", message)
                except AssertionError:  # of the library: it was disconnected, or nobody answered
                    await asyncio.sleep(0.05)
                else:
                    assert reply.get("error", {}).get("code", "unavailable") == "unavailable", reply
                    if "error" not in reply:
                        break
            counts["script"] += 1

    async def by_socket() -> None:
        for number in range(rounds):
            await chatter.say(f"socket {number}", f"socket {number}")

    async def by_curl() -> None:
        for number in range(rounds):
            await curl.say(f"curl {number}")
            await curl.read()

    running = asyncio.create_task(chatter.run())
    await until(lambda: chatter.resumed, "the WebSocket")
    talking = asyncio.gather(by_script(), by_socket(), by_curl())
    for pod, when in (("chat-1", 5), ("chat-2", 20)):
        await until(lambda when=when: counts["script"] >= when, f"{when} messages")  # type: ignore[misc]
        await asyncio.to_thread(stack.restart, pod)
    async with asyncio.timeout(SECONDS):
        await talking
        await until(lambda: len(script.seqs(room)) >= total <= len(chatter.seen), "everything at both")
        await until(lambda: len(poller.seqs(room)) >= total, "everything at who polls")
        await curl.read()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    everything = list(range(1, total + 1))
    assert script.seqs(room) == poller.seqs(room) == everything
    assert [message["seq"] for message in chatter.seen] == everything
    assert curl.seqs == everything
    assert len(script.all("$connect")) + chatter.resumed > 2  # somebody had to come again
