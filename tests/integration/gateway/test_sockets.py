"""WebSockets through the gateway: the checks at the door, the choice of a pod, the splice."""

import asyncio
import functools
import gc
import json
import os
from collections.abc import AsyncIterator
from typing import Any

import pytest
import redis.asyncio
import websockets
from prometheus_client import REGISTRY
from websockets.asyncio.server import ServerConnection

from contracts import keys
from contracts.sockets import CONNECTION_HEADER
from tests.integration.gateway.conftest import DEAD, Running, StartGateway
from tests.integration.gateway.fakes import FakePod, FakeService, Seen, User, response
from tests.support.serving import dial, masked, until, upgrade

REFUSED = websockets.InvalidStatus


@pytest.fixture
async def pod() -> AsyncIterator[FakePod]:
    """A chat pod that echoes."""
    async with FakePod().running() as pod:
        yield pod


@pytest.fixture
async def gateway(start_gateway: StartGateway, pod: FakePod) -> Running:
    """A gateway in front of that pod."""
    started: Running = await start_gateway(chat_urls=(pod.url,))
    return started


def connect(gateway: Running, path: str, **options: Any) -> Any:
    """A WebSocket through the gateway."""
    options = {"compression": None, "ping_interval": None, "proxy": None, "close_timeout": 1, **options}
    return websockets.connect(gateway.ws_url + path, **options)


async def refusal(gateway: Running, path: str, **options: Any) -> Any:
    """The answer to a handshake that is refused."""
    with pytest.raises(REFUSED) as caught:
        async with connect(gateway, path, **options):
            pass
    return caught.value.response


def gauge(name: str, **labels: str) -> float | None:
    """A metric's value."""
    return REGISTRY.get_sample_value(name, labels)


@pytest.mark.parametrize("path", ["/ws", "/ws/", "/api/chat/ws/chat/", "/api/chat/ws/chat"])
async def test_frames_go_both_ways(gateway: Running, user: User, path: str) -> None:
    async with connect(gateway, f"{path}?token={user.token}") as socket:
        for message in ("hello", "ü" * 200, b"\x00\xff" * 40_000, "", b""):
            await socket.send(message)
            assert await socket.recv() == message
        await socket.ping()
        await socket.close(4000, "bye")
    assert socket.close_code == 4000


async def test_the_token_may_come_in_four_ways(gateway: Running, pod: FakePod, user: User) -> None:
    async with connect(gateway, f"/ws?token={user.token}"):
        pass
    async with connect(gateway, "/ws", additional_headers=user.headers):
        pass
    async with connect(gateway, "/ws", subprotocols=["bearer", user.token]) as socket:
        assert socket.subprotocol == "bearer"
    async with connect(gateway, "/ws?ticket=secret"):
        pass
    assert len(pod.connections) == 4


async def test_a_pod_gets_the_handshake_as_it_was(gateway: Running, pod: FakePod, user: User) -> None:
    more = {
        "X-User-Id": "1",
        "X-Parley-Connection": "mine",
        "X-Request-Id": "abcdefgh-2",
        "X-Forwarded-For": "6.6.6.6",
        "Cookie": "a=1",
        **user.headers,
    }
    path = "/api/chat/ws/chat/?room=1&resume=a:1,b:2"
    async with connect(gateway, path, additional_headers=more, compression="deflate") as socket:
        assert socket.response is not None
        assert socket.response.headers["x-request-id"] == "abcdefgh-2"
        assert socket.response.headers["ratelimit-limit"] == "20"
        assert "sec-websocket-extensions" not in socket.response.headers
    [handshake] = pod.handshakes
    headers = handshake.headers
    assert handshake.path == path
    assert headers["x-request-id"] == "abcdefgh-2"
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert headers["authorization"] == f"Bearer {user.token}"
    assert headers["host"] == f"127.0.0.1:{gateway.port}"
    assert len(headers.get_all(CONNECTION_HEADER)) == 1
    assert headers[CONNECTION_HEADER] != "mine"
    assert not {"x-user-id", "cookie", "sec-websocket-extensions"} & {name.lower() for name in headers}


