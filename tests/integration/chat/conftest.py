"""Two chat pods on real engines, with a small real HTTP server in auth's place."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from typing import Any

import pytest
from redis import Redis

from chassis.migrations import Migrations
from contracts.keys import REVOCATIONS_SENTINEL
from tests.support.auth import FakeAuth, User
from tests.support.chat import Pod, running_pod

FAST = {"heartbeat_seconds": 25, "rate_limits": "off"}


@pytest.fixture
async def auth() -> AsyncIterator[FakeAuth]:
    """Auth."""
    auth = FakeAuth()
    await auth.open()
    yield auth
    await auth.close()


@pytest.fixture(scope="module")
def database_url(postgres_database: Callable[..., str]) -> str:
    """A migrated database."""
    url = postgres_database("chat")
    with ThreadPoolExecutor(1) as executor:
        executor.submit(asyncio.run, Migrations("chat_service").apply(url)).result()
    return url


StartPod = Callable[..., Any]


@pytest.fixture
def handover() -> str:
    """How sockets are served; modules whose promises hold for both ways override it."""
    return "on"


@pytest.fixture
async def start_pod(auth: FakeAuth, database_url: str, redis_url: str, handover: str) -> AsyncIterator[StartPod]:
    """`await start_pod("chat-1", **settings)`: a pod that ends with the test."""
    with Redis.from_url(redis_url) as redis:
        redis.set(REVOCATIONS_SENTINEL, b"1")
    async with AsyncExitStack() as stack:

        async def start(name: str, **settings: Any) -> Pod:
            known = {"database_url": database_url, "redis_url": redis_url, "auth_url": auth.url, **FAST}
            known["handover"] = handover
            return await stack.enter_async_context(running_pod(name, **{**known, **settings}))

        yield start


@pytest.fixture
async def pods(start_pod: StartPod) -> tuple[Pod, Pod]:
    """Two pods."""
    return await start_pod("chat-1"), await start_pod("chat-2")


@pytest.fixture
def people(auth: FakeAuth, request: pytest.FixtureRequest) -> Callable[..., list[User]]:
    """`people(3)`: fresh users."""
    made = 0

    def make(count: int) -> list[User]:
        nonlocal made
        made += count
        return [auth.register(f"u{made - index}.{abs(hash(request.node.nodeid)) % 10**9}") for index in range(count)]

    return make
