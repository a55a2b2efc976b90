"""What the first request would otherwise wait for: the signing keys, and a connection to Redis with the script."""

import asyncio
import contextlib

from chassis.problems import Unavailable
from chassis.tokens import KeySource

from .limits import Limit, Limits

RETRY_SECONDS = 0.25  # a little more than keys wait between two attempts
_NOBODY = "parley:rate:warm-up"


class WarmUp:
    """A component that fetches both in the background; nothing depends on its success.

    Arguments:
        keys: of tokens.
        limits: of requests.
    """

    def __init__(self, keys: KeySource, limits: Limits) -> None:
        self._keys = keys
        self._limits = limits
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Give up."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        await self._limits.check(Limit(1, 1), _NOBODY, None)
        while True:
            try:
                await self._keys.key("")  # which does not exist, so that they are fetched
            except Unavailable:
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return
