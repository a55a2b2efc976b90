"""Services that are away, slow, or break off; clients who do not finish."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.integration.gateway.conftest import DEAD, Running, StartGateway
from tests.integration.gateway.fakes import FakeService, Seen, User, echo, response
from tests.support.serving import dial, get, until


def assert_problem(answer: httpx.Response, status: int, code: str) -> None:
    """The answer is that problem."""
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert (answer.status_code, document["status"], document["code"]) == (status, status, code)
    assert document["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_an_absent_service_is_503(start_gateway: StartGateway, user: User, method: str) -> None:
    gateway: Running = await start_gateway(profile_url=DEAD)
    answer = await gateway.call(method, "/profiles", user)
    assert_problem(answer, 503, "upstream_away")
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.headers["ratelimit-limit"] == "300"


async def test_a_service_that_does_not_accept_in_time_is_503(start_gateway: StartGateway, user: User) -> None:
    # An address of TEST-NET-1 (RFC 5737) goes nowhere: no answer, or no route.
    gateway: Running = await start_gateway(profile_url="http://192.0.2.1:81", connect_seconds=0.2)
    assert_problem(await gateway.get("/profiles", user), 503, "upstream_away")


async def test_a_service_that_comes_back_is_used_at_once(gateway: Running, upstream: FakeService, user: User) -> None:
    await upstream.close()
    assert (await gateway.get("/profiles", user)).status_code == 503
    await upstream.open()
    assert (await gateway.get("/profiles", user)).status_code == 200


async def test_a_slow_service_is_504(start_gateway: StartGateway, upstream: FakeService, user: User) -> None:
    gateway: Running = await start_gateway(response_seconds=0.2)

    async def silent(seen: Seen, writer: asyncio.StreamWriter) -> None:
        await seen.reader.read()

    upstream.answer = silent
    assert_problem(await gateway.get("/profiles", user), 504, "upstream_timeout")
    await until(lambda: not upstream.writers, "the connection to end")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000,
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
    ],
    ids=["nothing", "half a head", "garbage", "two framings", "a very long head", "an upgrade"],
)
async def test_a_service_that_breaks_before_its_answer_is_502(
    gateway: Running, upstream: FakeService, user: User, data: bytes
) -> None:
    async def answer(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        writer.close()

    upstream.answer = answer
    assert_problem(await gateway.call("POST", "/profiles", user), 502, "bad_gateway")
    upstream.answer = echo
    assert (await gateway.get("/profiles", user)).status_code == 200


@pytest.mark.parametrize(
    "head",
    [b"Content-Length: 100\r\n", b"Transfer-Encoding: chunked\r\n"],
    ids=["length", "chunked"],
)
async def test_a_service_that_hangs_up_in_a_body_cuts_the_answer_short(
    gateway: Running, upstream: FakeService, user: User, head: bytes
) -> None:
    async def answer(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n5\r\nhello\r\n")
        await writer.drain()
        writer.close()

    upstream.answer = answer
    with pytest.raises(httpx.RemoteProtocolError):
        await gateway.get("/profiles", user)


async def test_a_body_that_stops_cuts_the_answer_short(
    start_gateway: StartGateway, upstream: FakeService, user: User
) -> None:
    gateway: Running = await start_gateway(idle_seconds=0.2)

    async def answer(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello")
        await writer.drain()
        await seen.reader.read()

    upstream.answer = answer
    with pytest.raises(httpx.RemoteProtocolError):
        await gateway.get("/profiles", user)


def hang_up_on_the_second(upstream: FakeService) -> None:
    """Make a service answer the first request of each connection, and close on the next without a word."""
    served: set[asyncio.StreamWriter] = set()

    async def answer(seen: Seen, writer: asyncio.StreamWriter) -> None:
        if writer in served:
            writer.transport.abort()
        else:
            served.add(writer)
            writer.write(response(200))

    upstream.answer = answer


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"])
async def test_a_stale_connection_is_replaced_for_idempotent_requests(
    gateway: Running, upstream: FakeService, user: User, method: str
) -> None:
    hang_up_on_the_second(upstream)
    for _ in range(4):
        assert (await gateway.call(method, "/profiles", user)).status_code == 200
    assert len(upstream.seen) == 7  # each after the first was seen twice


async def test_other_requests_are_sent_once(gateway: Running, upstream: FakeService, user: User) -> None:
    hang_up_on_the_second(upstream)
    assert (await gateway.call("POST", "/profiles", user, content=b"{}")).status_code == 200
    assert_problem(await gateway.call("POST", "/profiles", user, content=b"{}"), 502, "bad_gateway")
    assert len(upstream.seen) == 2
    assert (await gateway.call("PUT", "/profiles", user, content=b"{}")).status_code == 200
    assert_problem(await gateway.call("PUT", "/profiles", user, content=b"{}"), 502, "bad_gateway")
    assert len(upstream.seen) == 4


async def test_a_request_that_breaks_a_fresh_connection_is_not_repeated(
    gateway: Running, upstream: FakeService, user: User
) -> None:
    async def answer(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    upstream.answer = answer
    assert_problem(await gateway.get("/profiles", user), 502, "bad_gateway")
    assert len(upstream.seen) == 1


async def test_a_body_beyond_the_limit_is_413_unread(gateway: Running, upstream: FakeService, user: User) -> None:
    answer = await gateway.call("PUT", "/profiles/me", user, content=b"x" * 65_537)
    assert_problem(answer, 413, "too_large")
    assert upstream.seen == []
    at_the_limit = await gateway.call("PUT", "/profiles/me", user, content=b"x" * 65_536)
    assert at_the_limit.status_code == 200


async def test_a_chunked_body_beyond_the_limit_is_413(gateway: Running, upstream: FakeService, user: User) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(9):
            yield b"x" * 8192

    assert_problem(await gateway.call("PUT", "/profiles/me", user, content=pieces()), 413, "too_large")
    assert upstream.seen == [], "a service never sees the end of such a body"


async def test_an_enormous_body_is_answered_before_the_connection_ends(gateway: Running, user: User) -> None:
    answer = await gateway.call("PUT", "/profiles/me", user, content=b"x" * 900_000)
    assert_problem(answer, 413, "too_large")


async def test_a_body_that_does_not_come_is_408(start_gateway: StartGateway, upstream: FakeService, user: User) -> None:
    gateway: Running = await start_gateway(idle_seconds=0.2)
    for start in (b"", b"abc"):
        async with dial(gateway.port) as raw:
            raw.send(get("/profiles", f"Authorization: Bearer {user.token}", "Content-Length: 10", method="PUT"))
            raw.send(start)
            status, headers, _ = await raw.response()
            assert (status, headers["content-type"]) == (408, "application/problem+json")
            await raw.closed()
    assert upstream.seen == []


async def test_an_upload_that_is_broken_off_ends_the_request(
    gateway: Running, upstream: FakeService, user: User
) -> None:
    async with dial(gateway.port) as raw:
        raw.send(get("/profiles", f"Authorization: Bearer {user.token}", "Content-Length: 10", method="PUT"))
        raw.send(b"abc")
        await until(lambda: upstream.body_bytes == 3, "the beginning of the body")
    await until(lambda: not upstream.writers, "the service's connection to end")
    assert upstream.seen == []


async def test_answers_of_the_gateway_keep_the_connection(gateway: Running, user: User) -> None:
    async with dial(gateway.port) as raw:
        for _ in range(3):
            raw.send(get("/profiles", "Content-Length: 5", method="POST") + b"hello")
            status, _, _ = await raw.response()
            assert status == 401
        raw.send(get("/profiles", f"Authorization: Bearer {user.token}"))
        assert (await raw.response())[0] == 200