@pytest.mark.parametrize(
    ("path", "options", "code"),
    [
        ("/ws", {}, "unauthorized"),
        ("/ws?token=nonsense", {}, "token_invalid"),
        ("/ws?token=", {}, "unauthorized"),
        ("/api/chat/ws/chat/", {"additional_headers": {"Authorization": "Bearer x"}}, "token_invalid"),
        ("/ws", {"subprotocols": ["bearer", "x"]}, "token_invalid"),
        ("/ws", {"subprotocols": ["bearer"]}, "unauthorized"),
    ],
)
async def test_a_bad_token_is_refused_before_the_upgrade(
    gateway: Running, pod: FakePod, path: str, options: dict[str, Any], code: str
) -> None:
    answer = await refusal(gateway, path, **options)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert json.loads(answer.body)["code"] == code
    assert pod.handshakes == []


async def test_expired_and_revoked_tokens_open_no_socket(
    gateway: Running, pod: FakePod, store: "redis.asyncio.Redis", user: User
) -> None:
    expired = await refusal(gateway, f"/ws?token={user.make_token(seconds=-5)}")
    assert json.loads(expired.body)["code"] == "token_expired"
    await store.set(keys.revoked_session(user.session_id), b"1")
    revoked = await refusal(gateway, f"/ws?token={user.token}")
    assert json.loads(revoked.body)["code"] == "token_revoked"
    assert pod.handshakes == []


async def test_only_allowed_origins_open_sockets(start_gateway: StartGateway, pod: FakePod, user: User) -> None:
    gateway: Running = await start_gateway(chat_urls=(pod.url,), allowed_origins=("https://app.example",))
    path = f"/ws?token={user.token}"
    for origin in (f"http://127.0.0.1:{gateway.port}", "https://app.example", None):
        async with connect(gateway, path, origin=origin):
            pass
    for origin in ("https://evil.example", "null", "http://127.0.0.1"):
        answer = await refusal(gateway, path, origin=origin)
        assert (answer.status_code, json.loads(answer.body)["code"]) == (403, "origin_refused")
    assert len(pod.handshakes) == 3


async def test_new_sockets_are_limited_per_user(start_gateway: StartGateway, pod: FakePod, user: User) -> None:
    gateway: Running = await start_gateway(chat_urls=(pod.url,), rate_sockets_per_second=1, rate_sockets_burst=2)
    for _ in range(2):
        async with connect(gateway, f"/ws?token={user.token}"):
            pass
    answer = await refusal(gateway, f"/ws?token={user.token}")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    assert answer.headers["ratelimit-remaining"] == "0"
    async with connect(gateway, f"/ws?token={User().token}"):
        pass


async def test_limits_off_admits_every_socket(start_gateway: StartGateway, pod: FakePod, user: User) -> None:
    limits = {"rate_limits": "off", "rate_sockets_burst": 1, "rate_address_sockets_burst": 1}
    gateway: Running = await start_gateway(chat_urls=(pod.url,), **limits)
    for path in (f"/ws?token={user.token}", "/ws?ticket=x"):
        for _ in range(3):
            async with connect(gateway, path):
                pass
    assert len(pod.connections) == 6


async def test_tickets_are_limited_per_address(start_gateway: StartGateway, pod: FakePod) -> None:
    limits = {"rate_address_sockets_per_second": 1, "rate_address_sockets_burst": 1}
    gateway: Running = await start_gateway(chat_urls=(pod.url,), **limits)
    async with connect(gateway, "/ws?ticket=a"):
        pass
    assert (await refusal(gateway, "/ws?ticket=b")).status_code == 429


async def test_a_pods_refusal_is_passed_on(gateway: Running, pod: FakePod) -> None:
    body = json.dumps({"status": 401, "code": "ticket_used"}).encode()
    pod.refusal = (401, body)
    answer = await refusal(gateway, "/ws?ticket=used")
    assert (answer.status_code, answer.body) == (401, body)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"] == "7"
    for name in ("x-request-id", "x-content-type-options", "content-length", "date"):
        assert len(answer.headers.get_all(name)) == 1, name
    pod.refusal = None
    async with connect(gateway, "/ws?ticket=fresh"):
        pass


