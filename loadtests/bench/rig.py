"""What is measured: engines for the whole run, fresh services for each row, and the people and rooms in them."""

import asyncio
import contextlib
import importlib.util
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import msgspec
from redis.asyncio import Redis

from chassis.migrations import Migrations
from contracts import keys
from devstack.engines import Engines
from devstack.environment import for_services
from devstack.ports import LOOPBACK, Ports
from devstack.process import Process, Spec
from devstack.services import PARLEY
from devstack.units import Unit, answers_ready, until_ready

from .accounts import Accounts, Person
from .generator import Generator, Socket
from .results import Skipped

CONCURRENT_REQUESTS = 8
SOCKET_PATH = "/api/chat/ws/chat/"
ENVIRONMENT = {
    "HOST": LOOPBACK,
    "LOG_LEVEL": "warning",
    "LOG_FORMAT": "text",
    "RATE_LIMITS": "off",
    "DRAIN_PAUSE_SECONDS": "0",
    "DRAIN_SECONDS": "0.2",
}


class Server(msgspec.Struct, frozen=True):
    """A running process of ours, or of a peer's."""

    name: str
    pid: int
    port: int

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{LOOPBACK}:{self.port}"


class Rig:
    """Everything around a load; made by `opened`."""

    def __init__(self, folder: Path, engines: Engines, accounts: Accounts, generator: Generator, database: str) -> None:
        self.generator = generator
        self.accounts = accounts
        self._folder = folder
        self._engines = engines
        self._database = database
        self._ports = Ports()
        self._started = 0

    @classmethod
    @contextlib.asynccontextmanager
    async def opened(cls, folder: Path, generator: Generator) -> AsyncIterator["Rig"]:
        """Engines that write to the disk as in production, a migrated database, and people.

        Arguments:
            folder: for the engines' data and all logs.

        Raises:
            DevstackError: an engine does not start.
        """
        accounts = Accounts()
        async with Engines.start(folder, kafka=True) as engines:
            database = await engines.create_database("chat", PARLEY.databases["chat"])
            await Migrations("chat_service").apply(database)
            async with Redis.from_url(engines.redis_url) as redis:  # as after auth's start: no session has been ended
                await redis.set(keys.REVOCATIONS_SENTINEL, "bench")
            await accounts.open()
            try:
                yield cls(folder, engines, accounts, generator, database)
            finally:
                await accounts.close()

    @property
    def engines(self) -> Engines:
        """What runs below."""
        return self._engines

    @property
    def database(self) -> str:
        """The URL of chat's database, as its owner."""
        return self._database

    @contextlib.asynccontextmanager
    async def pods(self, count: int = 1) -> AsyncIterator[list[Server]]:
        """Fresh chat pods, for the length of a block."""
        async with contextlib.AsyncExitStack() as stack:
            environment = {
                "DATABASE_URL": self._database,
                "REDIS_URL": self._engines.redis_url,
                "KAFKA_URL": self._engines.kafka_url,
                "AUTH_URL": self.accounts.url,
            }
            yield [
                await stack.enter_async_context(
                    self._server(f"chat-{n + 1}", "chat_service", {**environment, "POD_NAME": f"chat-{n + 1}"})
                )
                for n in range(count)
            ]

    @contextlib.asynccontextmanager
    async def gateway(self, pods: Sequence[Server]) -> AsyncIterator[Server]:
        """A gateway in front of pods.

        Raises:
            Skipped: there is none in this version.
        """
        if importlib.util.find_spec("gateway_service.__main__") is None:
            raise Skipped("there is no gateway_service in this version")
        environment = {
            "REDIS_URL": self._engines.redis_url,
            "AUTH_URL": self.accounts.url,
            "PROFILE_URL": self.accounts.url,  # nobody asks for a profile here
            "CHAT_URLS": ",".join(pod.url for pod in pods),
        }
        async with self._server("gateway", "gateway_service", environment, ops=True) as server:
            yield server

    @contextlib.asynccontextmanager
    async def peer(
        self, name: str, command: tuple[str, ...], environment: Mapping[str, str] | None = None
    ) -> AsyncIterator[Server]:
        """Another server, on the same engines, with a database of its own; `GET /readyz` tells when it is ready.

        Arguments:
            command: finds in its environment HOST and PORT (for uvicorn too), REDIS_URL and DATABASE_URL.
            environment: what else it finds there.

        Raises:
            DevstackError: it does not start.
        """
        port = self._ports.choose()
        place = {"HOST": LOOPBACK, "PORT": str(port)}
        environment = {
            **(environment or {}),
            **place,
            **{f"UVICORN_{key}": value for key, value in place.items()},
            "REDIS_URL": self._engines.redis_url,
            "DATABASE_URL": await self._engines.create_database("peers"),
            "NODE_ENV": "production",
        }
        async with self._program(name, command, environment, port, port) as server:
            yield server

    @contextlib.asynccontextmanager
    async def _server(
        self, name: str, package: str, environment: dict[str, str], *, ops: bool = False
    ) -> AsyncIterator[Server]:
        """`python -m package` from ready to gone; with `ops` it has a port of its own for readiness."""
        port = self._ports.choose()
        probed = self._ports.choose() if ops else port
        own = {"PORT": str(port), "SERVICE_NAME": name} | ({"OPS_PORT": str(probed)} if ops else {})
        command = (sys.executable, "-m", package)
        async with self._program(name, command, {**ENVIRONMENT, **own, **environment}, port, probed) as server:
            yield server

    @contextlib.asynccontextmanager
    async def _program(
        self, name: str, command: tuple[str, ...], environment: dict[str, str], port: int, probed: int
    ) -> AsyncIterator[Server]:
        """A process, from ready at the port `probed` to gone."""
        self._started += 1
        spec = Spec(
            name=name,
            command=command,
            log=self._folder / "logs" / f"{name}-{self._started}.log",
            environment={**for_services(os.environ), **environment},
        )

        async def ready() -> bool:
            return await answers_ready(LOOPBACK, probed)

        process = Process(spec)
        server = Server(name, process.pid, port)
        try:
            await until_ready(Unit(spec=spec, url=server.url, ready=ready), process)
            yield server
        finally:
            await process.stop()

    async def group(self, pod: Server, people: Sequence[Person]) -> str:
        """A group of these people, made by the first of them; its id."""
        async with self._client(pod) as client:
            names = [person.username for person in people[1:]]
            return await _make_room(client, people[0], {"type": "group", "name": "bench", "members": names})

    async def direct_rooms(self, pod: Server, pairs: Sequence[tuple[Person, Person]]) -> list[str]:
        """The room of each pair; their ids."""
        slots = asyncio.Semaphore(CONCURRENT_REQUESTS)
        async with self._client(pod) as client:

            async def make(one: Person, other: Person) -> str:
                async with slots:
                    return await _make_room(client, one, {"type": "direct", "user": other.username})

            return await asyncio.gather(*(make(one, other) for one, other in pairs))

    def _client(self, pod: Server) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=pod.url, timeout=30, trust_env=False)


def socket_of(person: Person, room: str, server: Server) -> Socket:
    """A connection of somebody to a pod or a gateway."""
    return Socket(server.port, room, f"{SOCKET_PATH}?token={person.token}")


async def _make_room(client: httpx.AsyncClient, owner: Person, body: dict[str, Any]) -> str:
    headers = {"Authorization": f"Bearer {owner.token}"}
    response = await client.post("/api/chat/rooms/", json=body, headers=headers)
    if response.status_code not in (200, 201):
        raise RuntimeError(f"a room could not be made: {response.status_code} {response.text}")
    return str(response.json()["id"])
