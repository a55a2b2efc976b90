"""The main of every process: settings, logs, lifecycle, server, signals; exit code 0 after a drain, 1 with a reason."""

import asyncio
import contextlib
import gc
import logging
import resource
import signal
import sys
import time
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from . import logs, metrics, server, tracing
from .asgi import App, Edge
from .lifecycle import Fatal, Lifecycle
from .ops import Ops
from .settings import ServiceSettings, SettingsError, load

logger = logging.getLogger(__name__)
SettingsT = TypeVar("SettingsT", bound=ServiceSettings)
LAG_PROBE_SECONDS = 0.5


class Service(msgspec.Struct, frozen=True):
    """What `create_app` returns: the ASGI application and what lives behind it."""

    app: App
    lifecycle: Lifecycle
    keep_alive_seconds: float = 75


def run(create: Callable[[SettingsT], Service], model: type[SettingsT], **defaults: Any) -> None:
    """Run a service until a signal, then exit.

    Arguments:
        create: the service's `create_app`; it opens nothing by itself.
        model: its settings.
        defaults: settings that differ from the model's defaults.
    """
    try:
        settings = load(model, **defaults)
    except SettingsError as error:
        print("\n".join(f"settings: {line}" for line in str(error).splitlines()), file=sys.stderr)  # noqa: T201
        sys.exit(2)
    _allow_many_sockets()
    logs.configure(settings.service_name, settings.pod_name, settings.log_level, settings.log_format)
    tracing.configure(settings)
    try:
        asyncio.run(main(create(settings), settings))
    except Fatal as error:
        logger.critical("cannot run", extra={"reason": str(error)})
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception:
        logger.critical("cannot run", exc_info=True)
        sys.exit(1)
    finally:
        if tracing.current is not None:
            tracing.current.close()


def _allow_many_sockets() -> None:
    """Raise the soft limit of open files to the hard one: 1,024, a usual default, is a thousand sockets."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):  # macOS refuses what its own hard limit says
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def main(service: Service, settings: ServiceSettings) -> None:
    """Serve until SIGTERM or SIGINT and the drain that follows; a second signal cuts the drain short.

    Raises:
        Fatal: the service cannot start.
    """
    app = Ops(Edge(service.app, service.lifecycle), service.lifecycle, settings.ops_port)
    binds = [f"{settings.host}:{settings.port}"]
    if settings.ops_port is not None:
        binds.append(f"{settings.host}:{settings.ops_port}")
    signals = _Signals()
    starting = asyncio.ensure_future(_start(service.lifecycle, settings))

    async def shutdown() -> None:
        first = asyncio.ensure_future(signals.first.wait())
        done, _ = await asyncio.wait({first, starting}, return_when=asyncio.FIRST_COMPLETED)
        if starting in done and starting.exception() is not None:
            first.cancel()
            return
        await first
        if not starting.done():
            return  # nobody was sent here yet
        drain = asyncio.ensure_future(service.lifecycle.drain(settings.drain_pause_seconds, settings.drain_seconds))
        hurry = asyncio.ensure_future(signals.second.wait())
        await asyncio.wait({drain, hurry}, return_when=asyncio.FIRST_COMPLETED)
        drain.cancel()
        hurry.cancel()

    lag = asyncio.ensure_future(_measure_lag())
    try:
        await server.serve(app, binds, shutdown, keep_alive_seconds=service.keep_alive_seconds)
    finally:
        lag.cancel()
        starting.cancel()
        await asyncio.wait({starting}, timeout=settings.stop_seconds)  # else a component is stopped while it starts
        await service.lifecycle.stop()
    if starting.done() and not starting.cancelled():
        starting.result()
    logger.info("stopped")


async def _start(lifecycle: Lifecycle, settings: ServiceSettings) -> None:
    started = time.monotonic()
    await lifecycle.start()
    gc.freeze()  # what is here now stays: the collector need not look at it again
    extra = {"port": settings.port, "seconds": round(time.monotonic() - started, 3)}
    logger.info("ready", extra=extra)


class _Signals:
    """SIGTERM and SIGINT as events."""

    def __init__(self) -> None:
        self.first = asyncio.Event()
        self.second = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._arrived)

    def _arrived(self) -> None:
        (self.second if self.first.is_set() else self.first).set()


async def _measure_lag() -> None:
    while True:
        before = time.monotonic()
        await asyncio.sleep(LAG_PROBE_SECONDS)
        metrics.loop_lag_seconds.observe(max(0.0, time.monotonic() - before - LAG_PROBE_SECONDS))
