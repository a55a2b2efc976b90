"""Clients of Socket.IO that make mistakes, mean harm, or go away without a word: answered, bounded, forgotten."""

import asyncio
import contextlib
import json
import socket as sockets
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
import websockets

from chat_service.realtime.socketio import server, wire
from chat_service.realtime.socketio.server import SocketIO
from tests.integration.chat.conftest import StartPod
from tests.support.auth import User
from tests.support.chat import Pod, component, until
from tests.support.socketio import Polling, bare_socket, close_of, connected, packet_with

People = Callable[..., list[User]]
SAID = '42/chat,{number}["send_message",{{"chat_id":"{room}","message":"{text}"}}]'


@pytest.fixture
async def pod(start_pod: StartPod) -> AsyncIterator[Pod]:
    """A pod, of which in the end nothing is left of any client."""
    started: Pod = await start_pod("chat-1")
    yield started
    await gone(started)


@pytest.fixture
async def limited(start_pod: StartPod) -> AsyncIterator[Pod]:
    """The same with its rate limits."""
    started: Pod = await start_pod("chat-1", rate_limits="on", frames_per_second=20, frame_burst=100)
    yield started
    await gone(started)


@pytest.fixture
async def alice(people: People) -> User:
    """Somebody."""
    return people(1)[0]


@pytest.fixture
async def polling(pod: Pod) -> Polling:
    """Long-polling with the pod."""
    return Polling(pod.client)


async def gone(pod: Pod) -> None:
    """Wait until nothing is left of any client."""
    for sid in list(clients(pod).links):
        clients(pod).drop(sid)  # who polls has not said goodbye
    await until(lambda: is_empty(pod), "the end of all clients")


def is_empty(pod: Pod) -> bool:
    """Whether nothing is left of any client, here and in the library."""
    found = clients(pod)
    library = found.server
    left = [found.links, found._coming, found._sessions, library.eio.sockets, library.environ, library.manager.rooms]
    left += [library.manager.pending_connect, library.manager.pending_disconnect, pod.sessions()]
    return not any(left)


def clients(pod: Pod) -> SocketIO:
    """The component."""
    found: SocketIO = component(pod, "socketio")
    return found


# --- mistakes --------------------------------------------------------------------------------------------------------

MISTAKES = [
    '42/chat,1["nothing.like.this",{}]',
    '42/chat,1["send_message"]',
    '42/chat,1["send_message",{"chat_id":"x","message":1}]',
    '42/chat,1["send_message",{},{}]',
    '42/chat,1["connect",{"asgi.scope":{}},{"token":"x"}]',
    '42/chat,1["disconnect","as if"]',
    '42/chat,1["event",{}]',
    "42/chat,1[[]]",
    "42/chat,1{}",
    "42/chat,1[",
    "42/chat,1" + "[" * 50_000,
    '451-/chat,1["send_message",{"_placeholder":true,"num":0}]',
]


async def test_mistakes_are_answered_and_the_connection_stays(pod: Pod, alice: User, polling: Polling) -> None:
    await polling.open(alice.token)
    async with bare_socket(pod, alice.token) as socket:
        for mistake in MISTAKES:
            await socket.send(mistake)
            assert '"bad_frame"' in await packet_with(socket, "43/chat,1[")
            await polling.post(mistake)
            assert '"bad_frame"' in await polling.until("43/chat,1[")
            good = '42/chat,2["auth.resume",{"rooms":{}}]'  # the count of mistakes in a row begins anew
            await socket.send(good)
            await packet_with(socket, "43/chat,2[")
            await polling.post(good)
            await polling.until("43/chat,2[")
        await socket.send('42/chat,["nothing.like.this",{}]')
        assert '"bad_frame"' in await packet_with(socket, '42/chat,["error",')
        await socket.send(b"of an event with binary data")
        await polling.post("bAQID", '42/chat,3["ping"]')
        await polling.until("43/chat,3[")
        await socket.send('42/chat,3["ping"]')
        await packet_with(socket, "43/chat,3[")
    assert (await polling.post("41/chat,", "1")).status_code == 200


async def test_twenty_mistakes_in_a_row_end_it(pod: Pod, alice: User) -> None:
    async with bare_socket(pod, alice.token) as socket:
        for _ in range(20):
            await socket.send("42/chat,[")
        await packet_with(socket, '"session.closing",{"code":4400')
        await packet_with(socket, "41/chat,")
        assert await close_of(socket) == (4400, "too many bad frames")


