"""Comparing with Postgres what bells cannot promise: each minute, when Redis comes back, all the time without it."""

import asyncio
import logging

from chassis import postgres
from chassis.background import Worker, paused
from chassis.postgres import Postgres

from ..store import rooms as room_store
from .broker import Broker
from .hub import Hub
from .repair import Repairs

logger = logging.getLogger(__name__)

SLICE = 500  # rooms compared at once
POLL_SECONDS = 1.0  # while Redis is away
SWEEP_SECONDS = 60.0


class Sweep(Worker):
    """Finds rooms that have moved without a bell.

    Arguments:
        database: chat's.
        hub: the rooms.
        repairs: brings them forward.
        broker: tells whether there are bells.
    """

    def __init__(self, database: Postgres, hub: Hub, repairs: Repairs, broker: Broker) -> None:
        self._database = database
        self._hub = hub
        self._repairs = repairs
        self._broker = broker
        self._asked = asyncio.Event()

    def ask(self) -> None:
        """Compare now: Redis has come or gone, so bells were missed or will be."""
        self._asked.set()

    async def _run(self) -> None:
        while True:
            degraded = not self._broker.up
            await paused(self._asked, POLL_SECONDS if degraded else SWEEP_SECONDS)
            self._asked.clear()
            try:
                await self._compare()
            except Exception as error:
                if not postgres.is_away(error):
                    logger.exception("comparing with PostgreSQL failed")
                await asyncio.sleep(POLL_SECONDS)
                self._asked.set()

    async def _compare(self) -> None:
        rooms = [room for room in self._hub.rooms.values() if room.seq >= 0]
        for start in range(0, len(rooms), SLICE):
            part = rooms[start : start + SLICE]
            async with self._database.connection() as connection:
                ahead = await room_store.select_differences(
                    connection, [room.id for room in part], [room.seq for room in part], [room.rev for room in part]
                )
            for room_id, seq, rev in ahead:
                room = self._hub.rooms.get(room_id)
                if room is not None and (seq > room.seq or rev > room.rev):
                    self._repairs.start(room, "compared")
