"""The profile service in this process, on real engines, with a small real HTTP server in auth's place."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from redis import Redis

from chassis.asgi import Edge
from chassis.migrations import Migrations
from contracts.keys import REVOCATIONS_SENTINEL
from profile_service.app import create_app
from profile_service.settings import Settings
from tests.support.auth import FakeAuth


@pytest.fixture
async def auth() -> AsyncIterator[FakeAuth]:
    """Auth."""
    auth = FakeAuth()
    await auth.open()
    yield auth
    await auth.close()


@pytest.fixture(scope="module")
def database_url(postgres_database: Callable[..., str]) -> Iterator[str]:
    """A migrated database."""
    url = postgres_database("profile")
    with ThreadPoolExecutor(1) as executor:
        executor.submit(asyncio.run, Migrations("profile_service").apply(url)).result()
    yield url


Start = Callable[..., Any]


@pytest.fixture
def start(auth: FakeAuth, database_url: str, redis_url: str) -> Start:
    """`async with start(**settings) as client`: a running service."""
    with Redis.from_url(redis_url) as redis:
        redis.set(REVOCATIONS_SENTINEL, b"1")

    @asynccontextmanager
    async def run(**changes: Any) -> AsyncIterator[httpx.AsyncClient]:
        settings = Settings(**{"database_url": database_url, "redis_url": redis_url, "auth_url": auth.url, **changes})
        service = create_app(settings)
        try:
            await service.lifecycle.start()
            transport = httpx.ASGITransport(Edge(service.app, service.lifecycle))
            async with httpx.AsyncClient(transport=transport, base_url="http://profile", timeout=10) as client:
                yield client
        finally:
            await service.lifecycle.stop()

    return run


@pytest.fixture
async def client(start: Start) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a running service."""
    async with start() as client:
        yield client
