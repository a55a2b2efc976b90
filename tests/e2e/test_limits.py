"""What the contract says of rate limits: the 429 rows."""

import asyncio
import json
import time
from typing import Any

import httpx
import pytest
import websockets

from devstack.background import Background
from tests.e2e.people import PASSWORD, Person, Platform
from tests.e2e.shapes import is_problem, is_shaped, text

FRAMES = 100  # that a socket may send at once
SOCKETS = 20  # that a user may open at once


@pytest.fixture
def stack(limited_stack: Background) -> Background:
    """The platform with limits."""
    return limited_stack


def coming_from(address: str) -> dict[str, str]:
    """The headers of a request that a trusted proxy passes on."""
    return {"X-Forwarded-For": address}


def counted(reply: httpx.Response) -> tuple[int, int, int]:
    """`RateLimit-Limit`, `-Remaining`, `-Reset`."""
    names = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
    limit, remaining, reset = (int(reply.headers[name]) for name in names)
    return limit, remaining, reset


async def until_refused(
    platform: Platform, per_minute: int, path: str, body: Any = None, *, before: int, **more: Any
) -> httpx.Response:
    """Ask until it is 429, and assert that it was so after `per_minute` requests and those that time gave back.

    Arguments:
        before: requests that were made already, not much earlier.
    """
    began, allowed = time.monotonic() - 1, before
    while True:
        method = "GET" if body is None else "POST"
        replies = await asyncio.gather(*(platform.call(method, path, body, **more) for _ in range(10)))
        refused = [reply for reply in replies if reply.status_code == 429]
        allowed += len(replies) - len(refused)
        assert allowed <= per_minute * (1 + (time.monotonic() - began) / 60)
        if refused:
            assert allowed >= per_minute
            is_problem(refused[-1], 429, "rate_limited")
            assert counted(refused[-1])[:2] == (per_minute, 0)
            return refused[-1]


async def test_an_address_without_a_token_has_60_a_minute(platform: Platform) -> None:
    path, here = "/.well-known/jwks.json", coming_from("198.51.100.1")
    first = await platform.call("GET", path, headers=here)
    assert counted(first)[:2] == (60, 59)
    await until_refused(platform, 60, path, before=1, headers=here)
    elsewhere = await platform.call("GET", path, headers=coming_from("198.51.100.2"))
    assert counted(elsewhere)[:2] == (60, 59)


async def test_a_user_has_300_a_minute_wherever_he_is(platform: Platform) -> None:
    alice = await platform.register("alice")
    paths = ["/auth/me", "/profiles/me", "/api/chat/users/"]
    for number, path in enumerate(paths):
        reply = await alice.call("GET", path, headers=coming_from(f"198.51.100.{3 + number}"))
        assert counted(reply)[0] == 300
        assert counted(reply)[1] >= 299 - number
    await until_refused(platform, 300, "/auth/me", before=len(paths), token=alice.token)


@pytest.mark.parametrize("path", ["/auth/login", "/login", "/auth/register", "/register"])
async def test_logins_and_registrations_have_20_a_minute_per_address(platform: Platform, path: str) -> None:
    here = coming_from(f"203.0.113.{len(path)}")
    body = {"username": "x"}  # refused by the service: it counts all the same
    first = await platform.call("POST", path, body, headers=here)
    assert (first.status_code, *counted(first)[:2]) == (422, 20, 19)
    await until_refused(platform, 20, path, body, before=1, headers=here)


async def test_ten_wrong_passwords_close_an_account_for_a_while(platform: Platform) -> None:
    alice = await platform.register("alice")
    wrong = {"username": alice.username, "password": "not this one"}
    for number in range(10):
        here = coming_from(f"203.0.113.{100 + number}")  # a different address each time
        is_problem(await platform.call("POST", "/auth/login", wrong, headers=here), 401, "invalid_credentials")
    right = {"username": alice.username, "password": PASSWORD}
    refused = await platform.call("POST", "/auth/login", right, headers=coming_from("203.0.113.200"))
    is_problem(refused, 429, "too_many_failures")
    assert 1 <= int(refused.headers["retry-after"]) <= 15 * 60
    unknown = {"username": "nobody-here", "password": PASSWORD}
    for number in range(10):
        here = coming_from(f"203.0.113.{110 + number}")
        await platform.call("POST", "/auth/login", unknown, headers=here)
    refused = await platform.call("POST", "/auth/login", unknown, headers=coming_from("203.0.113.201"))
    is_problem(refused, 429, "too_many_failures")  # an account that does not exist is no different


async def test_a_user_opens_so_many_sockets_a_second(platform: Platform) -> None:
    alice = await platform.register("alice")
    refusals: list[Any] = []

    async def open_one() -> None:
        try:
            async with platform.dial(f"?token={alice.token}"):
                pass
        except websockets.InvalidStatus as refusal:
            refusals.append(refusal.response)

    await asyncio.gather(*(open_one() for _ in range(2 * SOCKETS)))
    assert 0 < len(refusals) <= SOCKETS
    for response in refusals:
        assert response.status_code == 429
        assert int(response.headers["retry-after"]) >= 1
        assert json.loads(response.body)["code"] == "rate_limited"


async def test_a_socket_that_sends_too_much_is_told_and_then_closed(alice: Person) -> None:
    async with alice.connected() as socket:
        for _ in range(FRAMES + 20):
            await socket.send("ping")
        error = await socket.next("error")
        is_shaped(error, {"code": text, "detail": text, "retry_after": lambda seconds: seconds >= 1})
        assert error["code"] == "rate_limited"
        assert len([frame for frame in socket.frames if frame["type"] == "pong"]) >= FRAMES
        for _ in range(300):
            await socket.send("ping")
        assert await socket.closed() == 4429
