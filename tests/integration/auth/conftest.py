"""An auth service over real engines, driven through its ASGI application or as a process."""

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import asyncpg
import httpx
import pytest
import redis.asyncio

from auth_service import keys
from auth_service.app import create_app
from auth_service.settings import Settings
from chassis.asgi import Edge
from chassis.migrations import Migrations
from chassis.ops import Ops

PASSWORD = "correct horse battery"
QUICK = {"argon2_memory_kib": 64, "argon2_time_cost": 1}  # the real parameters are tested on their own

_numbers = itertools.count(1)


class User:
    """Somebody who has registered."""

    def __init__(self, api: httpx.AsyncClient, username: str, reply: dict[str, Any]) -> None:
        self._api = api
        self.username = username
        self.id = reply["user_id"]
        self.access_token = reply["access_token"]
        self.refresh_token = reply["refresh_token"]

    @property
    def headers(self) -> dict[str, str]:
        """With which requests are his."""
        return {"Authorization": f"Bearer {self.access_token}"}

    async def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        """A request with his access token."""
        return await self._api.request(method, path, headers=self.headers, **options)

    async def log_in(self) -> "User":
        """Himself, on another device."""
        response = await self._api.post("/auth/login", json={"username": self.username, "password": PASSWORD})
        assert response.status_code == 200, response.text
        return User(self._api, self.username, response.json())

    async def session_id(self) -> str:
        """The id of his session."""
        return str((await self.call("GET", "/auth/me")).json()["session_id"])


class Auth:
    """A running auth service and its clients' view of it."""

    def __init__(self, api: httpx.AsyncClient, settings: Settings) -> None:
        self.api = api
        self.settings = settings

    async def register(self, **more: Any) -> User:
        """A new user with a name of his own."""
        username = more.pop("username", None) or self.name()
        body = {"username": username, "password": PASSWORD, **more}
        response = await self.api.post("/auth/register", json=body)
        assert response.status_code == 201, response.text
        return User(self.api, username, response.json())

    @staticmethod
    def name() -> str:
        """A username that no other test has."""
        return f"User.{next(_numbers)}"

    async def refresh(self, refresh_token: str) -> httpx.Response:
        """`POST /auth/refresh`."""
        return await self.api.post("/auth/refresh", json={"refresh_token": refresh_token})

    async def sql(self, query: str, *arguments: Any) -> list[asyncpg.Record]:
        """Rows, directly from the database."""
        connection = await asyncpg.connect(self.settings.database_url)
        try:
            return list(await connection.fetch(query, *arguments))
        finally:
            await connection.close()


class StartAuth(Protocol):
    """`start_auth(redis_url=…)`: a service whose settings differ."""

    def __call__(self, **settings: Any) -> contextlib.AbstractAsyncContextManager[Auth]: ...


class Link:
    """A TCP proxy in front of an engine, to cut or to freeze."""

    def __init__(self, url: str) -> None:
        self._target = urlsplit(url)
        self._server: asyncio.Server | None = None
        self._port = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._thawed = asyncio.Event()
        self._thawed.set()

    @property
    def url(self) -> str:
        """The engine's, through this proxy."""
        user, at, _ = self._target.netloc.rpartition("@")
        return self._target._replace(netloc=f"{user}{at}127.0.0.1:{self._port}").geturl()

    async def heal(self) -> None:
        """Let everything through."""
        self._thawed.set()
        if self._server is None:
            self._server = await asyncio.start_server(self._connected, "127.0.0.1", self._port)
            self._port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Refuse connections and end those that are."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._writers):
            writer.transport.abort()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def freeze(self) -> None:
        """Take everything and answer nothing."""
        self._thawed.clear()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            upstream_reader, upstream = await asyncio.open_connection(self._target.hostname, self._target.port)
            self._writers.add(upstream)
            await asyncio.gather(self._pass(reader, upstream), self._pass(upstream_reader, writer))
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            for end in (writer, upstream):
                self._writers.discard(end)
                end.transport.abort()
            self._tasks.discard(task)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            await self._thawed.wait()
            writer.write(data)
            await writer.drain()
        writer.close()


async def eventually(condition: Callable[[], Awaitable[object]], seconds: float = 10) -> None:
    """Wait until an awaited condition is true."""
    deadline = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.01)


@pytest.fixture(scope="module")
def keys_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Signing keys."""
    path = tmp_path_factory.mktemp("keys") / "keys.json"
    keys.create(path)
    return path


@pytest.fixture(scope="module")
def database_url(postgres_database: Callable[..., str]) -> str:
    """A migrated database."""
    url = postgres_database("auth")
    asyncio.run(Migrations("auth_service").apply(url))
    return url


@pytest.fixture
def start_auth(database_url: str, redis_url: str, keys_file: Path) -> StartAuth:
    """Starts services over the same engines."""

    @contextlib.asynccontextmanager
    async def start(**more: Any) -> AsyncIterator[Auth]:
        values = {"database_url": database_url, "redis_url": redis_url, "signing_keys_file": str(keys_file)}
        settings = Settings(**{**values, **QUICK, **more})
        service = create_app(settings)
        app = Ops(Edge(service.app, service.lifecycle), service.lifecycle, None)
        transport = httpx.ASGITransport(app=app)
        try:
            await service.lifecycle.start()
            async with httpx.AsyncClient(transport=transport, base_url="http://auth", timeout=10) as api:
                yield Auth(api, settings)
        finally:
            await service.lifecycle.stop()

    return start


@pytest.fixture
async def auth(start_auth: StartAuth) -> AsyncIterator[Auth]:
    """An auth service with its defaults."""
    async with start_auth() as running:
        yield running


@pytest.fixture
async def redis_client(redis_url: str) -> AsyncIterator["redis.asyncio.Redis"]:
    """Redis, as another service sees it."""
    client = redis.asyncio.Redis.from_url(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
async def redis_link(redis_url: str) -> AsyncIterator[Link]:
    """A way to Redis that can be cut."""
    link = Link(redis_url)
    await link.heal()
    yield link
    await link.cut()


@pytest.fixture
async def postgres_link(database_url: str) -> AsyncIterator[Link]:
    """A way to Postgres that can be cut."""
    link = Link(database_url)
    await link.heal()
    yield link
    await link.cut()
