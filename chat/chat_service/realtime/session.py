"""One socket: frames in become commands, events out become writes. Holds little, since there are many.

The socket was taken over from Hypercorn after the accept, so this is a plain asyncio protocol. Everything that needs
waiting is done by `Commands`; what happens here happens at once.
"""

import asyncio
import contextvars
import time
from collections.abc import Callable
from typing import Any, Protocol
from uuid import UUID

from prometheus_client import Counter

from chassis.tokens import Claims

from . import protocol, wire
from .codes import CloseCode, ErrorCode

closes = Counter("parley_chat_closes_total", "Sockets closed by this pod", ["code"])
bad_frames = Counter("parley_chat_bad_frames_total", "Frames that were no command")

MAX_PENDING_BYTES = 1024 * 1024  # what a slow reader may leave unread before he is sent away
DRAINED_BYTES = 64 * 1024  # below this a page of history is written
MAX_BAD_FRAMES = 20  # in a row
MAX_REFUSED_FRAMES = 200  # over the rate, in a row
GOODBYE_SECONDS = 2.0  # for the peer to answer a close


class Limits:
    """A socket's token bucket: frames a second and burst; a rate of 0 means no limit."""

    __slots__ = ("burst", "rate")

    def __init__(self, rate: float, burst: float) -> None:
        self.rate = rate
        self.burst = burst


class Handler(Protocol):
    """Who carries out what a session is asked for."""

    limits: Limits

    def command(self, session: "Session", command: protocol.Command) -> None:
        """Carry out a command; must not raise."""

    def closed(self, session: "Session") -> None:
        """The session hears nothing more: forget it. Called once."""


