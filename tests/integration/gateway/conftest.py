"""A gateway in this process, on a real socket and a real Valkey, in front of services that the tests command."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
import redis.asyncio

from chassis import server
from chassis.asgi import Edge
from chassis.ops import Ops
from chassis.service import Service
from contracts.keys import REVOCATIONS_SENTINEL
from gateway_service.app import create_app
from gateway_service.settings import Settings
from tests.integration.gateway.fakes import FakeAuth, FakeService, User
from tests.support.serving import free_ports, until_listening

DEAD = "http://127.0.0.1:9"  # nobody listens to the discard port


class Running:
    """A gateway that runs."""

    def __init__(self, port: int, ops_port: int, service: Service, client: httpx.AsyncClient) -> None:
        self.port = port
        self.ops_port = ops_port
        self.service = service
        self.client = client

    @property
    def url(self) -> str:
        """The public base URL."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws_url(self) -> str:
        """The same for WebSockets."""
        return f"ws://127.0.0.1:{self.port}"

    async def get(self, path: str, user: User | None = None, **headers: str) -> httpx.Response:
        """GET, as a user if there is one; `x_name` is the header `X-Name`."""
        return await self.call("GET", path, user, **headers)

    async def call(
        self, method: str, path: str, user: User | None = None, content: Any = None, **headers: str
    ) -> httpx.Response:
        """A request."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        everything = {**(user.headers if user else {}), **named}
        return await self.client.request(method, path, headers=everything, content=content)


@contextlib.asynccontextmanager
async def running(**settings: Any) -> AsyncIterator[Running]:
    """A gateway from start to stop."""
    port, ops_port = free_ports(2)
    service = create_app(Settings(ops_port=ops_port, **{"drain_pause_seconds": 0.0, **settings}))
    ended = asyncio.Event()

    async def shutdown() -> None:
        await ended.wait()

    app = Ops(Edge(service.app, service.lifecycle), service.lifecycle, ops_port)
    await service.lifecycle.start()
    binds = [f"127.0.0.1:{port}", f"127.0.0.1:{ops_port}"]
    task = asyncio.create_task(server.serve(app, binds, shutdown, grace_seconds=0.2))
    try:
        await until_listening(ops_port)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=20) as client:
            yield Running(port, ops_port, service, client)
    finally:
        ended.set()
        await task
        await service.lifecycle.stop()


StartGateway = Callable[..., Any]


@pytest.fixture
async def auth() -> AsyncIterator[FakeAuth]:
    """Auth."""
    auth = FakeAuth()
    await auth.open()
    yield auth
    await auth.close()


@pytest.fixture
async def upstream() -> AsyncIterator[FakeService]:
    """Profile and chat in one: echoes."""
    service = FakeService()
    await service.open()
    yield service
    await service.close()


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator["redis.asyncio.Redis"]:
    """Valkey, which knows all ended sessions: none."""
    client = redis.asyncio.Redis.from_url(redis_url)
    await client.set(REVOCATIONS_SENTINEL, b"1")
    yield client
    await client.aclose()


@pytest.fixture
async def start_gateway(
    auth: FakeAuth, upstream: FakeService, redis_url: str, store: "redis.asyncio.Redis"
) -> AsyncIterator[StartGateway]:
    """`await start_gateway(**settings)`: a gateway that ends with the test."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(**settings: Any) -> Running:
            known: dict[str, Any] = {"redis_url": redis_url, "auth_url": auth.url, "profile_url": upstream.url}
            if "chat_service" not in settings:
                known["chat_urls"] = (upstream.url,)
            return await stack.enter_async_context(running(**{**known, **settings}))

        yield start


@pytest.fixture
async def gateway(start_gateway: StartGateway) -> Running:
    """A gateway with the usual settings."""
    started: Running = await start_gateway()
    return started


@pytest.fixture
def user() -> User:
    """Somebody."""
    return User()
