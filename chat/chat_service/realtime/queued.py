"""A session's transport that is no socket: what is written waits in a queue until somebody takes it."""

import asyncio

from .session import DRAINED_BYTES, Session


class QueuedTransport(asyncio.Transport):
    """Tells its session when too much waits, and when it has gone, as a socket's transport does."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._high = self._low = DRAINED_BYTES
        self._paused = False
        self._closing = False

    def waiting(self) -> int:
        """What nobody has taken yet."""
        raise NotImplementedError

    def added(self) -> None:
        """More waits now."""
        if not self._paused and self.waiting() > self._high:
            self._paused = True
            self._session.pause_writing()

    def taken(self) -> None:
        """Less waits now."""
        if self._paused and self.waiting() < self._low:
            self._paused = False
            self._session.resume_writing()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """See asyncio.WriteTransport."""
        self._high, self._low = high or self._high, low or self._low

    def get_write_buffer_size(self) -> int:
        """See asyncio.WriteTransport."""
        return self.waiting()

    def can_write_eof(self) -> bool:
        """There is no half-close."""
        return False

    def is_closing(self) -> bool:
        """Whether nothing more can be written."""
        return self._closing
