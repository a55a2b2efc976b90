"""The whole platform in a thread of its own, for tests whose event loops come and go.

    with Background(Settings(port=0, data_dir=folder)) as stack:
        pid = stack.kill("chat-1")
        stack.until_ready("chat-1", other_than=pid)

The children belong to the thread, which lives as long as the block.
"""

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from devstack.console import silent
from devstack.services import PARLEY, Platform
from devstack.settings import Settings
from devstack.stack import Stack

Result = TypeVar("Result")


class Background:
    """A Stack whose methods wait instead of being awaited, callable from any thread."""

    def __init__(
        self,
        settings: Settings,
        platform: Platform = PARLEY,
        *,
        say: Callable[[str], None] = silent,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        """Arguments: those of Stack."""
        self._stack = Stack(settings, platform, say=say, environment=environment)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="devstack", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self._run(self._stack.open())
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._run(self._stack.close())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def _run(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    @property
    def gateway_url(self) -> str:
        """The address of the platform."""
        return self._stack.gateway_url

    @property
    def keys_file(self) -> Path:
        """The file of the signing keys."""
        return self._stack.keys_file

    @property
    def urls(self) -> dict[str, str]:
        """The address of each service by name."""
        return self._stack.urls

    @property
    def metrics_urls(self) -> dict[str, str]:
        """Where each service has its `/metrics`, by name."""
        return self._stack.metrics_urls

    @property
    def pids(self) -> dict[str, int]:
        """The process ids of what runs, by name."""
        return self._stack.pids

    @property
    def postgres_url(self) -> str:
        """The administrator's URL of PostgreSQL."""
        return self._stack.engines.postgres_url

    @property
    def redis_url(self) -> str:
        """Valkey's URL."""
        return self._stack.engines.redis_url

    @property
    def kafka_url(self) -> str:
        """The broker's URL."""
        return self._stack.engines.kafka_url

    def database_url(self, name: str) -> str:
        """The URL of one of the platform's databases, for its owner."""
        return self._stack.database_urls[name]

    def kill(self, name: str, number: int = signal.SIGKILL) -> int:
        """Send a signal to a process; if it ends, it is started again. Returns its process id."""
        return self._stack.kill(name, number)

    def restart(self, name: str) -> None:
        """End a process politely and start it again on the same port.

        Raises:
            DevstackError: if it does not start.
        """
        self._run(self._stack.restart(name))

    def until_ready(self, name: str, other_than: int | None = None) -> int:
        """Wait until a process serves, one of another number than `other_than`; returns its number.

        Raises:
            DevstackError: if that takes longer than its start may.
        """
        return self._run(self._stack.until_ready(name, other_than))
