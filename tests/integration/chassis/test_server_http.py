"""What reaches Hypercorn and is not a good HTTP/1.1 request: a clear answer, and nothing that stays."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from chassis import handover
from tests.support.serving import Raw, Served, dial, get, masked, serving, tasks_of, until, upgrade

SECURITY = ("x-content-type-options", "x-frame-options", "referrer-policy", "content-security-policy", "cache-control")


async def problem(client: Raw) -> tuple[int, str]:
    """Read a response that must be a whole problem; its status and code."""
    status, headers, body = await client.response()
    assert headers["content-type"] == "application/problem+json"
    document = msgspec.json.decode(body)
    assert document["status"] == status
    assert document["request_id"] == headers["x-request-id"]
    assert all(" | " not in headers[name] for name in SECURITY)
    return status, document["code"]


async def released(served: Served) -> None:
    """Nothing of any connection is left: no task and no open socket."""
    await until(lambda: tasks_of(served) == set() and not handover.open_transports(), "the end of the connections")


async def test_a_request_is_answered_and_the_connection_kept(served: Served) -> None:
    async with dial(served.port) as client:
        for _ in range(3):
            client.send(get("/"))
            status, headers, body = await client.response()
            assert (status, body) == (200, b'{"hello":"world"}')
            assert "server" not in headers


REFUSED = {
    "no HTTP": (b"hello\r\n\r\n", 400),
    "a TLS hello": (bytes.fromhex("1603010200010001fc0303") + bytes(100) + b"\r\n\r\n", 400),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "two hosts": (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    "a header with a blank before the colon": (b"GET / HTTP/1.1\r\nHost: a\r\nX : 1\r\n\r\n", 400),
    "a NUL in a header": (b"GET / HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n", 400),
    "a folded first header": (b"GET / HTTP/1.1\r\n folded: a\r\n\r\n", 400),
    "a target with bytes beyond ASCII": (b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "an empty target": (b"GET ?a=1 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "a target without a slash": (b"GET livez HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "a broken absolute target": (b"GET http://[ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "an asterisk that asks for nothing": (b"GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "CONNECT": (b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "a negative length": (b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400),
    "two lengths": (b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
    "a length and chunks": (
        b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "an unknown transfer coding": (b"POST /upload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
    "HTTP/2 with prior knowledge": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00", 505),
    "HTTP/1.2": (b"GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505),
    "an endless head": (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 100_000, 431),
    "a large head in one piece": (get("/", "X: " + "x" * 20_000), 431),
    "many headers": (get("/", *(f"X-{number}: {number}" for number in range(2_000))), 431),
    "a long target": (get("/?" + "x" * 20_000), 414),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_what_is_no_request_is_refused_and_closed(served: Served, case: str) -> None:
    data, expected = REFUSED[case]
    async with dial(served.port) as client:
        client.send(data)
        assert (await problem(client))[0] == expected
        assert await client.rest() == b""
    await released(served)


async def test_a_malformed_request_after_a_good_one_is_refused(served: Served) -> None:
    async with dial(served.port) as client:
        client.send(get("/") + b"nonsense\r\n\r\n")
        assert (await client.response())[0] == 200
        assert await problem(client) == (400, "malformed")
        assert await client.rest() == b""
    await released(served)


async def test_malformed_chunks_are_refused(served: Served) -> None:
    async with dial(served.port) as client:
        client.send(b"POST /upload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
        assert await problem(client) == (400, "malformed")
        assert await client.rest() == b""
    await released(served)


@pytest.mark.parametrize("target", ["http://test/", "HTTP://other:80", "https://test/?a=b"])
async def test_an_absolute_target_is_accepted(served: Served, target: str) -> None:
    async with dial(served.port) as client:
        client.send(get(target))
        assert (await client.response())[0] == 200


async def test_an_upgrade_to_h2c_is_ignored(served: Served) -> None:
    async with dial(served.port) as client:
        client.send(get("/", "Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAMAAABkAAQAAP__"))
        status, headers, body = await client.response()
        assert (status, body) == (200, b'{"hello":"world"}')
        assert "upgrade" not in headers
        client.send(get("/"))
        assert (await client.response())[0] == 200


BAD_HANDSHAKES = {
    "no key": get("/ws", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"),
    "no version": get(
        "/ws", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="
    ),
    "an old version": get(
        "/ws", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 8", "Sec-WebSocket-Key: AAAA"
    ),
    "HTTP/1.0": upgrade().replace(b"HTTP/1.1", b"HTTP/1.0"),
    "a frame glued to the request": upgrade() + masked(b"too early"),
}


@pytest.mark.parametrize("case", BAD_HANDSHAKES)
async def test_a_bad_handshake_is_refused_and_closed(served: Served, case: str) -> None:
    async with dial(served.port) as client:
        client.send(BAD_HANDSHAKES[case])
        assert await problem(client) == (400, "malformed")
        assert await client.rest() == b""
    await released(served)


async def test_a_handshake_where_there_is_no_socket_is_refused(served: Served) -> None:
    async with dial(served.port) as client:
        client.send(upgrade("/nowhere"))
        assert await problem(client) == (404, "not_found")
        assert await client.rest() == b""
    await released(served)


async def test_a_socket_without_a_handshake_is_refused(served: Served) -> None:
    async with dial(served.port) as client:
        client.send(get("/ws"))
        assert (await problem(client))[0] == 400


async def test_a_problem_before_the_accept_is_a_response(served: Served) -> None:
    async with dial(served.port) as client:
        client.send(upgrade("/ws/refused", "X-Request-Id: the-callers-own"))
        status, headers, body = await client.response()
        assert (status, headers["www-authenticate"]) == (
            401,
            'Bearer error="invalid_token", error_description="token_invalid"',
        )
        assert (msgspec.json.decode(body)["code"], headers["x-request-id"]) == ("token_invalid", "the-callers-own")
        assert msgspec.json.decode(body)["request_id"] == "the-callers-own"
        assert await client.rest() == b""
    await released(served)


async def test_a_failure_before_the_accept_says_nothing_of_itself(served: Served) -> None:
    async with dial(served.port) as client:
        client.send(upgrade("/ws/broken"))
        status, headers, body = await client.response()
        assert (status, headers["content-type"]) == (500, "application/problem+json")
        assert b"secret" not in body


async def test_a_slow_head_is_cut_off(hall: Any) -> None:
    async with serving(hall.app, keep_alive_seconds=0.2) as served, dial(served.port) as client:
        began = asyncio.get_running_loop().time()
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ")
        assert await client.rest() == b""
        assert 0.1 < asyncio.get_running_loop().time() - began < 2
        await released(served)


async def test_an_idle_connection_is_closed_in_time(hall: Any) -> None:
    async with serving(hall.app, keep_alive_seconds=0.2) as served, dial(served.port) as client:
        client.send(get("/"))
        assert (await client.response())[0] == 200
        assert await client.rest() == b""
        await released(served)


@pytest.mark.parametrize("how", ["close", "reset", "half a request", "during a request"])
async def test_a_client_that_goes_leaves_nothing(hall: Any, served: Served, how: str) -> None:
    """Hypercorn would keep each connection for the whole keep-alive time, its descriptor included."""
    async with dial(served.port) as client:
        if how == "during a request":
            client.send(get("/hang"))
            await hall.hanging.wait()
        else:
            client.send(get("/") + (b"GET / HTTP/1.1\r\nHo" if how == "half a request" else b""))
            assert (await client.response())[0] == 200
        if how == "reset":
            client.writer.transport.abort()
        else:
            client.writer.close()
        await released(served)
        assert hall.released.is_set() == (how == "during a request")


async def test_a_client_that_has_said_all_is_answered_and_gone(hall: Any) -> None:
    """It closes its half while an application that does not listen for that is at work, such as the gateway's."""

    async def deaf(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await hall.released.wait()
        await hall.app(scope, receive, send)

    async with serving(deaf) as served, dial(served.port) as client:
        client.send(get("/"))
        client.writer.write_eof()
        (transport,) = await until_some(handover.open_transports)
        await until(transport.get_protocol()._stream_reader.at_eof)
        hall.released.set()
        await client.closed()
        await released(served)


async def until_some(find: Callable[[], list[Any]]) -> list[Any]:
    """What is found as soon as there is anything."""
    await until(find)
    return find()


async def test_too_large_a_body_is_cut_off_and_the_answer_arrives(served: Served) -> None:
    """10 MB, all sent before the answer is read; a plain close would reset the connection and lose the 413."""
    sent = 0
    async with dial(served.port) as client:
        client.send(b"POST /upload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            async with asyncio.timeout(10):
                for _ in range(160):
                    client.send(b"10000\r\n" + bytes(0x10000) + b"\r\n")
                    sent += 0x10000
                    await client.writer.drain()
        except ConnectionError:
            pass
        assert await problem(client) == (413, "too_large")
        assert await client.rest() == b""
    assert sent > 1_000_000
    await released(served)


async def test_a_body_of_a_told_size_is_refused_before_it_comes(served: Served) -> None:
    async with dial(served.port) as client:
        client.send(b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n")
        assert await problem(client) == (413, "too_large")
        assert await client.rest() == b""
    await released(served)


async def test_a_body_that_does_not_come_is_408(hall: Any, served: Served) -> None:
    hall.quart.config["BODY_TIMEOUT"] = 0.1
    async with dial(served.port) as client:
        client.send(b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc")
        assert await problem(client) == (408, "request_timeout")
        assert await client.rest() == b""
    await released(served)


async def test_a_client_may_ask_before_it_sends(served: Served) -> None:
    async with dial(served.port) as client:
        client.send(b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        assert (await client.head())[0] == 100
        client.send(b"abc")
        assert (await client.response())[2] == b'{"bytes":3}'


async def test_small_answers_do_not_wait_for_an_acknowledgement(hall: Any, served: Served) -> None:
    """asyncio sets TCP_NODELAY only on sockets of which it knows that they are TCP; ours are not made so."""
    async with dial(served.port) as client:
        client.send(get("/"))
        await client.response()
        (transport,) = handover.open_transports()
        connection = transport.get_extra_info("socket")
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
