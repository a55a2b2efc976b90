"""Two sockets as one: what arrives on one side is written to the other. Frames are not parsed.

All sides read into one buffer, since only one reads at a time; what is written is a copy, since a transport keeps what
it could not send. A side that cannot take more stops the reading of the other, so that a slow reader costs the
high-water mark of one transport (64 KiB) and one more read.

The two ends differ. A pod that ends has said all, with a close frame at last: the client must get it, so his socket is
not closed while he may still be sending (a close with unread bytes is a reset, which overtakes what was written). A
client that ends his half may still be listening, so the pod is told and gets some time for its last words.
"""

import asyncio
import contextvars
from collections.abc import Callable

LINGER_SECONDS = 10.0

_SHARED = bytearray(64 * 1024)
_VIEW = memoryview(_SHARED)


class Splice(asyncio.BufferedProtocol):
    """What both sides do.

    Arguments:
        peer: the other side's transport.
    """

    __slots__ = ("_peer",)

    def __init__(self, peer: asyncio.Transport) -> None:
        self._peer = peer

    def get_buffer(self, sizehint: int) -> bytearray:
        """See asyncio.BufferedProtocol."""
        return _SHARED

    def buffer_updated(self, nbytes: int) -> None:
        """Pass on what has arrived."""
        self._peer.write(bytes(_VIEW[:nbytes]))

    def pause_writing(self) -> None:
        """This side is full: the other shall not read."""
        in_empty_context(self._peer.pause_reading)

    def resume_writing(self) -> None:
        """This side takes more."""
        in_empty_context(self._peer.resume_reading)


class ClientSide(Splice):
    """The client's socket; `peer` is the pod's."""

    __slots__ = ("ended",)

    def __init__(self, peer: asyncio.Transport) -> None:
        super().__init__(peer)
        self.ended = False  # he sends no more

    def eof_received(self) -> bool:
        """Tell the pod, and keep the socket for its last words; False closes."""
        self.ended = True
        if self._peer.is_closing():
            return False
        self._peer.write_eof()
        abort_later(self._peer)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """End the pod's side, which still gets what has come."""
        close(self._peer)


class PodSide(Splice):
    """The pod's socket; `peer` is the client's.

    Arguments:
        peer: see Splice.
        on_lost: called once, when the pod's side has ended.
    """

    __slots__ = ("_on_lost",)

    def __init__(self, peer: asyncio.Transport, on_lost: Callable[[], None]) -> None:
        super().__init__(peer)
        self._on_lost = on_lost

    def connection_lost(self, exc: Exception | None) -> None:
        """Let the client have the end of it."""
        client = self._peer.get_protocol()
        if isinstance(client, ClientSide) and not client.ended and not self._peer.is_closing():
            self._peer.set_protocol(Farewell(self._peer))
        else:
            close(self._peer)
        self._on_lost()


class Farewell(asyncio.BufferedProtocol):
    """The client's socket after the pod's end: sends what is left, and listens to nothing until the client ends too."""

    __slots__ = ("_timer",)

    def __init__(self, transport: asyncio.Transport) -> None:
        self._timer = abort_later(transport)
        try:
            transport.write_eof()
        except OSError:
            transport.abort()
        in_empty_context(transport.resume_reading)

    def get_buffer(self, sizehint: int) -> bytearray:
        """See asyncio.BufferedProtocol."""
        return _SHARED

    def buffer_updated(self, nbytes: int) -> None:
        """Nobody is there to hear it."""

    def connection_lost(self, exc: Exception | None) -> None:
        """Both have ended."""
        self._timer.cancel()


def close(transport: asyncio.Transport) -> None:
    """Close after what is left has been sent, or has not been taken for a while."""
    transport.close()
    if transport.get_write_buffer_size():
        abort_later(transport)


def abort_later(transport: asyncio.Transport) -> asyncio.TimerHandle:
    """End it after a while, whatever is left."""
    loop = asyncio.get_running_loop()
    return loop.call_later(LINGER_SECONDS, transport.abort, context=contextvars.Context())


def in_empty_context(action: Callable[[], None]) -> None:
    """A reader registered inside a request would keep all of that request's state alive (20 KiB)."""
    contextvars.Context().run(action)
