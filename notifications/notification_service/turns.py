"""Work that is done in turns, for as long as the process runs."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from chassis import background, postgres
from chassis.background import paused
from chassis.kafka import Backoff

logger = logging.getLogger(__name__)


class Turns:
    """Takes one turn after the other, as a component.

    Arguments:
        name: for the log.
        turn: does a bounded amount of work; True when there may be more at once.
        idle_seconds: between turns when there is none, unless `wake` is called.
    """

    def __init__(self, name: str, turn: Callable[[], Awaitable[bool]], *, idle_seconds: float) -> None:
        self._name = name
        self._turn = turn
        self._idle_seconds = idle_seconds
        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run(), name=self._name)

    async def stop(self) -> None:
        """End after the turn at hand, or in the middle of it if that takes more than a moment."""
        self._stopping.set()
        self._wake.set()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=3)
        await background.end(self._task)

    def wake(self) -> None:
        """There is something to do."""
        self._wake.set()

    async def _run(self) -> None:
        backoff, away = Backoff(), False
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                more = await self._turn()
            except Exception as error:
                if not postgres.is_away(error):
                    logger.exception("a turn failed", extra={"work": self._name})
                elif not away:
                    logger.warning("work has to wait", extra={"work": self._name, "error": repr(error)})
                away = True
                await paused(self._stopping, backoff.following())
            else:
                backoff.reset()
                away = False
                if not more:
                    await paused(self._wake, self._idle_seconds)