async def test_what_is_no_packet_ends_it(pod: Pod, alice: User) -> None:
    for packet in ("", "x", "0{}", "4", "4[" + "[" * 9000, '4{"a":1}', "2", "6", "\u00b2"):
        async with bare_socket(pod, alice.token) as socket:
            await socket.send(packet)
            assert (await close_of(socket))[0] == 1002
        polling = Polling(pod.client)
        await polling.open(alice.token)
        reply = await polling.post("42/chat,1[", packet)
        assert (reply.status_code, reply.json()) == (400, {"code": 3, "message": "Bad request"})
        await until(lambda: not pod.sessions(), "the end of both")
        assert (await polling.get()).json() == {"code": 1, "message": "Session ID unknown"}


async def test_requests_that_make_no_sense(pod: Pod) -> None:
    requests: list[tuple[str, Any, int, Any]] = [
        ("GET", {"transport": "polling"}, 400, 5),
        ("GET", {"EIO": "3", "transport": "polling"}, 400, 5),
        ("GET", {"EIO": "4"}, 400, 0),
        ("GET", {"EIO": "4", "transport": "carrier-pigeon"}, 400, 0),
        ("GET", {"EIO": "4", "transport": "websocket"}, 400, 3),
        ("GET", {"EIO": "4", "transport": "polling", "j": "0"}, 400, 3),
        ("GET", {"EIO": ["4", "4"], "transport": "polling"}, 400, 3),
        ("GET", {"EIO": "4", "transport": "polling", "sid": "nobody"}, 400, 1),
        ("POST", {"EIO": "4", "transport": "polling", "sid": "nobody"}, 400, 1),
        ("POST", {"EIO": "4", "transport": "polling"}, 400, 2),
        ("GET", {f"x{number}": "1" for number in range(60)}, 400, 3),
        ("PUT", {"EIO": "4", "transport": "polling"}, 405, "method_not_allowed"),
    ]
    for method, query, status, code in requests:
        reply = await pod.client.request(method, "/socket.io/", params=query)
        assert (reply.status_code, reply.json()["code"]) == (status, code), (method, query)
    assert is_empty(pod)


async def test_bodies_are_bounded_and_text(pod: Pod, alice: User, polling: Polling) -> None:
    await polling.open(alice.token)
    large = await polling.post("42/chat,1" + json.dumps(["send_message", {"message": "x" * 70_000}]))
    assert (large.status_code, large.json()["code"]) == (413, "too_large")
    assert (await polling.post(b"42/chat,\xff\xfe")).status_code == 400
    assert (await polling.post(*["3"] * 1001)).status_code == 400
    async with bare_socket(pod, alice.token) as socket:
        await socket.send("42/chat," + "x" * 70_000)
        assert (await close_of(socket))[0] == 1009


async def test_a_body_may_have_many_packets(pod: Pod, people: People, polling: Polling) -> None:
    alice, bob = people(2)
    room = await pod.direct(alice, bob)
    await polling.open(alice.token)
    packets = [SAID.format(number=number, room=room, text=number) for number in range(150)]
    assert (await polling.post(*packets)).status_code == 200
    for _ in packets:
        assert '"error"' not in await polling.until("43/chat,")


# --- limits ----------------------------------------------------------------------------------------------------------


async def test_too_many_events_are_refused_and_then_the_client_is(limited: Pod, alice: User) -> None:
    async with bare_socket(limited, alice.token) as socket:
        for number in range(110):
            await socket.send(f'42/chat,{number}["auth.resume",{{"rooms":{{}}}}]')
        refused = json.loads((await packet_with(socket, '"rate_limited"')).partition("[")[2][:-1])
        assert refused["error"]["retry_after"] >= 1
        with contextlib.suppress(websockets.ConnectionClosed):
            for number in range(2000):
                await socket.send(f'42/chat,{number}["auth.resume",{{"rooms":{{}}}}]')
        assert await close_of(socket) == (4429, "flooding")


