"""How fast we send: at most so many a second, fewer while the push service says that it is too much."""

import time
from collections.abc import Callable

LEAST_PER_SECOND = 1.0
RECOVERY_SECONDS = 60.0  # from nothing to the full rate


class Bucket:
    """A token bucket whose rate is halved by each complaint, at most once a second, and grows back evenly.

    Arguments:
        per_second: the full rate; also what may be taken at once.
    """

    def __init__(self, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._full = per_second
        self._clock = clock
        self._rate = per_second
        self._tokens = per_second
        self._filled_at = clock()
        self._slowed_at = float("-inf")

    @property
    def rate(self) -> float:
        """Per second, now."""
        return self._rate

    def take(self, most: int) -> int:
        """Take as many as there are, `most` at most."""
        self._fill()
        taken = min(most, int(self._tokens))
        self._tokens -= taken
        return taken

    def give_back(self, count: int) -> None:
        """What was taken and not used."""
        self._tokens += count

    def slow_down(self) -> None:
        """The push service has had too much."""
        self._fill()
        if self._filled_at - self._slowed_at >= 1:
            self._slowed_at = self._filled_at
            self._rate = max(LEAST_PER_SECOND, self._rate / 2)
            self._tokens = min(self._tokens, self._rate)

    def _fill(self) -> None:
        """Time has passed."""
        now = self._clock()
        passed, self._filled_at = now - self._filled_at, now
        self._rate = min(self._full, self._rate + self._full * passed / RECOVERY_SECONDS)
        self._tokens = min(max(self._rate, 1.0), self._tokens + self._rate * passed)
