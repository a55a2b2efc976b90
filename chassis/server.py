"""Hypercorn, and the handover. What touches its internals (0.18, pinned) is here, in `handover` and in `strict`.

Hypercorn does HTTP and the WebSocket handshake. After the accept a connection can be handed over to a plain asyncio
protocol: its tasks end, its memory is freed, the socket lives on. Four things of Hypercorn's are replaced:

- `TCPServer`, so that a connection can let go of its socket (`Handover`), and ends when its client has gone,
- `Handshake`, so that permessage-deflate is never negotiated,
- `H11Protocol`, so that nothing but HTTP/1.1 is spoken, and errors below the application are problem+json,
- `WSStream`, for the same errors in a handshake.
"""

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable
from typing import cast

import hypercorn.asyncio.run as hypercorn_run
import hypercorn.protocol as hypercorn_protocol
import hypercorn.protocol.h11 as hypercorn_h11
import hypercorn.protocol.ws_stream as hypercorn_ws
from hypercorn.config import Config, Sockets
from hypercorn.typing import Framework
from hypercorn.utils import wrap_app

from .asgi import App
from .handover import Handover, HandoverServer, handover_of, open_transports
from .lifecycle import Fatal
from .strict import MAX_HEAD_BYTES, PlainHandshake, ProblemWSStream, StrictH11

__all__ = ["Handover", "handover_of", "make_config", "open_connections", "serve"]

logger = logging.getLogger(__name__)

BACKLOG = 2048
MAX_FRAME_BYTES = 64 * 1024
UNWIND_SECONDS = 1.0  # for tasks to end when their connections have been aborted; cancelling would orphan Quart's


def install() -> None:
    """Put our classes where Hypercorn looks for its own; harmless when repeated."""
    hypercorn_run.TCPServer = HandoverServer  # type: ignore[attr-defined]
    hypercorn_protocol.H11Protocol = StrictH11  # type: ignore[attr-defined]
    hypercorn_h11.WSStream = ProblemWSStream  # type: ignore[attr-defined]
    hypercorn_ws.Handshake = PlainHandshake  # type: ignore[misc]


def make_config(binds: list[str], *, keep_alive_seconds: float, grace_seconds: float) -> Config:
    """Hypercorn's configuration with every limit set."""
    config = Config()
    config.bind = binds
    config.backlog = BACKLOG
    config.workers = 1
    config.keep_alive_timeout = keep_alive_seconds  # also how long a request's head may take
    config.keep_alive_max_requests = 100_000
    config.h11_max_incomplete_size = MAX_HEAD_BYTES
    config.websocket_max_message_size = MAX_FRAME_BYTES
    config.graceful_timeout = grace_seconds + UNWIND_SECONDS
    config.include_server_header = False
    config.accesslog = None  # Edge logs, without query strings
    config.errorlog = logging.getLogger("hypercorn.error")
    return config


async def serve(
    app: App,
    binds: list[str],
    shutdown: Callable[[], Awaitable[None]],
    *,
    keep_alive_seconds: float = 75,
    grace_seconds: float = 3,
) -> None:
    """Serve until `shutdown` returns; it drains, so that nothing of value is open when Hypercorn stops.

    Arguments:
        app: the ASGI application.
        binds: `host:port`, the first being the service's, a second one the ops port.
        shutdown: awaits the signal and the drain.
        keep_alive_seconds: how long an idle connection, or an incomplete request head, may stay.
        grace_seconds: how long after `shutdown` requests may still be answered; then what is open is aborted.

    Raises:
        Fatal: an address is taken or not ours.
    """
    install()
    config = make_config(binds, keep_alive_seconds=keep_alive_seconds, grace_seconds=grace_seconds)
    sockets = listen(binds)
    ender: list[asyncio.Task[None]] = []

    async def trigger() -> None:
        await shutdown()
        ender.append(asyncio.ensure_future(_abort_later(config, grace_seconds)))

    try:
        await hypercorn_run.worker_serve(
            wrap_app(cast("Framework", app), config.wsgi_max_body_size, "asgi"),
            config,
            sockets=Sockets([], sockets, []),
            shutdown_trigger=trigger,
        )
    finally:
        for task in ender:
            task.cancel()
        for listener in sockets:
            listener.close()
        _abort(config)
        await asyncio.sleep(0)  # lets the protocols hear of it


def listen(binds: list[str]) -> list[socket.socket]:
    """Listening sockets on all of `host:port`.

    Raises:
        Fatal: one of them cannot be had.
    """
    sockets: list[socket.socket] = []
    for bind in binds:
        host, _, port = bind.rpartition(":")
        host = host.strip("[]")
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        both = family == socket.AF_INET6 and socket.has_dualstack_ipv6()
        try:
            listener = socket.create_server((host, int(port)), family=family, backlog=BACKLOG, dualstack_ipv6=both)
            # Accepted sockets inherit it; asyncio does not see that they are TCP, and small frames would wait 40 ms.
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sockets.append(listener)
        except OSError as error:
            for listener in sockets:
                listener.close()
            number = error.errno or 0
            reason = os.strerror(number) if number > 0 else error.strerror  # names that cannot be resolved have others
            raise Fatal(f"cannot listen on {bind}: {reason}") from None
    return sockets


async def _abort_later(config: Config, seconds: float) -> None:
    """End what is still open.

    From Python 3.12 on Hypercorn waits for it without a bound (hypercorn#308), and then for the tasks.
    """
    await asyncio.sleep(seconds)
    _abort(config)
    config.graceful_timeout = UNWIND_SECONDS


def _abort(config: Config) -> None:
    left = open_transports(config)
    if left:
        logger.warning("aborting connections that outlived the drain", extra={"connections": len(left)})
    for transport in left:
        transport.abort()


def open_connections() -> int:
    """How many accepted connections are open, handed over or not."""
    return len(open_transports())
