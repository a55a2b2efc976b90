"""Hypercorn, and the handover: the only file that touches its internals (0.18, pinned; tests watch what is used here).

Hypercorn does HTTP and the WebSocket handshake. After the accept a connection can be handed over to a plain asyncio
protocol: its tasks end, its memory is freed, the socket lives on. Four things of Hypercorn's are replaced:

- `TCPServer`, so that a connection can let go of its socket (`Handover`),
- `Handshake`, so that permessage-deflate is never negotiated: it inflates without bound, and handed-over bytes would be
  misread by a peer that compresses,
- `H11Protocol`, so that no upgrade other than WebSocket is taken, and errors below the application are problem+json,
- `WSStream`, for the same errors in a handshake.
"""

import asyncio
import contextvars
import logging
import weakref
from collections.abc import Awaitable, Callable
from typing import Any

import h11
import hypercorn.asyncio.run as hypercorn_run
import hypercorn.protocol as hypercorn_protocol
import hypercorn.protocol.h11 as hypercorn_h11
import hypercorn.protocol.ws_stream as hypercorn_ws
from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.config import Config
from hypercorn.protocol.events import Body, EndBody, Response
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.protocol.ws_stream import Handshake, WSStream

from .asgi import SECURITY_HEADERS, App
from .ids import uuid7
from .lifecycle import Fatal
from .problems import CONTENT_TYPE, Problem

logger = logging.getLogger(__name__)

BACKLOG = 2048
MAX_HEADER_BYTES = 16 * 1024
MAX_FRAME_BYTES = 64 * 1024
STATE_KEY = "parley.handover"  # in the ASGI scope's state

_open: "weakref.WeakSet[asyncio.Transport]" = weakref.WeakSet()  # what `abort_open` ends


class Handover:
    """The right to take one connection from Hypercorn: `pause()`, accept the WebSocket, `take(protocol)`, return."""

    def __init__(self, server: "HandoverServer") -> None:
        self._server = server

    @property
    def transport(self) -> asyncio.Transport:
        """The connection's transport."""
        return self._server.writer.transport  # type: ignore[return-value]

    def pause(self) -> None:
        """Stop reading before the accept is sent, so that a client's first frame cannot reach Hypercorn's parser."""
        _without_context(self.transport.pause_reading)

    def take(self, protocol: asyncio.BaseProtocol) -> None:
        """Give the accepted socket to `protocol`, whose `connection_made` is called, and resume reading.

        Hypercorn's tasks of this connection end as soon as the request's own task returns.

        Raises:
            ConnectionError: the client has gone in the meantime.
        """
        transport = self.transport
        if transport.is_closing():
            raise ConnectionError("the connection is closing")
        early = _take_buffer(transport)
        transport.set_protocol(protocol)
        self._server.detach()
        protocol.connection_made(transport)
        if early and isinstance(protocol, asyncio.Protocol):
            protocol.data_received(early)
        if not transport.is_closing():
            _without_context(transport.resume_reading)


class _Closed:
    """Stands in for the transport in the abandoned StreamWriter, whose __del__ would close the real one."""

    def is_closing(self) -> bool:
        return True


class HandoverServer(TCPServer):
    """Hypercorn's connection, able to let go of its socket."""

    def __init__(self, app: Any, loop: Any, config: Any, context: Any, state: Any, reader: Any, writer: Any) -> None:
        state = {**state, STATE_KEY: Handover(self)}
        super().__init__(app, loop, config, context, state, reader, writer)
        self.detached = False
        _open.add(writer.transport)

    def detach(self) -> None:
        """Forget the socket, and end every task of this connection by an end of file that did not happen."""
        self.detached = True
        self.writer._transport = _Closed()  # type: ignore[attr-defined]
        self.reader.feed_eof()

    async def protocol_send(self, event: Any) -> None:
        """Write, unless the socket is somebody else's by now."""
        if not self.detached:
            await super().protocol_send(event)

    async def _close(self) -> None:
        if self.detached:
            await self.idle_task.stop()
        else:
            await super()._close()


class PlainHandshake(Handshake):
    """A handshake in which the client never offers an extension."""

    def __init__(self, headers: list[tuple[bytes, bytes]], http_version: str) -> None:
        super().__init__(headers, http_version)
        self.extensions = None


