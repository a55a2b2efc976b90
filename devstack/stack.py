"""The whole platform: engines, databases, jobs, services.

    async with Stack(Settings(port=0, data_dir=folder)) as stack:
        ... stack.gateway_url, stack.urls["chat-1"], stack.pids["chat-1"] ...
        pid = stack.kill("chat-1")
        await stack.until_ready("chat-1", other_than=pid)

What dies is started again by tasks in the event loop that entered the block; `background.py` gives it one of its own.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from devstack import web
from devstack.console import silent
from devstack.engines import Engines, together
from devstack.environment import for_services
from devstack.errors import DevstackError, ProcessError
from devstack.logs import begin
from devstack.observe import write_targets
from devstack.ports import LOOPBACK, Ports, is_free
from devstack.process import Process, Spec, ending, tail
from devstack.services import PARLEY, Job, Platform, Service
from devstack.settings import Settings
from devstack.supervisor import Supervisor
from devstack.units import Unit, answers_ready

# A person who stops the platform waits for it, and nobody else is connected.
LOCAL = {"LOG_FORMAT": "text", "DRAIN_PAUSE_SECONDS": "0", "DRAIN_SECONDS": "2"}


class Stack:
    """The platform, from `open` to `close`."""

    def __init__(
        self,
        settings: Settings,
        platform: Platform = PARLEY,
        *,
        say: Callable[[str], None] = silent,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        """
        Arguments:
            settings: port, data directory, real engines.
            platform: what is started beside the engines.
            say: told, in one line each, of what starts, dies and is back.
            environment: what services see of it is all but what is given to them.
        """
        self._settings = settings
        self._platform = platform
        self._services = [
            service
            for service in platform.services
            if service.unless is None or getattr(settings, service.unless) is None
        ]
        self._say = say
        self._ports = Ports()
        self._folder = settings.data_dir.resolve()
        self._supervisor = Supervisor(say, restarts=True)
        self._engines = Engines(
            self._folder,
            postgres=settings.postgres_url or True,
            valkey=settings.redis_url or True,
            kafka=settings.kafka_url or platform.kafka,
            durable=settings.durable,
            supervisor=self._supervisor,
            ports=self._ports,
            say=say,
        )
        self._environment = LOCAL | for_services(environment)
        self._addresses: dict[str, int] = {}
        self._words: dict[str, Any] = {}
        self._databases: dict[str, str] = {}
        self._probed: dict[str, int] = {}

    async def __aenter__(self) -> Self:
        try:
            await self.open()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def engines(self) -> Engines:
        """PostgreSQL, Valkey and the broker."""
        return self._engines

    @property
    def keys_file(self) -> Path:
        """The file of the signing keys."""
        return self._folder / "signing-keys.json"

    @property
    def urls(self) -> dict[str, str]:
        """The address of each service by name, http://127.0.0.1:port."""
        return {name: f"http://{LOOPBACK}:{port}" for name, port in self._addresses.items()}

    @property
    def gateway_url(self) -> str:
        """The address of the platform: of its first gateway, if a table of one's own has more."""
        return self.urls[next(service.name for service in self._services if service.gateway)]

    @property
    def database_urls(self) -> dict[str, str]:
        """The URL of each database for its owner, by name."""
        return dict(self._databases)

    @property
    def metrics_urls(self) -> dict[str, str]:
        """Where each service has its `/metrics`, by name; stand-ins for what others run have none."""
        ours = {service.name for service in self._services if service.unless is None}
        return {name: f"http://{LOOPBACK}:{port}" for name, port in self._probed.items() if name in ours}

    @property
    def pids(self) -> dict[str, int]:
        """The process ids of what runs, by name: services and engines from wheels."""
        return self._supervisor.pids

    def kill(self, name: str, number: int = signal.SIGKILL) -> int:
        """Send a signal to a process; if it ends, it is started again. Returns its process id."""
        return self._supervisor.kill(name, number)

    async def restart(self, name: str) -> None:
        """End a process politely and start it again on the same port.

        Raises:
            DevstackError: if it does not start.
        """
        await self._supervisor.restart(name)

    async def until_ready(self, name: str, other_than: int | None = None) -> int:
        """Wait until a process serves, one of another number than `other_than`; returns its number.

        Raises:
            DevstackError: if that takes longer than its start may.
        """
        return await self._supervisor.until_ready(name, other_than)

    def hurry(self) -> None:
        """Make a `close` that is under way impolite."""
        self._supervisor.hurry.set()

    async def open(self) -> None:
        """Start everything and wait until it serves.

        Raises:
            DevstackError: if something does not start. `close` is needed all the same.
        """
        await self._engines.prepare()
        self._choose_ports()
        await together([self._start_engines(), self._run_jobs(None)])
        await together([self._start(service) for service in self._services])
        write_targets(self._folder, self.metrics_urls)

    async def close(self) -> None:
        """Stop everything in reverse order."""
        await self._engines.close()

    def _choose_ports(self) -> None:
        for service in self._services:
            wanted = self._settings.port if service.gateway else 0
            if wanted and not is_free(wanted, self._settings.host):
                raise DevstackError(
                    f"Port {wanted} is in use by another program: end that one, or choose another port with PORT=."
                )
            self._addresses[service.name] = self._ports.reserve(wanted) if wanted else self._ports.choose()
        second = {service.name: self._ports.choose() for service in self._services if service.second_port}
        self._words = {
            "port": second,
            "smtp": self._settings.smtp_url or f"smtp://{LOOPBACK}:{second.get('mail', 0)}?starttls=never",
            "public": self._settings.public_url or self.gateway_url,
            "fcm": self._fcm(),
            "python": sys.executable,
            "data": str(self._folder),
            "keys": str(self.keys_file),
            "web": str(web.built() or ""),
            "url": self.urls,
            "database": self._databases,
        }

    def _fcm(self) -> dict[str, str]:
        """Where notifications go: a service account, and where Google is, which is empty for Google itself."""
        own = self._settings.fcm_credentials_file
        account = str(own.resolve() if own is not None else self._folder / "fcm-service-account.json")
        url = self.urls.get("fcm", "")
        return {"account": account, "url": url, "token_url": url and f"{url}/token"}

    async def _start_engines(self) -> None:
        await self._engines.open()
        self._words["redis"] = self._engines.redis_url
        self._words["kafka"] = self._engines.kafka_url if self._settings.kafka_url or self._platform.kafka else ""
        await together([self._make_database(name) for name in self._platform.databases])

    async def _make_database(self, name: str) -> None:
        self._databases[name] = await self._engines.create_database(name, self._platform.databases[name])
        await self._run_jobs(name)

    async def _run_jobs(self, database: str | None) -> None:
        await together([self._run_job(job) for job in self._platform.jobs if job.database == database])

    def _filled(self, texts: Mapping[str, str]) -> dict[str, str]:
        return {name: text.format_map(self._words) for name, text in texts.items()}

    def _spec(self, entry: Job | Service, environment: Mapping[str, str]) -> Spec:
        return Spec(
            name=entry.name,
            command=tuple(word.format_map(self._words) for word in entry.command),
            log=begin(self._folder / "logs" / f"{entry.name}.log"),
            environment={**self._environment, **environment, **self._filled(entry.environment)},
        )

    async def _run_job(self, job: Job) -> None:
        if job.unless is not None and Path(job.unless.format_map(self._words)).exists():
            return
        began = time.monotonic()
        spec = self._spec(job, {})
        process = Process(spec)
        try:
            code = await process.wait(job.seconds)
        finally:
            await process.stop()
        if code != 0:
            how = f"it {ending(code)}" if code is not None else f"it took more than {job.seconds:.0f} seconds"
            raise ProcessError(f"{job.name} failed: {how}.", tail(spec.log))
        self._say(f"{job.name:<16} {'done':<40} {time.monotonic() - began:5.1f} s")

    async def _start(self, service: Service) -> None:
        port = self._addresses[service.name]
        probed = self._probed[service.name] = self._ports.choose() if service.gateway else port
        environment = {
            "HOST": self._settings.host if service.gateway else LOOPBACK,
            "PORT": str(port),
            "SERVICE_NAME": service.name,
        }
        if service.gateway:
            environment["OPS_PORT"] = str(probed)

        async def ready() -> bool:
            return await answers_ready(LOOPBACK, probed)

        spec = self._spec(service, environment)
        await self._supervisor.start(Unit(spec=spec, url=self.urls[service.name], ready=ready, stage=service.stage))
