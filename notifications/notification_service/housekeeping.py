"""Now and then: what is old is forgotten, auth hears of lost devices, and what waits is measured."""

import logging
import time

from prometheus_client import Gauge

from chassis.postgres import Postgres
from contracts.internal import MAX_LOST_DEVICES

from .neighbours import Away, Neighbours
from .store import devices as store_devices
from .store import events as store_events
from .store import notifications as store_notifications

logger = logging.getLogger(__name__)

INTERVAL_SECONDS = 5.0
CLEAN_SECONDS = 600.0
EVENT_SECONDS = 2 * 86_400.0  # an event is remembered for longer than a message is news
LETTER_SECONDS = 30 * 86_400.0
DEVICE_SECONDS = 8 * 86_400.0  # longer than topics keep events by default
CHUNK = 10_000
MAX_COUNT = 100_000

waiting = Gauge("parley_push_waiting", f"Pushes that have not been accepted yet, {MAX_COUNT} at most")
waiting_seconds = Gauge("parley_push_waiting_seconds", "Age of the oldest of them")


class Housekeeping:
    """Does a round every INTERVAL_SECONDS, in turns."""

    def __init__(self, database: Postgres, neighbours: Neighbours) -> None:
        self._database = database
        self._neighbours = neighbours
        self._clean_at = time.monotonic()

    async def turn(self) -> bool:
        """One round."""
        async with self._database.connection() as connection:
            count, seconds = await store_notifications.measure_waiting(connection, MAX_COUNT)
            lost = await store_devices.select_lost_devices(connection, MAX_LOST_DEVICES)
        waiting.set(count)
        waiting_seconds.set(seconds)
        if lost:
            await self._tell(lost)
        if time.monotonic() >= self._clean_at:
            self._clean_at = time.monotonic() + CLEAN_SECONDS
            await self._clean()
        return False

    async def _tell(self, lost: list[str]) -> None:
        try:
            await self._neighbours.tell_lost(lost)
        except Away:
            return  # the next round tells
        async with self._database.connection() as connection:
            await store_devices.mark_removed(connection, lost)

    async def _clean(self) -> None:
        while True:
            async with self._database.connection() as connection:
                if await store_events.delete_applied_events(connection, EVENT_SECONDS, CHUNK) < CHUNK:
                    break
        async with self._database.connection() as connection:
            await store_events.delete_dead_letters(connection, LETTER_SECONDS)
            await store_devices.delete_removed_devices(connection, DEVICE_SECONDS)
