"""How many new sockets a pod takes: a reconnect storm is admitted at a bounded rate, and the rest told to come back."""

import random
import time

from prometheus_client import Counter

from chassis.problems import Unavailable

from .keeper import Keeper

refused = Counter("parley_chat_sockets_refused_total", "Sockets refused before the upgrade", ["reason"])

MAX_RETRY_SECONDS = 10.0


class Admission:
    """A bucket of one second's sockets.

    Arguments:
        most: sockets that may be open at once.
        per_second: sockets that are admitted a second; 0 for no limit.
    """

    def __init__(self, *, most: int, per_second: float) -> None:
        self._most = most
        self._per_second = per_second
        self._left = per_second
        self._at = time.monotonic()

    def check(self, keeper: Keeper) -> None:
        """Take a place.

        Raises:
            Unavailable: draining, full, or too many at once; a jittered `Retry-After` lets them come back apart.
        """
        if keeper.draining:
            refused.labels("draining").inc()
            raise Unavailable("This server is going away.", retry_after=1)
        if keeper.count() >= self._most:
            refused.labels("full").inc()
            raise Unavailable("This server is full.", retry_after=5)
        if not self._per_second:
            return
        now = time.monotonic()
        self._left = min(self._per_second, self._left + (now - self._at) * self._per_second)
        self._at = now
        if self._left < 1:
            refused.labels("storm").inc()
            raise Unavailable("Too many are connecting at once.", retry_after=random.uniform(1, MAX_RETRY_SECONDS))  # noqa: S311
        self._left -= 1