async def test_the_pods_first_bytes_come_first(start_gateway: StartGateway, upstream: FakeService, user: User) -> None:
    async def answer(seen: Seen, writer: asyncio.StreamWriter) -> None:
        frames = b"".join(b"\x81\x01%d" % number for number in range(5))
        writer.write(b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n" + frames)
        await writer.drain()
        await seen.reader.read()

    upstream.answer = answer
    gateway: Running = await start_gateway()
    async with connect(gateway, f"/ws?token={user.token}") as socket:
        assert [await socket.recv() for _ in range(5)] == list("01234")


async def test_what_a_client_sends_right_after_the_accept_arrives(gateway: Running, user: User) -> None:
    async with dial(gateway.port) as raw:
        raw.send(upgrade(f"/ws?token={user.token}"))
        assert (await raw.head())[0] == 101
        raw.send(masked(b"first"))
        assert await raw.receive(7) == b"\x81\x05first"


@pytest.mark.parametrize(
    "head",
    [
        b"Sec-WebSocket-Extensions: permessage-deflate\r\n",
        b"Sec-WebSocket-Protocol: other\r\n",
    ],
)
async def test_an_accept_that_nobody_offered_is_502(
    start_gateway: StartGateway, upstream: FakeService, user: User, head: bytes
) -> None:
    async def answer(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" + head + b"\r\n")
        await seen.reader.read()

    upstream.answer = answer
    gateway: Running = await start_gateway()
    assert (await refusal(gateway, f"/ws?token={user.token}")).status_code == 502
    await until(lambda: not upstream.writers)


async def test_no_pod_is_503(start_gateway: StartGateway, user: User) -> None:
    gateway: Running = await start_gateway(chat_urls=(DEAD, "http://127.0.0.1:19"))
    answer = await refusal(gateway, f"/ws?token={user.token}")
    assert (answer.status_code, json.loads(answer.body)["code"]) == (503, "upstream_away")
    assert int(answer.headers["retry-after"]) >= 1


async def test_a_pod_that_does_not_answer_the_handshake_is_504(
    start_gateway: StartGateway, upstream: FakeService, user: User
) -> None:
    async def silent(seen: Seen, writer: asyncio.StreamWriter) -> None:
        await seen.reader.read()

    upstream.answer = silent
    gateway: Running = await start_gateway(handshake_seconds=0.2)
    assert (await refusal(gateway, f"/ws?token={user.token}")).status_code == 504
    await until(lambda: not upstream.writers)


async def test_dead_and_full_pods_are_passed_over(
    start_gateway: StartGateway, pod: FakePod, upstream: FakeService, user: User
) -> None:
    async def full(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(response(503, b"full"))

    upstream.answer = full
    gateway: Running = await start_gateway(chat_urls=(DEAD, pod.url, upstream.url), rate_limits="off")
    for _ in range(10):
        async with connect(gateway, f"/ws?token={user.token}"):
            pass
    assert len(pod.connections) == 10
    assert len(upstream.seen) < 10, "a full pod is left alone for a while"


async def test_when_all_pods_are_full_the_last_refusal_is_passed_on(
    start_gateway: StartGateway, pod: FakePod, user: User
) -> None:
    pod.refusal = (503, b'{"code":"full"}')
    async with FakePod().running() as other:
        other.refusal = pod.refusal
        gateway: Running = await start_gateway(chat_urls=(pod.url, other.url))
        answer = await refusal(gateway, f"/ws?token={user.token}")
    assert (answer.status_code, answer.body, answer.headers["retry-after"]) == (503, b'{"code":"full"}', "7")
    assert len(pod.handshakes) == len(other.handshakes) == 1


async def test_sockets_are_spread_over_the_pods(start_gateway: StartGateway, pod: FakePod, user: User) -> None:
    async with FakePod().running() as other:
        gateway: Running = await start_gateway(chat_urls=(pod.url, other.url), rate_limits="off")
        sockets = [await connect(gateway, f"/ws?token={user.token}") for _ in range(20)]
        assert len(pod.connections) == len(other.connections) == 10
        for each in (pod, other):
            assert gauge("parley_gateway_sockets", pod=f"127.0.0.1:{each.port}") == 10
        for socket in sockets:
            await socket.close()
        for each in (pod, other):
            gone = functools.partial(gauge, "parley_gateway_sockets", pod=f"127.0.0.1:{each.port}")
            await until(lambda gone=gone: gone() == 0, "the gauge at 0")  # type: ignore[misc]


async def test_the_death_of_a_pod_ends_its_sockets_and_new_ones_go_elsewhere(
    start_gateway: StartGateway, pod: FakePod, user: User
) -> None:
    async with FakePod().running() as other:
        gateway: Running = await start_gateway(chat_urls=(pod.url, other.url), rate_limits="off")
        sockets = [await connect(gateway, f"/ws?token={user.token}") for _ in range(6)]
        await other.close()
        ended = [socket for socket in sockets if socket.local_address]
        await until(lambda: sum(socket.close_code is not None for socket in ended) == 3, "three sockets to end")
        for socket in sockets:
            if socket.close_code is None:
                await socket.send("still here")
                assert await socket.recv() == "still here"
        for _ in range(5):
            async with connect(gateway, f"/ws?token={user.token}"):
                pass
        for socket in sockets:
            await socket.close()


async def test_the_end_of_a_client_reaches_the_pod(gateway: Running, pod: FakePod, user: User) -> None:
    async with dial(gateway.port) as raw:
        raw.send(upgrade(f"/ws?token={user.token}"))
        assert (await raw.head())[0] == 101
        await until(lambda: pod.connections)
    [connection] = pod.connections
    async with asyncio.timeout(5):
        await connection.wait_closed()


async def test_half_a_close_is_passed_on(start_gateway: StartGateway, upstream: FakeService, user: User) -> None:
    async def answer(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        assert await seen.reader.read() == b"over"
        writer.write(b"last words")
        writer.write_eof()

    upstream.answer = answer
    gateway: Running = await start_gateway()
    async with dial(gateway.port) as raw:
        raw.send(upgrade(f"/ws?token={user.token}"))
        assert (await raw.head())[0] == 101
        raw.send(b"over")
        raw.writer.write_eof()
        assert await raw.rest() == b"last words"
    await until(lambda: not upstream.writers)


def resident_kib() -> int:
    """The memory of this process."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE") // 1024


@pytest.mark.parametrize("message", ["x" * 1_000_000, b"y" * 1_000_000], ids=["text", "binary"])
async def test_large_frames_pass_whole(gateway: Running, user: User, message: str | bytes) -> None:
    async with connect(gateway, f"/ws?token={user.token}", max_size=None) as socket:
        await socket.send(message)
        assert await socket.recv() == message


async def test_a_slow_reader_holds_its_pod_back_and_costs_little(start_gateway: StartGateway, user: User) -> None:
    written, total = 0, 400

    async def flood(connection: ServerConnection) -> None:
        nonlocal written
        while written < total:
            await connection.send(b"z" * 262_144)
            written += 1
        await connection.close()

    async with FakePod(flood).running() as pod:
        gateway: Running = await start_gateway(chat_urls=(pod.url,))
        async with dial(gateway.port) as raw:
            raw.send(upgrade(f"/ws?token={user.token}"))
            assert (await raw.head())[0] == 101
            gc.collect()
            before = resident_kib()
            seen = -1
            while seen != written:  # until nothing moves any more
                seen = written
                await asyncio.sleep(0.2)
            assert written < total / 2
            assert resident_kib() - before < 16 * 1024  # both ends and the client's reader are in this process
            while await raw.reader.read(1 << 20):
                pass
        assert written == total


async def test_a_slow_pod_holds_its_client_back(start_gateway: StartGateway, upstream: FakeService, user: User) -> None:
    release = asyncio.Event()

    async def deaf(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        await release.wait()

    upstream.answer = deaf
    gateway: Running = await start_gateway()
    sent = 0
    async with dial(gateway.port) as raw:
        raw.send(upgrade(f"/ws?token={user.token}"))
        assert (await raw.head())[0] == 101
        try:
            while sent < 1 << 28:
                raw.send(b"x" * 65536)
                async with asyncio.timeout(1):
                    await raw.writer.drain()
                sent += 65536
        except TimeoutError:
            pass
        assert sent < 1 << 26
    release.set()


async def test_a_drain_asks_the_pods_to_say_goodbye(
    start_gateway: StartGateway, upstream: FakeService, user: User
) -> None:
    drains: list[dict[str, Any]] = []
    open_sockets: dict[str, asyncio.StreamWriter] = {}

    async def answer(seen: Seen, writer: asyncio.StreamWriter) -> None:
        if seen.method == "POST":
            assert seen.target == "/internal/sockets/drain"
            drains.append(json.loads(seen.body))
            for identifier in drains[-1]["connections"]:
                open_sockets[identifier].write(b"\x88\x02" + (1012).to_bytes(2, "big"))
                open_sockets[identifier].close()
            writer.write(response(204))
        else:
            identifier = seen.header("x-parley-connection")
            assert identifier is not None
            open_sockets[identifier] = writer
            writer.write(b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
            await writer.drain()
            await seen.reader.read()

    upstream.answer = answer
    gateway: Running = await start_gateway()
    sockets = []
    for _ in range(3):
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(upgrade(f"/ws?token={user.token}"))
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
        sockets.append((reader, writer))
    await asyncio.wait_for(gateway.service.lifecycle.drain(0, 7.5), 5)
    assert len(drains) == 1
    assert sorted(drains[0]["connections"]) == sorted(open_sockets)
    assert drains[0]["budget_seconds"] == 7.5
    for reader, writer in sockets:
        assert await reader.read() == b"\x88\x02\x03\xf4"
        writer.close()
    answered = await refusal(gateway, f"/ws?token={user.token}")
    assert (answered.status_code, json.loads(answered.body)["code"]) == (503, "draining")
    assert answered.headers["retry-after"] == "1"


async def test_what_the_pods_leave_open_is_closed_after_the_budget(gateway: Running, pod: FakePod, user: User) -> None:
    async with connect(gateway, f"/ws?token={user.token}") as socket:
        await gateway.service.lifecycle.drain(0, 0.2)
        async with asyncio.timeout(5):
            await socket.wait_closed()
    assert socket.close_code == 1006


async def test_a_client_that_is_still_sending_gets_the_pods_goodbye_and_no_reset(
    start_gateway: StartGateway, upstream: FakeService, user: User
) -> None:
    goodbye = b"\x88\x02" + (1012).to_bytes(2, "big")

    async def leave(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        await seen.reader.read(1)
        writer.write(goodbye)
        writer.write_eof()
        while await seen.reader.read(1 << 20):
            pass

    upstream.answer = leave
    gateway: Running = await start_gateway()
    async with dial(gateway.port) as raw:
        raw.send(upgrade(f"/ws?token={user.token}"))
        assert (await raw.head())[0] == 101
        raw.send(b"x" * 5_000_000)
        assert await raw.rest() == goodbye
        await raw.writer.drain()


async def test_a_frozen_pod_is_left_alone(start_gateway: StartGateway, pod: FakePod, user: User) -> None:
    frozen = FakeService()

    async def silent(seen: Seen, writer: asyncio.StreamWriter) -> None:
        await seen.reader.read()

    frozen.answer = silent
    await frozen.open()
    try:
        gateway: Running = await start_gateway(
            chat_urls=(frozen.url, pod.url), handshake_seconds=0.2, rate_limits="off"
        )
        outcomes = []
        for _ in range(12):
            try:
                async with connect(gateway, f"/ws?token={user.token}"):
                    outcomes.append(101)
            except REFUSED as refused:
                outcomes.append(refused.response.status_code)
        assert outcomes.count(101) >= 10
        assert len(frozen.seen) <= 2
    finally:
        await frozen.close()
