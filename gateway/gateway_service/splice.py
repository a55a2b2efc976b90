"""Two sockets as one: what arrives on one side is written to the other. Frames are not parsed.

All sides read into one buffer, since only one reads at a time; what is written is a copy, since a transport keeps what
it could not send. A side that cannot take more stops the reading of the other, so that a slow reader costs the
high-water mark of one transport (64 KiB) and one more read.
"""

import asyncio
import contextvars
from collections.abc import Callable

LINGER_SECONDS = 10.0  # for what is left to be written, and for the other half of a half-closed pair

_SHARED = bytearray(64 * 1024)
_VIEW = memoryview(_SHARED)


class Splice(asyncio.BufferedProtocol):
    """One side of a pair.

    Arguments:
        peer: the other side's transport.
        on_lost: called once, when this side has ended.
    """

    __slots__ = ("_on_lost", "_peer")

    def __init__(self, peer: asyncio.Transport, on_lost: Callable[[], None] | None = None) -> None:
        self._peer = peer
        self._on_lost = on_lost

    def get_buffer(self, sizehint: int) -> bytearray:
        """See asyncio.BufferedProtocol."""
        return _SHARED

    def buffer_updated(self, nbytes: int) -> None:
        """Pass on what has arrived."""
        self._peer.write(bytes(_VIEW[:nbytes]))

    def pause_writing(self) -> None:
        """This side is full: the other shall not read."""
        contextvars.Context().run(self._peer.pause_reading)

    def resume_writing(self) -> None:
        """In an empty context, see `pool.dial`."""
        contextvars.Context().run(self._peer.resume_reading)

    def eof_received(self) -> bool:
        """Pass the end on, and give the other side some time to say its last words."""
        if self._peer.is_closing():
            return False
        self._peer.write_eof()
        asyncio.get_running_loop().call_later(LINGER_SECONDS, self._peer.abort, context=contextvars.Context())
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """The other side ends too, as soon as it has sent what it got, or after a while."""
        peer = self._peer
        if not peer.is_closing():
            peer.close()
        if peer.get_write_buffer_size():
            asyncio.get_running_loop().call_later(LINGER_SECONDS, peer.abort, context=contextvars.Context())
        if self._on_lost is not None:
            self._on_lost()