async def test_packets_that_are_no_events_are_bounded_too(limited: Pod, alice: User) -> None:
    async with bare_socket(limited) as socket:  # not even in the namespace
        with contextlib.suppress(websockets.ConnectionClosed):
            for _ in range(2000):
                await socket.send("43/chat,1[]")
        assert await close_of(socket) == (4429, "flooding")
    polling = Polling(limited.client)
    await polling.open(alice.token)
    assert (await polling.post(*["3"] * 600)).status_code == 400
    await until(lambda: not limited.sessions(), "the end")


async def test_who_does_not_read_is_sent_away_and_others_are_not(pod: Pod, people: People) -> None:
    slow, alice = people(2)
    room = str(await pod.direct(slow, alice))
    raw = sockets.socket()
    raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
    raw.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(raw, ("127.0.0.1", pod.port))
    head = (
        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    )
    head += "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    await loop.sock_sendall(raw, head.encode())
    assert (await loop.sock_recv(raw, 12)).startswith(b"HTTP/1.1 101")
    came_in = ("40/chat," + json.dumps({"token": slow.token, "resume": False})).encode()
    frame = bytes([0x81, 0xFE]) + len(came_in).to_bytes(2, "big") + bytes(4) + came_in
    await loop.sock_sendall(raw, frame)
    await until(lambda: len(pod.sessions()) == 1, "the slow one")
    [session] = pod.sessions()
    async with connected(pod, alice) as hers:
        said = {"chat_id": room, "message": "\u20ac" * 4000}  # what is more than the kernel takes
        for _ in range(600):
            await hers.call("send_message", said)
            assert session.transport is None or session.transport.get_write_buffer_size() < 1.2 * 2**20
            if session.closing:
                break
        assert session.closing
        await until(lambda: len(clients(pod).links) == 1, "the end of the slow one")
        assert (await hers.call("send_message", said))["seq"] > 100
    raw.close()


async def test_who_does_not_poll_is_sent_away(pod: Pod, people: People, polling: Polling) -> None:
    slow, alice = people(2)
    room = str(await pod.direct(slow, alice))
    await polling.open(slow.token)
    [session] = pod.sessions()
    async with connected(pod, alice) as hers:
        for _ in range(600):
            await hers.call("send_message", {"chat_id": room, "message": "\u20ac" * 4000})
            if session.closing:
                break
    assert session.closing
    await until(lambda: is_empty(pod), "the end of the slow one")
    assert (await polling.get()).status_code == 400


async def test_who_does_not_come_into_the_namespace_has_to_go(
    pod: Pod, polling: Polling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "SESSION_SECONDS", 0.1)
    await polling.open()
    async with bare_socket(pod) as socket:
        await close_of(socket)
    await until(lambda: is_empty(pod), "the end of both")


async def test_who_does_not_answer_pings_is_given_up(start_pod: StartPod, alice: User) -> None:
    pod: Pod = await start_pod("chat-1", heartbeat_seconds=1, dead_after_seconds=2)
    polling = Polling(pod.client)
    opened = await polling.open(alice.token)
    assert (opened["pingInterval"], opened["pingTimeout"], opened["maxPayload"]) == (1000, 1000, 65536)
    async with bare_socket(pod, alice.token) as socket:
        while await socket.recv() != "2":
            pass
        await until(lambda: is_empty(pod), "the end of both")


# --- coming and going ------------------------------------------------------------------------------------------------


async def test_two_polls_at_once_end_the_session(pod: Pod, alice: User, polling: Polling) -> None:
    await polling.open(alice.token)
    await polling.until("session.ready")
    first = asyncio.create_task(polling.get())
    await until(lambda: any(link.polling for link in clients(pod).links.values()), "the first poll")
    assert (await polling.get()).json()["code"] == 3
    assert (await first).json()["code"] == 1
    await until(lambda: is_empty(pod), "the end")


async def test_a_poller_that_goes_away_is_noticed_at_once(pod: Pod, alice: User, polling: Polling) -> None:
    await polling.open(alice.token)
    await polling.until("session.ready")
    with pytest.raises(httpx.ReadTimeout):
        await pod.client.get("/socket.io/", params=polling.query, timeout=0.2)
    await until(lambda: is_empty(pod), "the end")