class ProblemWSStream(WSStream):
    """Refuses a bad handshake with problem+json."""

    async def _send_error_response(self, status_code: int) -> None:
        headers, body = _problem(status_code)
        await self.send(Response(stream_id=self.stream_id, status_code=status_code, headers=headers))
        await self.send(Body(stream_id=self.stream_id, data=body))
        await self.send(EndBody(stream_id=self.stream_id))


class StrictH11(H11Protocol):
    """HTTP/1.1 and nothing else."""

    async def _check_protocol(self, event: h11.Request) -> None:
        """Take no upgrade to h2c, and no HTTP/2 preface: an `Upgrade` that is not ours is ignored (RFC 9110, 7.8)."""

    async def _send_error_response(self, status_code: int) -> None:
        headers, body = _problem(status_code)
        await self._send_h11_event(h11.Response(status_code=status_code, headers=headers))
        await self._send_h11_event(h11.Data(data=body))
        await self._send_h11_event(h11.EndOfMessage())


def install() -> None:
    """Put our classes where Hypercorn looks for its own; harmless when repeated."""
    hypercorn_run.TCPServer = HandoverServer  # type: ignore[attr-defined]
    hypercorn_protocol.H11Protocol = StrictH11  # type: ignore[attr-defined]
    hypercorn_h11.WSStream = ProblemWSStream  # type: ignore[attr-defined]
    hypercorn_ws.Handshake = PlainHandshake  # type: ignore[misc]


def handover_of(scope: Any) -> Handover | None:
    """The handover of a WebSocket's ASGI scope; None where it is not possible (another server, HTTP/2, tests)."""
    if scope.get("http_version") != "1.1" or scope.get("scheme") != "ws":
        return None
    handover = scope.get("state", {}).get(STATE_KEY)
    return handover if isinstance(handover, Handover) else None


def make_config(binds: list[str], *, keep_alive_seconds: float, grace_seconds: float) -> Config:
    """Hypercorn's configuration with every limit set."""
    config = Config()
    config.bind = binds
    config.backlog = BACKLOG
    config.workers = 1
    config.keep_alive_timeout = keep_alive_seconds  # also how long a request's head may take
    config.keep_alive_max_requests = 100_000
    config.h11_max_incomplete_size = MAX_HEADER_BYTES
    config.websocket_max_message_size = MAX_FRAME_BYTES
    config.graceful_timeout = grace_seconds
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
    ender: list[asyncio.Task[None]] = []

    async def trigger() -> None:
        await shutdown()
        ender.append(asyncio.ensure_future(_abort_later(grace_seconds)))

    try:
        config = make_config(binds, keep_alive_seconds=keep_alive_seconds, grace_seconds=grace_seconds)
        await hypercorn_serve(app, config, shutdown_trigger=trigger, mode="asgi")  # type: ignore[arg-type]
    except OSError as error:
        raise Fatal(f"cannot listen on {' and '.join(binds)}: {error.strerror or error}") from None
    finally:
        for task in ender:
            task.cancel()


async def _abort_later(seconds: float) -> None:
    """End what is still open: from Python 3.12 on Hypercorn does not exit before (hypercorn#308)."""
    await asyncio.sleep(seconds)
    left = [transport for transport in _open if not transport.is_closing()]
    if left:
        logger.warning("aborting connections that outlived the drain", extra={"connections": len(left)})
    for transport in left:
        transport.abort()


def open_connections() -> int:
    """How many accepted connections are open, handed over or not."""
    return sum(not transport.is_closing() for transport in _open)


def _take_buffer(transport: asyncio.Transport) -> bytes:
    reader = transport.get_protocol()._stream_reader  # type: ignore[attr-defined]
    early = bytes(reader._buffer)
    reader._buffer.clear()
    return early


def _without_context(action: Callable[[], None]) -> None:
    """Run in an empty context: a reader registered inside a request would keep all of the request's state alive."""
    contextvars.Context().run(action)


def _problem(status: int) -> tuple[list[tuple[bytes, bytes]], bytes]:
    identifier = uuid7().hex
    body = Problem(status).body(identifier)
    headers = [
        (b"content-type", CONTENT_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
        (b"x-request-id", identifier.encode()),
        *SECURITY_HEADERS,
    ]
    return headers, body
