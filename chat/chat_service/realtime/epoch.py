"""Which life of the database this is: after a failover that lost commits, or a restore, positions mean nothing.

Each new connection says which life it belongs to. When that changes, every live room is read anew and its sessions are
told `room.reset`, instead of discarding new messages whose numbers they believe to have seen.
"""

import asyncio
import logging

from chassis import postgres
from chassis.postgres import Connection

from ..store.epoch import select_epoch
from .arrivals import Arrivals
from .feed import Feed

logger = logging.getLogger(__name__)

RETRY_SECONDS = 0.5


class Epoch:
    """Learns the epoch from connections, and resets rooms when it changes."""

    def __init__(self) -> None:
        self._feed: Feed | None = None
        self._arrivals: Arrivals | None = None
        self._resetting: asyncio.Task[None] | None = None
        self.current = ""

    def use(self, feed: Feed, arrivals: Arrivals) -> None:
        """Whom to tell; they need the database, which needs the epoch, so they come second."""
        self._feed = feed
        self._arrivals = arrivals

    async def start(self) -> None:
        """Nothing: the first connection has told already."""

    async def stop(self) -> None:
        """End a reset under way."""
        if self._resetting is not None:
            self._resetting.cancel()
            await asyncio.gather(self._resetting, return_exceptions=True)

    async def seen(self, connection: Connection) -> None:
        """A new connection; see chassis.postgres.Postgres."""
        epoch = await select_epoch(connection)
        if epoch == self.current:
            return
        before, self.current = self.current, epoch
        if self._arrivals is not None:
            self._arrivals.epoch = epoch
        if before:
            logger.error("the database is in another life", extra={"before": before, "epoch": epoch})
            self._resetting = asyncio.create_task(self._reset(self._resetting))

    async def _reset(self, before: "asyncio.Task[None] | None") -> None:
        if before is not None:
            await asyncio.gather(before, return_exceptions=True)
        while self._feed is not None:
            try:
                await self._feed.rooms.reset()
                return
            except Exception as error:
                if not postgres.is_away(error):
                    raise
                await asyncio.sleep(RETRY_SECONDS)
