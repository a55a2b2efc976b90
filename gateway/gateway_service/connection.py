"""One connection to a service: a request out, its answer in, with back-pressure both ways."""

import asyncio
import contextvars
import enum
from collections.abc import Callable

from .http1 import MAX_HEAD_BYTES, Broken, Chunks, Head, parse_head

HIGH_WATER = 64 * 1024  # of a body that the client has not taken yet


class Failure(enum.Enum):
    """Why there is no answer, or no more of it."""

    CONNECT = "connect"  # nobody there, or too slow to accept
    FULL = "full"  # all connections are in use
    STALE = "stale"  # closed before the first byte of an answer
    BROKEN = "broken"  # closed in the middle, or no HTTP
    SLOW = "slow"  # not in time


class UpstreamError(Exception):
    """A service did not answer properly."""

    def __init__(self, failure: Failure, detail: str = "") -> None:
        super().__init__(f"{failure.value}: {detail}")
        self.failure = failure


class _State(enum.Enum):
    IDLE = enum.auto()
    HEAD = enum.auto()
    BODY = enum.auto()
    DONE = enum.auto()  # the answer is complete, perhaps not yet read
    UPGRADED = enum.auto()  # the bytes are somebody else's
    LOST = enum.auto()


class Connection(asyncio.Protocol):
    """A client's side of HTTP/1.1 without pipelining.

    Arguments:
        on_lost: called once, when the connection has ended.
    """

    def __init__(self, on_lost: "Callable[[Connection], None]") -> None:
        self._on_lost = on_lost
        self._state = _State.IDLE
        self._transport: asyncio.Transport
        self._loop = asyncio.get_running_loop()
        self._waiter: asyncio.Future[None] | None = None
        self._drainer: asyncio.Future[None] | None = None
        self._writable = True
        self._reset("GET")
        self.used = False  # whether it has served a request before the current one
        self.idle_since = 0.0  # of the loop's clock

    def _reset(self, method: str) -> None:
        self._method = method
        self._buffer = b""
        self._head: Head | None = None
        self._left: int | None = None
        self._chunks: Chunks | None = None
        self._pieces: list[bytes] = []
        self._held = 0
        self._error: UpstreamError | None = None
        self.sent = False  # whether the request has gone out completely
        self.touched = False  # whether any byte of an answer has come

    # What the proxy calls.

    @property
    def transport(self) -> asyncio.Transport:
        """The transport."""
        return self._transport

    @property
    def alive(self) -> bool:
        """Whether a request may be sent."""
        return self._state is _State.IDLE and not self._transport.is_closing()

    @property
    def reusable(self) -> bool:
        """Whether the next request may use it: both messages are complete and both sides want to."""
        return (
            self._state is _State.DONE
            and self.sent
            and self._head is not None
            and self._head.reusable
            and not self._transport.is_closing()
        )

    def begin(self, method: str, data: bytes) -> None:
        """Send a request's head, and perhaps the beginning of its body."""
        self._reset(method)
        self._state = _State.HEAD
        self._transport.write(data)

    def write(self, data: bytes) -> None:
        """Send more of the body; the caller drains."""
        if self._state is not _State.LOST:
            self._transport.write(data)

    async def drain(self) -> None:
        """Wait until the service takes more."""
        while not self._writable and self._state is not _State.LOST:
            self._drainer = self._drainer or self._loop.create_future()
            await self._drainer

    async def head(self) -> Head:
        """The head of the answer; informational ones are skipped.

        Raises:
            UpstreamError: STALE or BROKEN.
        """
        while self._head is None:
            if self._error is not None:
                raise self._error
            await self._wait()
        return self._head

    async def read(self, idle_seconds: float) -> bytes:
        """The next piece of the body, empty at its end.

        Raises:
            UpstreamError: BROKEN, or SLOW when nothing comes for `idle_seconds`.
        """
        while not self._pieces:
            if self._state is _State.DONE:
                return b""
            if self._error is not None:
                raise self._error
            try:
                async with asyncio.timeout(idle_seconds):
                    await self._wait()
            except TimeoutError:
                raise UpstreamError(Failure.SLOW, "the body stopped") from None
        piece = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        if self._held >= HIGH_WATER:
            contextvars.Context().run(self._transport.resume_reading)
        self._held = 0
        return piece

    def finish(self) -> None:
        """Make it ready for the next request; only when `reusable`."""
        self._reset("GET")
        self._state = _State.IDLE
        self.used = True
        self.idle_since = self._loop.time()

    def abort(self) -> None:
        """End it at once."""
        self._transport.abort()

    def detach(self) -> bytes:
        """Let go of the transport after 101, which does not read until its new owner says so; what had come already."""
        rest, self._buffer = self._buffer, b""
        return rest

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        self.touched = True
        try:
            if self._state is _State.HEAD:
                self._take_head(data)
            elif self._state is _State.BODY:
                self._take_body(data)
            elif self._state is _State.UPGRADED:
                self._buffer += data
            else:
                raise Broken("bytes that nobody asked for")
        except Broken as error:
            self._fail(Failure.BROKEN, str(error))
            self._transport.abort()
        self._notify()

    def eof_received(self) -> None:
        """The end of file ends a body without a length; everything else is cut short, which connection_lost finds."""
        if self._state is _State.BODY and self._left is None and self._chunks is None:
            self._state = _State.DONE

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        if self._state is not _State.DONE:
            failure = Failure.BROKEN if self.touched else Failure.STALE
            self._fail(failure, repr(exc) if exc else "closed")
        self._state = _State.DONE if self._state is _State.DONE else _State.LOST
        self._notify()
        self.resume_writing()
        self._on_lost(self)

    def pause_writing(self) -> None:
        """See asyncio.Protocol."""
        self._writable = False

    def resume_writing(self) -> None:
        """See asyncio.Protocol."""
        self._writable = True
        if self._drainer is not None and not self._drainer.done():
            self._drainer.set_result(None)
        self._drainer = None

    # Inside.

    def _take_head(self, data: bytes) -> None:
        self._buffer += data
        while self._state is _State.HEAD:
            end = self._buffer.find(b"\r\n\r\n")
            if (end if end >= 0 else len(self._buffer)) > MAX_HEAD_BYTES:
                raise Broken("a very long head")
            if end < 0:
                return
            head = parse_head(self._buffer[:end], self._method)
            rest, self._buffer = self._buffer[end + 4 :], b""
            if head.status == 101:
                self._head, self._state, self._buffer = head, _State.UPGRADED, rest
                self._transport.pause_reading()
            elif head.status < 200:
                self._buffer = rest
            else:
                self._head, self._left = head, head.length
                self._chunks = Chunks() if head.chunked else None
                self._state = _State.DONE if head.length == 0 else _State.BODY
                if rest:
                    self._take_body(rest)

    def _take_body(self, data: bytes) -> None:
        if self._state is _State.DONE:
            raise Broken("more body than there is")
        if self._chunks is not None:
            for piece in self._chunks.feed(data):
                self._hold(piece)
            if self._chunks.done:
                self._end(self._chunks.rest)
        elif self._left is None:
            self._hold(data)
        else:
            self._hold(data[: self._left])
            rest = data[self._left :]
            self._left -= len(data) - len(rest)
            if self._left == 0:
                self._end(rest)

    def _hold(self, piece: bytes) -> None:
        before = self._held
        self._pieces.append(piece)
        self._held += len(piece)
        if before < HIGH_WATER <= self._held:
            self._transport.pause_reading()

    def _end(self, rest: bytes) -> None:
        self._state = _State.DONE
        if rest:  # the answer is good, the connection is not
            raise Broken("more body than there is")

    def _fail(self, failure: Failure, detail: str) -> None:
        if self._error is None:
            self._error = UpstreamError(failure, detail)

    async def _wait(self) -> None:
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _notify(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
