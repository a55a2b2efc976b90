"""Pods that start and pods that leave: their clients notice nothing, as long as there is another one."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.integration.gateway.conftest import Running, StartGateway
from tests.integration.gateway.fakes import FakeService, Seen, User, echo, response

STARTING = response(503, b"not yet", "X-Parley-State: starting")
CALLS = 12  # one of two pods is taken at random


@pytest.fixture
async def other() -> AsyncIterator[FakeService]:
    """A second pod of chat."""
    service = FakeService()
    await service.open()
    yield service
    await service.close()


@pytest.fixture
async def two(start_gateway: StartGateway, upstream: FakeService, other: FakeService) -> Running:
    """A gateway with both."""
    gateway: Running = await start_gateway(chat_urls=(upstream.url, other.url))
    return gateway


async def starting(seen: Seen, writer: asyncio.StreamWriter) -> None:
    writer.write(STARTING)


async def leaving(seen: Seen, writer: asyncio.StreamWriter) -> None:
    writer.write(response(200, b"{}", "X-Parley-State: leaving", "Connection: close"))
    writer.close()


async def hanging_up(seen: Seen, writer: asyncio.StreamWriter) -> None:
    writer.close()


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_pod_that_is_starting_is_passed_over(
    two: Running, upstream: FakeService, other: FakeService, user: User, method: str
) -> None:
    upstream.answer = starting
    content = None if method == "GET" else b'{"message": "hello"}'
    for _ in range(CALLS):
        answer = await two.call(method, "/api/chat/rooms/", user, content)
        assert answer.status_code == 200
        assert answer.json()["body"] == (content or b"").decode()
    assert len(other.seen) == CALLS
    assert len(upstream.seen) <= 1, "it was asked again at once"


async def test_when_all_are_starting_the_client_hears_of_it(
    two: Running, upstream: FakeService, other: FakeService, user: User
) -> None:
    upstream.answer = other.answer = starting
    answer = await two.call("POST", "/api/chat/rooms/", user, b"{}")
    assert (answer.status_code, answer.content) == (503, b"not yet")
    assert "x-parley-state" not in answer.headers
    assert [len(upstream.seen), len(other.seen)] == [1, 1]


async def test_another_503_is_an_answer(two: Running, upstream: FakeService, other: FakeService, user: User) -> None:
    async def unavailable(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(response(503, b"the database is away"))

    upstream.answer = other.answer = unavailable
    assert (await two.get("/api/chat/rooms/", user)).content == b"the database is away"
    assert len(upstream.seen) + len(other.seen) == 1


async def test_a_body_that_is_still_coming_is_not_for_two(
    two: Running, upstream: FakeService, other: FakeService, user: User
) -> None:
    upstream.answer = other.answer = starting

    async def pieces() -> AsyncIterator[bytes]:
        yield b'{"message":'
        while not upstream.connections + other.connections:
            await asyncio.sleep(0.01)
        yield b'"hello"}'

    assert (await two.call("POST", "/api/chat/rooms/", user, pieces())).status_code == 503
    assert len(upstream.seen) + len(other.seen) == 1


async def test_a_pod_that_is_leaving_gets_no_more_while_there_is_another(
    two: Running, upstream: FakeService, other: FakeService, user: User
) -> None:
    upstream.answer = leaving
    for _ in range(CALLS):
        answer = await two.get("/api/chat/rooms/", user)
        assert answer.status_code == 200
        assert "x-parley-state" not in answer.headers
    assert len(upstream.seen) <= 1
    await other.close()
    assert (await two.get("/api/chat/rooms/", user)).status_code == 200, "better one that is leaving than none"
    upstream.answer = echo


async def test_a_pod_that_ends_with_a_request_unanswered_is_replaced_if_that_does_no_harm(
    two: Running, upstream: FakeService, other: FakeService, user: User
) -> None:
    upstream.answer = hanging_up
    for _ in range(CALLS):
        assert (await two.get("/api/chat/rooms/", user)).status_code == 200
    other.answer = hanging_up
    before = len(upstream.seen) + len(other.seen)
    assert (await two.call("POST", "/api/chat/rooms/", user, b"{}")).status_code == 502
    assert len(upstream.seen) + len(other.seen) == before + 1