class Session(asyncio.Protocol):
    """A connected socket of one user.

    Arguments:
        handler: carries out commands.
        claims: of the token it came with.
        author: its user as JSON, for the messages it sends.
        connection_id: told to the client, and in logs.
        gateway_connection: the gateway's name for this connection, by which it may ask to close it.
    """

    __slots__ = (
        "_allowance", "_allowed_at", "_bad", "_drained", "_handler", "_refused", "_transport", "_wire",
        "author", "closing", "connection_id", "expires_at", "gateway_connection", "heard_at", "is_slow", "rooms",
        "session_id", "tasks", "user_id", "username", "write",
    )  # fmt: skip

    def __init__(
        self, handler: Handler, claims: Claims, author: bytes, connection_id: UUID, gateway_connection: str | None
    ) -> None:
        self._handler = handler
        self._wire = wire.Wire()
        self._transport: asyncio.Transport | None = None
        self._allowance = handler.limits.burst
        self._allowed_at = self.heard_at = time.monotonic()
        self._bad = 0
        self._refused = 0
        self._drained: asyncio.Future[None] | None = None
        self.user_id = claims.user_id
        self.username = claims.username
        self.session_id = claims.session_id
        self.expires_at = claims.expires_at
        self.author = author
        self.connection_id = connection_id
        self.gateway_connection = gateway_connection
        self.rooms: set[UUID] = set()
        self.tasks: set[asyncio.Task[Any]] | None = None
        self.closing = self.is_slow = False
        self.write: Callable[[bytes], None] = _discard

    # --- the transport's callbacks ------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is ours."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  what a stream server makes
        self._transport = transport
        transport.set_write_buffer_limits(high=DRAINED_BYTES, low=DRAINED_BYTES // 4)
        self.write = transport.write

    def data_received(self, data: bytes) -> None:
        """Bytes of the client."""
        self.heard_at = time.monotonic()
        for event in self._wire.receive(data):
            if type(event) is bytes:
                if not self.closing:
                    self._text(event)
            else:
                self._other(event)

    def message(self, text: bytes | None) -> None:
        """A whole text message that somebody else has unpacked; None for one that is not text."""
        self.heard_at = time.monotonic()
        if self.closing:
            return
        if text is None:
            self._other(wire.Binary(b""))
        else:
            self._text(text)

    @property
    def transport(self) -> asyncio.Transport | None:
        """Where the session writes to; None once it is over."""
        return self._transport

    def eof_received(self) -> None:
        """The client is gone, or has read our close: the transport closes by itself."""

    def pause_writing(self) -> None:
        """The client reads slowly: from now on look how much waits, at every write."""
        if not self.closing:
            self.write, self.is_slow = self._write_bounded, True
            self._drained = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        """The client has caught up."""
        if not self.closing and self._transport is not None:
            self.write, self.is_slow = self._transport.write, False
        self._release_drained()

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is no more."""
        self._leave()
        self._transport = None

    # --- in -----------------------------------------------------------------------------------------------------------

    def _text(self, payload: bytes) -> None:
        try:
            command = protocol.decode(payload)
        except protocol.BadFrame as bad:
            self._allow()
            self.bad_frame(bad.detail, bad.client_id)
            return
        wait = self._allow()
        if wait > 0:
            self._refuse(wait, getattr(command.data, "client_id", None))
            return
        self._handler.command(self, command)

    def _other(self, event: wire.Event) -> None:
        if isinstance(event, wire.Fail):
            self._fail(event)
        elif isinstance(event, wire.Close):
            if not self.closing:
                self._leave()
                if self._transport is not None:
                    self._transport.write(wire.close_frame(event.code))
            if self._transport is not None:
                self._transport.close()
        elif self.closing:
            return
        elif isinstance(event, wire.Ping):
            if self._allow() <= 0:
                self.write(event.pong)
        elif isinstance(event, wire.Binary):
            self._allow()
            self.bad_frame("frames are text", None)

    def bad_frame(self, detail: str, client_id: str | None) -> None:
        """Answer a frame that makes no sense; after many in a row, close."""
        bad_frames.inc()
        self._bad += 1
        self.write(protocol.error(ErrorCode.BAD_FRAME, detail, client_id=client_id))
        if self._bad >= MAX_BAD_FRAMES:
            self.close(CloseCode.BAD_FRAMES, "too many bad frames")

    def good_frame(self) -> None:
        """A frame made sense: the count of bad ones starts anew."""
        self._bad = 0

    def _allow(self) -> float:
        """Take one frame from the bucket: 0, or the seconds until there is one."""
        limits = self._handler.limits
        if not limits.rate:
            return 0
        now = time.monotonic()
        allowance = min(limits.burst, self._allowance + (now - self._allowed_at) * limits.rate)
        self._allowed_at = now
        if allowance < 1:
            self._allowance = allowance
            return (1 - allowance) / limits.rate
        self._allowance = allowance - 1
        self._refused = 0
        return 0

    def _refuse(self, wait: float, client_id: str | None) -> None:
        self._refused += 1
        if self._refused > MAX_REFUSED_FRAMES:
            self.close(CloseCode.FLOODING, "flooding")
            return
        self.write(
            protocol.error(
                ErrorCode.RATE_LIMITED, "slow down", client_id=client_id, retry_after=max(1.0, round(wait, 3))
            )
        )

    # --- out ----------------------------------------------------------------------------------------------------------

    def _write_bounded(self, data: bytes) -> None:
        transport = self._transport
        if transport is None:
            return
        if transport.get_write_buffer_size() + len(data) > MAX_PENDING_BYTES:
            closes.labels(CloseCode.TOO_SLOW).inc()
            transport.write(wire.close_frame(CloseCode.TOO_SLOW, "too slow"))
            self._leave()
            _later(GOODBYE_SECONDS, transport.abort)
        else:
            transport.write(data)

    async def drained(self) -> None:
        """Wait until the client has read most of what was written; at once when he has, or is gone."""
        if self._drained is not None:
            await asyncio.shield(self._drained)

    def close(self, code: int, reason: str = "") -> None:
        """Say goodbye: nothing is delivered from now on; the socket ends when the client has answered, or soon."""
        if self.closing or self._transport is None:
            return
        closes.labels(code).inc()
        self._transport.write(wire.close_frame(code, reason))
        self._leave()
        _later(GOODBYE_SECONDS, self._transport.abort)

    def _fail(self, failure: wire.Fail) -> None:
        """The client broke the WebSocket protocol: say so, and stop talking."""
        transport = self._transport
        if transport is None:
            return
        if not self.closing:
            closes.labels(failure.code).inc()
            transport.write(wire.close_frame(failure.code, failure.reason))
            self._leave()
        if transport.can_write_eof() and not transport.is_closing():
            transport.write_eof()  # a close with bytes unread would reset the connection under the frame
        _later(GOODBYE_SECONDS, transport.abort)

    def ping(self) -> None:
        """Ask whether anybody is there."""
        self.write(wire.ping_frame())

    def abort(self) -> None:
        """End the socket without a word: nobody is there."""
        if self._transport is not None:
            self._transport.abort()

    def spawn(self, task: "asyncio.Task[Any]") -> None:
        """Tie a task to the life of this session."""
        if self.tasks is None:
            self.tasks = set()
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def _leave(self) -> None:
        if self.closing:
            return
        self.closing = True
        self.write = _discard
        self._release_drained()
        for task in tuple(self.tasks or ()):
            task.cancel()
        self._handler.closed(self)

    def _release_drained(self) -> None:
        drained, self._drained = self._drained, None
        if drained is not None and not drained.done():
            drained.set_result(None)


def _discard(_: bytes) -> None:
    """What a session without a socket does with what it is told."""


def _later(seconds: float, action: Callable[[], None]) -> None:
    """Call later, without keeping the current request's context alive."""
    asyncio.get_running_loop().call_later(seconds, action, context=contextvars.Context())
