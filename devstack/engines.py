"""The engines: PostgreSQL, Valkey and the Kafka-protocol broker, each from its wheel or a real one by its URL.

    async with Engines.start(folder) as engines:
        url = await engines.create_database("chat")
        ... engines.postgres_url, engines.redis_url ...

The processes are children of the thread that starts them and, on Linux, end with it. No event loop need run between the
start and the end: a fixture may start them in one loop and stop them in another.
"""

import asyncio
import contextlib
import signal
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from devstack import kafka, postgres, valkey
from devstack.console import shown, silent
from devstack.databases import ROLE_SETTINGS, drop_database, ensure_database
from devstack.errors import DevstackError
from devstack.leftovers import Leftovers
from devstack.lock import Lock
from devstack.logs import begin
from devstack.passwords import read_or_create_secret
from devstack.ports import LOOPBACK, Ports
from devstack.supervisor import Supervisor
from devstack.units import listens

REAL_SECONDS = 3.0


class Engines:
    """Running engines. Each of the three is True (from its wheel), False (none) or the URL of a real one."""

    def __init__(
        self,
        folder: Path,
        *,
        postgres: bool | str = True,
        valkey: bool | str = True,
        kafka: bool | str = False,
        durable: bool = True,
        host: str = LOOPBACK,
        supervisor: Supervisor | None = None,
        ports: Ports | None = None,
        say: Callable[[str], None] = silent,
    ) -> None:
        """
        Arguments:
            folder: the data directory; made if it is not there.
            durable: False for tests: a power cut may take everything, and all is faster.
            host: the address of this machine where they listen.
            supervisor: what runs them; their own by default.
            ports: where their ports come from.
            say: told, in one line each, of what starts.
        """
        self._folder = folder.resolve()
        self._wanted = {"postgres": postgres, "valkey": valkey, "kafka": kafka}
        self._durable = durable
        self._host = host
        self._say = say
        self._supervisor = supervisor or Supervisor(say)
        self._ports = ports or Ports()
        self._lock = Lock(self._folder)
        self._urls = {name: wanted for name, wanted in self._wanted.items() if isinstance(wanted, str)}
        self._secret = ""

    @classmethod
    @contextlib.asynccontextmanager
    async def start(
        cls,
        folder: Path,
        *,
        postgres: bool | str = True,
        valkey: bool | str = True,
        kafka: bool | str = False,
        durable: bool = True,
        host: str = LOOPBACK,
    ) -> AsyncIterator[Self]:
        """Engines for the length of a block.

        Raises:
            DevstackError: if one does not start, or the folder is in use.
        """
        engines = cls(folder, postgres=postgres, valkey=valkey, kafka=kafka, durable=durable, host=host)
        try:
            await engines.open()
            yield engines
        finally:
            await engines.close()

    async def prepare(self) -> None:
        """Take the folder for ourselves; `open` does this too, if it has not been done.

        Raises:
            DevstackError: if it is in use, or cannot be written.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._lock.take()
            (self._folder / "logs").mkdir(mode=0o700, exist_ok=True)
            self._secret = read_or_create_secret(self._folder / "secret")
        except OSError as error:
            raise DevstackError(f"The data directory {self._folder} cannot be used: {error.strerror}.") from error
        self._supervisor.leftovers = Leftovers(self._folder / "processes.json")
        if ended := await self._supervisor.leftovers.end():
            self._say(f"Ended what an earlier run had left behind: {', '.join(ended)}.")

    async def open(self) -> None:
        """Start them, at the same time, and wait until they serve.

        Raises:
            DevstackError: if one does not start, or the folder is in use. `close` is needed all the same.
        """
        if not self._lock.held:
            await self.prepare()
        starters = {"postgres": self._start_postgres, "valkey": self._start_valkey, "kafka": self._start_kafka}
        jobs: list[Coroutine[Any, Any, None]] = []
        for name, wanted in self._wanted.items():
            if isinstance(wanted, str):
                jobs.append(self._find_real(name, wanted))
            elif wanted:
                jobs.append(starters[name]())
        await together(jobs)

    async def close(self) -> None:
        """Stop them and let others have the folder."""
        try:
            await self._supervisor.stop()
            if self._lock.held and self._supervisor.leftovers is not None:
                self._supervisor.leftovers.clear()
        finally:
            self._lock.release()

    def _url(self, name: str) -> str:
        if name not in self._urls:
            raise DevstackError(f"There is no {name} here: it was not asked for.")
        return self._urls[name]

    @property
    def postgres_url(self) -> str:
        """The administrator's URL."""
        return self._url("postgres")

    @property
    def redis_url(self) -> str:
        """Valkey's URL, database 0."""
        return self._url("valkey")

    @property
    def kafka_url(self) -> str:
        """The broker's URL, kafka://host:port."""
        return self._url("kafka")

    @property
    def pids(self) -> dict[str, int]:
        """The process ids of the engines from wheels: postgres, valkey, kafka."""
        return self._supervisor.pids

    def kill(self, name: str, number: int = signal.SIGKILL) -> int:
        """Send a signal to an engine; it stays dead until `restart`. Returns its process id."""
        return self._supervisor.kill(name, number)

    async def restart(self, name: str) -> None:
        """End an engine if it runs, and start it again on the same port.

        Raises:
            DevstackError: if it does not start.
        """
        await self._supervisor.restart(name)

    async def create_database(self, name: str, settings: Mapping[str, str] = ROLE_SETTINGS) -> str:
        """Make a database and the role that owns it, both of that name, if they are not there.

        On a real server the role's password is derived from the administrator's, so that two data directories which
        use the same server agree about it.

        Returns:
            the owner's URL.

        Raises:
            DevstackError: if the server does not let us.
        """
        real = isinstance(self._wanted["postgres"], str)
        secret = (urlsplit(self.postgres_url).password if real else None) or self._secret
        return await ensure_database(self.postgres_url, name, secret, settings)

    async def drop_database(self, name: str) -> None:
        """Remove a database, whoever is connected, and its role."""
        await drop_database(self.postgres_url, name)

    def _log(self, name: str) -> Path:
        return begin(self._folder / "logs" / f"{name}.log")

    async def _start_postgres(self) -> None:
        folder, port = self._folder / "postgres", self._ports.choose()
        if not (folder / "cluster").exists():
            self._say("postgres         is making its cluster, once")
        unit = await postgres.create(
            folder, self._log("postgres"), self._host, port, self._secret, durable=self._durable
        )
        self._urls["postgres"] = unit.url
        await self._supervisor.start(unit)

    async def _start_valkey(self) -> None:
        folder, port = self._folder / "valkey", self._ports.choose()
        unit = valkey.create(folder, self._log("valkey"), self._host, port, self._secret, durable=self._durable)
        self._urls["valkey"] = unit.url
        await self._supervisor.start(unit)

    async def _start_kafka(self) -> None:
        unit = kafka.create(self._folder / "kafka", self._log("kafka"), self._host, self._ports.choose())
        self._urls["kafka"] = unit.url
        await self._supervisor.start(unit)

    async def _find_real(self, name: str, url: str) -> None:
        """Wait a moment for a real engine, so that its absence is one sentence now and not an error later."""
        variable = {"postgres": "POSTGRES_URL", "valkey": "REDIS_URL", "kafka": "KAFKA_URL"}[name]
        deadline = time.monotonic() + REAL_SECONDS
        while not await (postgres.answers(url) if name == "postgres" else _accepts(url)):
            if time.monotonic() > deadline:
                raise DevstackError(f"Nothing answers at {shown(url)}, which {variable} names.")
            await asyncio.sleep(0.1)
        self._say(f"{name:<16} {shown(url):<40} (from {variable})")


async def _accepts(url: str) -> bool:
    place = urlsplit(url).netloc.rpartition("@")[2].split(",")[0]
    host, _, port = place.rpartition(":")
    return port.isdigit() and await listens(host.strip("[]"), int(port))


async def together(jobs: list[Coroutine[Any, Any, None]]) -> None:
    """Run all at the same time; the first that fails ends the others and is raised itself, not in a group."""
    try:
        async with asyncio.TaskGroup() as group:
            for job in jobs:
                group.create_task(job)
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from failures