async def test_an_upgrade_that_is_not_finished_leaves_the_polling_as_it_was(
    pod: Pod, people: People, polling: Polling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "UPGRADE_SECONDS", 0.2)
    alice, bob = people(2)
    room = await pod.direct(alice, bob)
    await polling.open(alice.token)
    sid = polling.query["sid"]
    async with bare_socket(pod, sid=sid):
        pass  # opened, and closed again
    async with bare_socket(pod, sid=sid) as socket:
        await socket.send("2probe")
        assert await socket.recv() == "3probe"
        assert (await refusal(pod, sid)).status_code == 400  # one at a time
        await close_of(socket)  # it was not confirmed
    async with bare_socket(pod, sid=sid) as socket:
        await socket.send("42/chat,1[]")  # no probe
        await close_of(socket)
    await until(lambda: not any(link.upgrading for link in clients(pod).links.values()), "the end of the upgrades")
    await polling.post(SAID.format(number=1, room=room, text="still here"))
    assert "still here" in await polling.until("receive_message")
    async with bare_socket(pod, sid=sid) as socket:
        await socket.send("2probe")
        assert await socket.recv() == "3probe"
        await socket.send("5")
        await socket.send('42/chat,2["ping"]')
        await packet_with(socket, "43/chat,2[")
        assert (await polling.get()).status_code == 400  # it goes over the WebSocket now
        assert len(pod.sessions()) == 1


async def refusal(pod: Pod, sid: str) -> Any:
    """The answer to a handshake that is refused."""
    with pytest.raises(websockets.InvalidStatus) as caught:
        async with bare_socket(pod, sid=sid):
            pass
    return caught.value.response


async def test_a_socket_of_an_unknown_session_is_refused(pod: Pod) -> None:
    refused = await refusal(pod, "0" * 28)
    assert (refused.status_code, json.loads(refused.body)) == (400, {"code": 1, "message": "Session ID unknown"})


async def test_a_client_may_leave_the_namespace_and_come_again(pod: Pod, alice: User) -> None:
    async with bare_socket(pod, alice.token) as socket:
        await packet_with(socket, "session.ready")
        await socket.send("40/chat," + json.dumps({"token": alice.token}))
        assert "44/chat," in await packet_with(socket, "44/chat,")  # once is enough
        await socket.send("41/chat,")
        await until(lambda: not pod.sessions(), "the leaving")
        await socket.send('42/chat,1["ping"]')  # to nobody
        await socket.send("40/chat," + json.dumps({"token": alice.token, "resume": False}))
        await packet_with(socket, "session.ready")
        assert len(pod.sessions()) == 1


async def test_who_goes_away_while_he_is_let_in_is_forgotten(
    pod: Pod, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()
    guard = clients(pod)._guard

    async def slow(token: str) -> Any:
        asked.set()
        await go_on.wait()
        return await guard(token)

    monkeypatch.setattr(clients(pod), "_guard", slow)
    polling = Polling(pod.client)
    await polling.open()
    entering = asyncio.create_task(polling.post("40/chat," + json.dumps({"token": alice.token})))
    await asked.wait()
    clients(pod).drop(polling.query["sid"])
    await until(lambda: not clients(pod).links, "the end of the connection")
    go_on.set()
    await entering
    await until(lambda: is_empty(pod), "the end of the client")


async def test_a_full_pod_and_one_that_goes_away_take_nobody(start_pod: StartPod, alice: User) -> None:
    pod: Pod = await start_pod("chat-1", sockets_per_pod=1)
    async with bare_socket(pod, alice.token):
        refused = await pod.client.get("/socket.io/?EIO=4&transport=polling")
        assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
        assert int(refused.headers["retry-after"]) >= 1
    polling = Polling(pod.client)
    await until(lambda: is_empty(pod), "the end of the first")
    await polling.open()
    component(pod, "keeper").draining = True
    await polling.post("40/chat," + json.dumps({"token": alice.token}))  # the connection ends: he comes again elsewhere
    assert (await polling.get()).json()["code"] == 1
    assert (await pod.client.get("/socket.io/?EIO=4&transport=polling")).status_code == 503


async def test_while_postgres_is_away_the_connection_ends_so_that_the_client_tries_again(
    pod: Pod, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any) -> Any:
        raise OSError("nobody there")

    monkeypatch.setattr(clients(pod)._arrivals, "prepare", away)
    async with bare_socket(pod) as socket:
        await socket.send("40/chat," + json.dumps({"token": alice.token}))
        with pytest.raises(websockets.ConnectionClosed):
            assert not (await socket.recv()).startswith("44")
