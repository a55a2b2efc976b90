"""Repeating a request for a while."""

import asyncio
import random
import time

from .backoff import Backoff, Then
from .errors import ApiError, ParleyError, Unavailable


class Patience:
    """Waits between attempts, until there is no time left.

    Arguments:
        seconds: from now on.
    """

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds
        self._backoff = Backoff(0.1, 5.0, random.Random())  # noqa: S311  jitter, not a secret

    async def after(self, error: ParleyError) -> None:
        """Wait, if another attempt makes sense.

        Raises:
            ParleyError: `error` itself, if it does not or there is no time.
        """
        if isinstance(error, ApiError) and not isinstance(error, Unavailable):
            raise error
        wait = self._backoff.seconds(Then.RETRY, error.retry_after if isinstance(error, Unavailable) else None)
        if time.monotonic() + wait > self._until:
            raise error
        await asyncio.sleep(wait)
