"""A connection of Hypercorn's that can let go of its socket (0.18, pinned; `test_server_*` watch what is used here)."""

import asyncio
import contextvars
import weakref
from collections.abc import Callable
from typing import Any, cast

from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.events import Updated

LINGER_SECONDS = 2.0  # after the last byte has been sent
FLUSH_SECONDS = 60.0  # for a slow client to take it
STATE_KEY = "parley.handover"  # in the ASGI scope's state

_open: "weakref.WeakKeyDictionary[asyncio.Transport, object]" = weakref.WeakKeyDictionary()  # with the server's config


class Handover:
    """The right to take one connection from Hypercorn: `pause()`, accept the WebSocket, `take(protocol)`, return.

    Nothing may be awaited between `take` and the end of the route: Hypercorn's tasks end as soon as they can.
    """

    def __init__(self, server: "HandoverServer") -> None:
        self._server = server
        self._transport = cast("asyncio.Transport", server.writer.transport)

    @property
    def transport(self) -> asyncio.Transport:
        """The connection's transport."""
        return self._transport

    def pause(self) -> None:
        """Stop reading before the accept is sent, so that a client's first frame cannot reach Hypercorn's parser."""
        if not self._server.detached:
            without_context(self._transport.pause_reading)

    def take(self, protocol: asyncio.BaseProtocol) -> None:
        """Give the accepted socket to `protocol`, whose `connection_made` is called, and resume reading.

        Raises:
            ConnectionError: the client has gone in the meantime.
        """
        transport = self._transport
        if self._server.detached or transport.is_closing():
            raise ConnectionError("the connection is closing")
        early = self._server.detach(protocol)
        protocol.connection_made(transport)
        if early and not transport.is_closing():
            _feed(protocol, early)
        if not transport.is_closing():
            without_context(transport.resume_reading)


class _Gone:
    """Stands in for the transport in the abandoned StreamWriter, whose __del__ would close the real one."""

    def is_closing(self) -> bool:
        return True

    def close(self) -> None:
        """It is not ours any more."""


class _Farewell(asyncio.Protocol):
    """Ends a connection without losing what was written last.

    A close while unread bytes are in the socket sends a reset, which may overtake the answer (RFC 9112, 9.6): somebody
    who uploads too much would see a broken connection instead of the 413. So: end of file, then listen for a while.
    """

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.resume_reading()
        self._transport.set_write_buffer_limits(0)
        unsent = self._transport.get_write_buffer_size() > 0
        self._end_after(FLUSH_SECONDS if unsent else LINGER_SECONDS)
        try:
            self._transport.write_eof()
        except (OSError, RuntimeError):
            self._transport.abort()

    def resume_writing(self) -> None:
        self._timer.cancel()
        self._end_after(LINGER_SECONDS)

    def connection_lost(self, error: Exception | None) -> None:
        self._timer.cancel()

    def _end_after(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self._transport.abort)


class HandoverServer(TCPServer):
    """Hypercorn's connection, able to let go of its socket."""

    def __init__(self, app: Any, loop: Any, config: Any, context: Any, state: Any, reader: Any, writer: Any) -> None:
        self.writer = writer
        self.detached = False
        state = {**state, STATE_KEY: Handover(self)}
        super().__init__(app, loop, config, context, state, reader, writer)
        _open[writer.transport] = config

    def detach(self, protocol: asyncio.BaseProtocol) -> bytes:
        """Give the socket to `protocol`, and end every task of this connection by an end of file that did not happen.

        Returns:
            what had been read and not been looked at.
        """
        self.detached = True
        self.writer.transport.set_protocol(protocol)
        self.writer._transport = _Gone()  # type: ignore[attr-defined]
        early = bytes(self.reader._buffer)  # type: ignore[attr-defined]
        self.reader._buffer.clear()  # type: ignore[attr-defined]
        self.reader._paused = False  # type: ignore[attr-defined]  # else it would resume reading
        self.reader.feed_eof()
        return early

    async def protocol_send(self, event: Any) -> None:
        """Write, unless the socket is somebody else's by now."""
        if self.detached:
            return
        if isinstance(event, Updated) and event.idle and self.reader.at_eof():
            await self._close()  # the client has gone while it was answered: do not wait for its next request
        else:
            await super().protocol_send(event)

    async def _read_data(self) -> None:
        await super()._read_data()
        await self.idle_task.stop()  # else everything stays in memory until the keep-alive time is over

    async def _close(self) -> None:
        transport = self.writer.transport
        if not self.detached and not transport.is_closing() and not self.reader.at_eof():
            farewell = _Farewell()
            self.detach(farewell)
            without_context(lambda: farewell.connection_made(transport))
        if self.detached:
            await self.idle_task.stop()
        else:
            await super()._close()


def handover_of(scope: Any) -> Handover | None:
    """The handover of a WebSocket's ASGI scope; None where it is not possible (another server, HTTP/2, tests)."""
    if scope.get("http_version") != "1.1" or scope.get("scheme") != "ws":
        return None
    handover = scope.get("state", {}).get(STATE_KEY)
    return handover if isinstance(handover, Handover) else None


def open_transports(config: object = None) -> list[asyncio.Transport]:
    """The open connections of the server that has this configuration (None: of all), handed over or not."""
    return [
        transport
        for transport, owner in _open.items()
        if not transport.is_closing() and (config is None or owner is config)
    ]


def without_context(action: Callable[[], object]) -> None:
    """Run in an empty context: a reader registered inside a request would keep all of the request's state alive."""
    contextvars.Context().run(action)


def _feed(protocol: asyncio.BaseProtocol, data: bytes) -> None:
    if isinstance(protocol, asyncio.BufferedProtocol):
        view = memoryview(data)
        while view:
            buffer = memoryview(protocol.get_buffer(len(view)))
            count = min(len(buffer), len(view))
            buffer[:count] = view[:count]
            protocol.buffer_updated(count)
            view = view[count:]
    else:
        cast("asyncio.Protocol", protocol).data_received(data)
