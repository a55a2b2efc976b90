"""For the server, an application: requests, and sockets that are handed over. For events, an outbox and a broker.
For Redis and PostgreSQL, ways to them that can be broken."""

import asyncio
import weakref
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, cast

import pytest
from quart import Quart, Response, request, websocket
from redis.asyncio import Redis

from chassis.app import create_app
from chassis.asgi import App, Edge
from chassis.http import no_content, public, reply
from chassis.ids import uuid7
from chassis.kafka import Kafka
from chassis.lifecycle import Lifecycle, Phase
from chassis.migrations import Migrations
from chassis.problems import Problem, Unauthorized
from chassis.redis import connect
from chassis.server import Handover, handover_of
from tests.support.links import Link, link_to
from tests.support.outbox import Outbox
from tests.support.serving import Served, serving


class Echo(asyncio.Protocol):
    """Sends back what it gets."""

    def __init__(self, hall: "Hall") -> None:
        self._hall = hall
        self.transport: asyncio.Transport | None = None
        self.lost: list[Exception | None] = []
        self.ends = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(data)

    def eof_received(self) -> bool:
        self.ends += 1
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self.lost.append(error)
        self._hall.protocols.discard(self)


class BufferedEcho(asyncio.BufferedProtocol):
    """The same, reading into a buffer of four bytes."""

    def __init__(self, hall: "Hall") -> None:
        self._buffer = bytearray(4)
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._buffer

    def buffer_updated(self, count: int) -> None:
        assert self.transport is not None
        self.transport.write(bytes(self._buffer[:count]))


class Hall:
    """What the application of these tests holds."""

    def __init__(self) -> None:
        self.lifecycle = Lifecycle()
        self.lifecycle.phase = Phase.RUNNING
        self.protocols: set[Any] = set()
        self.seen: weakref.WeakSet[Any] = weakref.WeakSet()  # protocols and transports that are still in memory
        self.kind: Callable[[Hall], Any] = Echo
        self.before_accept: Callable[[], Any] | None = None
        self.before_take: Callable[[Handover], Any] | None = None
        self.errors: list[Exception] = []
        self.hanging = asyncio.Event()
        self.released = asyncio.Event()
        self.quart = make_app(self)
        self.app: App = Edge(cast("App", self.quart), self.lifecycle)

    @property
    def echo(self) -> Any:
        """The only protocol."""
        (protocol,) = self.protocols
        return protocol


def make_app(hall: Hall) -> Quart:
    """The application."""
    app = create_app("test", title="Test", max_body_bytes=1000, verify=None)

    @app.websocket("/ws")
    @public
    async def handed_over() -> None:
        handover = handover_of(websocket.scope)
        assert handover is not None
        if hall.before_accept is not None:
            await hall.before_accept()
        handover.pause()
        await websocket.accept()
        if hall.before_take is not None:
            await hall.before_take(handover)
        protocol = hall.kind(hall)
        transport = handover.transport
        try:
            handover.take(protocol)
        except ConnectionError as error:
            hall.errors.append(error)
            raise
        hall.protocols.add(protocol)
        hall.seen.add(protocol)
        hall.seen.add(transport)

    @app.websocket("/ws/refused")
    @public
    async def refused() -> None:
        raise Unauthorized("No.", code="token_invalid")

    @app.websocket("/ws/broken")
    @public
    async def broken() -> None:
        raise RuntimeError("a secret of the implementation")

    @app.websocket("/ws/kept")
    @public
    async def kept() -> None:
        await websocket.accept()
        while True:
            await websocket.send(await websocket.receive())

    @app.get("/")
    @public
    async def root() -> Response:
        return reply({"hello": "world"})

    @app.get("/hang")
    @public
    async def hang() -> Response:
        hall.hanging.set()
        try:
            await asyncio.Event().wait()
        finally:
            hall.released.set()
        return no_content()

    @app.get("/slow")
    @public
    async def slow() -> Response:
        hall.hanging.set()
        await hall.released.wait()
        return reply({"slow": "but sure"})

    @app.post("/upload")
    @public
    async def upload() -> Response:
        return reply({"bytes": len(cast("bytes", await request.get_data(cache=False)))})

    @app.get("/problem")
    @public
    async def problem() -> Response:
        raise Problem(418, "No coffee.", code="teapot")

    return app


@pytest.fixture
async def hall() -> Hall:
    """The application and what it holds."""
    return Hall()


@pytest.fixture
async def served(hall: Hall) -> AsyncIterator[Served]:
    """It, served."""
    async with serving(hall.app) as served:
        yield served


@pytest.fixture
def topic() -> str:
    """A topic of this test's own."""
    return f"test.{uuid7().hex}"


@pytest.fixture
async def box(postgres_database: Callable[..., str]) -> AsyncIterator[Outbox]:
    """An empty outbox."""
    async with Outbox.opened(postgres_database("outbox")) as box:
        yield box


@pytest.fixture
def kafka(kafka_url: str) -> Kafka:
    """The session's broker."""
    return Kafka(kafka_url.removeprefix("kafka://"), partitions=3, session_seconds=2)


@pytest.fixture
async def redis_way(redis_url: str) -> AsyncIterator[tuple[Link, str]]:
    """A way to Valkey that can be broken, and the URL by that way."""
    link, url = await link_to(redis_url)
    yield link, url
    link.thaw()
    await link.cut()


@pytest.fixture
def redis_link(redis_way: tuple[Link, str]) -> Link:
    """The way alone."""
    return redis_way[0]


@pytest.fixture
async def redis(redis_way: tuple[Link, str]) -> AsyncIterator["Redis"]:
    """A client that goes that way."""
    client = connect(redis_way[1])
    yield client
    await client.aclose()


@pytest.fixture
def things(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Migrations:
    """One migration of a package of this test's own."""
    package, folder = tmp_path / "things" / "things_service", tmp_path / "things" / "migrations"
    package.mkdir(parents=True)
    folder.mkdir()
    (package / "__init__.py").touch()
    (folder / "0001_things.sql").write_text("CREATE TABLE things (id int PRIMARY KEY, data jsonb, plain json)")
    monkeypatch.syspath_prepend(str(tmp_path / "things"))
    return Migrations("things_service")


@pytest.fixture
async def things_url(postgres_database: Callable[..., str], things: Migrations) -> str:
    """A migrated database."""
    url = postgres_database("things")
    await things.apply(url)
    return url


@pytest.fixture
async def postgres_way(things_url: str) -> AsyncIterator[tuple[Link, str]]:
    """A way to it that can be broken, and the URL by that way."""
    link, url = await link_to(things_url)
    yield link, url
    link.thaw()
    await link.cut()
