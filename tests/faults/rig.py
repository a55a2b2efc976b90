"""The platform under test: real engines, proxies between each chat pod and its engines, two pods, two gateways."""

import os
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import msgspec

from devstack.console import silent
from devstack.databases import owner_url
from devstack.engines import Engines
from devstack.errors import DevstackError
from devstack.ports import Ports
from devstack.services import PARLEY, Platform, Service
from devstack.settings import Settings
from devstack.stack import Stack
from tests.faults.links import Link
from tests.faults.plan import ENGINES, GATEWAYS, PODS
from tests.faults.presence import GRACE_SECONDS, LEASE_SECONDS

WELL_SECONDS = 90.0
TOKEN_SECONDS = 180  # so that all are renewed several times in a long run
# What takes no part in chatting need not start.
LEFT_OUT = frozenset({"mail", "fcm", "notifications", "migrate-notifications", "fcm-account"})
CHAT = ("{python}", "-m", "chat_service")


class Rig:
    """Everything that can be broken.

    Arguments:
        folder: where engines and services keep their data and logs.
        chat: the command of a chat pod; another one for a build that is broken on purpose.
        say: told, in one line each, of what starts, dies and is back.
    """

    def __init__(self, folder: Path, *, chat: tuple[str, ...] = CHAT, say: Callable[[str], None] = silent) -> None:
        self._folder = folder
        self._chat = chat
        self._say = say
        self._stack = AsyncExitStack()
        self.engines = Engines(folder / "engines", kafka=True, durable=True, say=say)
        self.links: dict[str, Link] = {}
        self.services: Stack

    async def __aenter__(self) -> Self:
        self._stack.push_async_callback(self.engines.close)
        try:
            await self.engines.open()
            await self._open_links()
            settings = Settings(
                port=0,
                data_dir=self._folder / "services",
                postgres_url=self.engines.postgres_url,
                redis_url=self.engines.redis_url,
                kafka_url=self.engines.kafka_url,
            )
            environment = {**os.environ, "RATE_LIMITS": "off", "ACCESS_TOKEN_SECONDS": str(TOKEN_SECONDS)}
            self.services = Stack(settings, self._platform(), say=self._say, environment=environment)
            await self._stack.enter_async_context(self.services)
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    @property
    def gateway_urls(self) -> list[str]:
        """Where clients connect."""
        return [self.services.urls[name] for name in GATEWAYS]

    @property
    def logs(self) -> Path:
        """Where services write."""
        return self._folder / "services" / "logs"

    @property
    def keys_file(self) -> Path:
        """The signing keys of auth."""
        return self._folder / "services" / "signing-keys.json"

    def pid(self, name: str) -> int | None:
        """The process of a service or an engine, None if it does not run."""
        return (self.engines.pids if name in ENGINES else self.services.pids).get(name)

    def signal(self, name: str, number: int) -> int:
        """Send a signal to a service or an engine. A service that ends is started again, an engine is not."""
        return self.engines.kill(name, number) if name in ENGINES else self.services.kill(name, number)

    async def until_well(self) -> None:
        """Wait until every service is ready.

        Raises:
            DevstackError: if one is not, after a long time.
        """
        deadline = time.monotonic() + WELL_SECONDS
        for service in self._platform().services:
            while True:
                try:
                    await self.services.until_ready(service.name)
                    break
                except DevstackError:  # it may have to wait for another
                    if time.monotonic() > deadline:
                        raise

    async def _open_links(self) -> None:
        ports = Ports()
        urls = {"postgres": self._chat_database(), "valkey": self.engines.redis_url}
        for pod in PODS:
            for engine, url in urls.items():
                link = self.links[f"{pod}/{engine}"] = Link(url, ports.choose())
                self._stack.push_async_callback(link.close)
                await link.open()

    def _chat_database(self) -> str:
        """The URL that the stack will give to chat: it derives the role's password from the administrator's."""
        url = self.engines.postgres_url
        return owner_url(url, "chat", urlsplit(url).password or "")

    def _platform(self) -> Platform:
        services: list[Service] = []
        for service in PARLEY.services:
            if service.name in LEFT_OUT:
                continue
            if service.name in PODS:
                environment = {
                    **service.environment,
                    "DATABASE_URL": self.links[f"{service.name}/postgres"].url,
                    "REDIS_URL": self.links[f"{service.name}/valkey"].url,
                    "PRESENCE_LEASE_SECONDS": str(LEASE_SECONDS),
                    "PRESENCE_GRACE_SECONDS": str(GRACE_SECONDS),
                }
                services.append(msgspec.structs.replace(service, command=self._chat, environment=environment))
            else:
                services.append(service)
            if service.gateway:
                services.append(msgspec.structs.replace(service, name=GATEWAYS[1]))
        return msgspec.structs.replace(
            PARLEY,
            databases={name: settings for name, settings in PARLEY.databases.items() if name not in LEFT_OUT},
            jobs=tuple(job for job in PARLEY.jobs if job.name not in LEFT_OUT),
            services=tuple(services),
        )
