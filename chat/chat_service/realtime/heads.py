"""Where rooms are, rung once more: whatever became of a message's own bell, this one follows its commit.

The relay of the outbox, which one pod runs, tells which rooms its last batch was of; their positions are read and go to
all pods in one bell. So a message whose pod died between the commit and its bell is late by the relay's lag only.
"""

import contextlib
import logging
from collections.abc import Collection
from uuid import UUID

from prometheus_client import Counter

from chassis import postgres
from chassis.postgres import Postgres
from contracts import keys

from ..store import rooms as store
from .broker import Broker, BrokerAway
from .feed import Feed

logger = logging.getLogger(__name__)

SLICE = 1000  # rooms in one bell
CHANNEL = keys.HEADS_CHANNEL.encode()
rung = Counter("parley_heads_rung_total", "Positions of rooms rung once more by the relay")


class Heads:
    """Rings and hears positions.

    Arguments:
        database: chat's, the truth about positions.
        feed: told of each position heard.
        broker: where it is rung.
    """

    def __init__(self, database: Postgres, feed: Feed, broker: Broker) -> None:
        self._database = database
        self._feed = feed
        self._broker = broker

    async def start(self) -> None:
        """Hear, now or when Redis is there."""
        with contextlib.suppress(BrokerAway):
            await self._broker.subscribe([CHANNEL])

    async def stop(self) -> None:
        """Nothing to release."""

    async def ring(self, rooms: Collection[UUID]) -> bool:
        """Tell all pods where these rooms are. Never raises.

        Returns:
            False if they were not told, or not of all, because Postgres or Redis is away.
        """
        ids = list(rooms)
        for start in range(0, len(ids), SLICE):
            if not self._broker.up:
                return False
            try:
                async with self._database.connection() as connection:
                    positions = await store.select_positions(connection, ids[start : start + SLICE])
            except Exception as error:
                if postgres.is_away(error):
                    return False
                logger.exception("positions could not be rung")
                return True
            rung.inc(len(positions))
            lines = [b"%b ^%d %d" % (keys.room_channel(room).encode(), seq, rev) for room, seq, rev in positions]
            if lines:
                self._broker.publish(CHANNEL, b"\n".join(lines))
        return True

    def hear(self, payload: bytes) -> None:
        """The bell of `ring`: a line per room, its channel and `^seq rev`."""
        for line in payload.split(b"\n"):
            channel, _, head = line.partition(b" ")
            self._feed.on_head(channel, head)
