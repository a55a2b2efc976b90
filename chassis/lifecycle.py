"""A process's life: start in order, drain, stop in reverse, each with a deadline; and what `/readyz` says of it."""

import asyncio
import enum
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from . import metrics

logger = logging.getLogger(__name__)


class Phase(enum.Enum):
    """Where a process is in its life."""

    STARTING = "starting"
    RUNNING = "running"
    DRAINING = "draining"
    STOPPED = "stopped"


class Component(Protocol):
    """Something with a background life: a pool, a consumer, a hub."""

    async def start(self) -> None:
        """Return when usable; raise when it never will be."""

    async def stop(self) -> None:
        """Release everything; called once, also after a failed start."""


class Closing:
    """A component for what needs no start but an end: clients of HTTP and Redis.

    Arguments:
        closers: called in order when the process stops.
    """

    def __init__(self, *closers: Callable[[], Awaitable[object]]) -> None:
        self._closers = closers

    async def start(self) -> None:
        """Nothing: clients connect when they are used."""

    async def stop(self) -> None:
        """Close all."""
        for close in self._closers:
            await close()


class Fatal(Exception):
    """This process cannot start, and waiting will not help; `str()` is the one sentence for the operator."""


class Lifecycle:
    """Owns the components of a process.

    Arguments:
        stop_seconds: deadline for each component's stop.
    """

    def __init__(self, *, stop_seconds: float = 10) -> None:
        self.phase = Phase.STARTING
        self._stop_seconds = stop_seconds
        self._components: list[tuple[str, Component]] = []
        self._touched = 0  # how many starts were attempted: these are the ones to stop
        self._checks: dict[str, Callable[[], str | None]] = {}
        self._drains: list[Callable[[float], Awaitable[None]]] = []

    def add(self, name: str, component: Component) -> None:
        """Start `component` after those added before it, and stop it before them."""
        self._components.append((name, component))

    def add_check(self, name: str, check: Callable[[], str | None]) -> None:
        """Make readiness depend on `check`, which returns None or the reason; it must be local and instant."""
        self._checks[name] = check

    def on_drain(self, drain: Callable[[float], Awaitable[None]]) -> None:
        """Call `drain(budget_seconds)` after the endpoints have forgotten this process and before anything stops."""
        self._drains.append(drain)

    async def start(self) -> None:
        """Start everything in order; on an error the caller stops what was touched."""
        for name, component in self._components:
            self._touched += 1
            await component.start()
            logger.debug("started", extra={"component": name})
        if self.phase is Phase.STARTING:
            self.phase = Phase.RUNNING

    def not_ready(self) -> dict[str, str]:
        """Why this process should get no traffic: reason by name, empty when it should."""
        reasons = {} if self.phase is Phase.RUNNING else {"phase": self.phase.value}
        if self.phase is Phase.RUNNING:
            for name, check in self._checks.items():
                try:
                    reason = check()
                except Exception:
                    logger.exception("a check failed", extra={"check": name})
                    reason = "the check failed"
                if reason is not None:
                    reasons[name] = reason
        metrics.ready.set(0 if reasons else 1)
        return reasons

    async def drain(self, pause: float, budget: float) -> None:
        """Stop being ready, wait `pause` seconds for that to be noticed, then end open work within `budget` seconds."""
        self.phase = Phase.DRAINING
        metrics.draining.set(1)
        metrics.ready.set(0)
        logger.info("draining", extra={"pause_seconds": pause, "budget_seconds": budget})
        await asyncio.sleep(pause)
        results = await asyncio.gather(
            *(self._bounded(drain, budget) for drain in self._drains), return_exceptions=True
        )
        for result in results:
            if isinstance(result, BaseException):
                logger.error("drain failed", exc_info=result)

    @staticmethod
    async def _bounded(drain: Callable[[float], Awaitable[None]], budget: float) -> None:
        async with asyncio.timeout(budget + 5):
            await drain(budget)

    async def stop(self) -> None:
        """Stop what was started, in reverse; a component that hangs or fails does not keep the others from stopping."""
        for name, component in reversed(self._components[: self._touched]):
            try:
                async with asyncio.timeout(self._stop_seconds):
                    await component.stop()
            except TimeoutError:
                logger.error("did not stop in time", extra={"component": name})
            except asyncio.CancelledError:
                if (task := asyncio.current_task()) is not None and task.cancelling():
                    raise
                logger.error("failed to stop", extra={"component": name})  # it awaited a task that it had cancelled
            except Exception:
                logger.exception("failed to stop", extra={"component": name})
        self._touched = 0
        self.phase = Phase.STOPPED
