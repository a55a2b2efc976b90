"""The outbox relay: events that a service stored in the transaction that made them facts, on their way to Kafka.

Why the order of a key's events is kept:
- Whoever stores an event holds the row lock of its key (the user, the room) until he commits. So of two events of one
  key, the one with the lower id is committed, and visible, before the other one gets its id.
- Between keys that is not so: a lower id may become visible after a higher one. Therefore rows are marked and deleted
  by the list of their ids, never as a range up to the last one.
- One relay is active per database, and every statement of it goes over the one connection that holds the advisory
  lock: whoever loses the lock cannot mark or delete either. What he had under way then arrives twice, at worst.
- A partition has one batch under way at a time, sent in the order of ids, whole or not at all.

An event may arrive more than once; consumers know it by its id. While rows are kept after they were sent, a broker that
loses everything gets them again, in order, behind what it was given before the loss was noticed.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg
from prometheus_client import Counter, Gauge

from . import metrics, postgres
from .background import paused
from .heartbeat import beside
from .kafka import CLOSE_SECONDS, Backoff, Kafka, KafkaAway, KafkaRefuses, ended
from .outbox_rows import Row, delete_sent, mark_sent, measure_unsent, select_unsent, unmark_sent
from .producer import Producer

logger = logging.getLogger(__name__)

LOCK = 0x6F7574626F78  # "outbox": one relay at a time per database
BATCH_ROWS = 500
POLL_SECONDS = 0.15
CHORES_SECONDS = 2.0  # between looks at the lag, at the broker and at rows whose time is over
STANDBY_SECONDS = 1.0  # between attempts to become the active one
MAX_PAYLOAD_BYTES = 1_000_000  # below the default limit of brokers (1 MiB), with room for what surrounds it
CHUNK_ROWS = 10_000  # of one statement that deletes or unmarks
MAX_COUNT = 100_000  # a longer queue is reported as this long

HEARTBEAT_SECONDS = 2.0  # between statements of the active one, however long Kafka takes

# A relay that freezes must not keep the lock, nor one whose host has gone: after eight seconds without a word the
# server ends the session, and the lock with it. What is missing then is heartbeats, not a slow broker.
SESSION_SETTINGS = {
    "idle_session_timeout": "8000",
    "lock_timeout": "1000",
    "statement_timeout": "5000",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "jit": "off",
}

active = Gauge("parley_outbox_active", "1 in the process whose relay is the active one of its database")
waiting_rows = Gauge("parley_outbox_waiting_rows", f"Events not sent yet, {MAX_COUNT} at most; of the active relay")
waiting_seconds = Gauge("parley_outbox_waiting_seconds", "Age of the oldest event not sent yet; of the active relay")
parked_rows = Gauge("parley_outbox_parked_rows", "Events that Kafka refuses, passed over until the relay starts anew")
sent_total = Counter("parley_outbox_sent_total", "Events acknowledged by Kafka")
resent_total = Counter("parley_outbox_resent_total", "Events sent again because the broker had lost them")
failures_total = Counter("parley_outbox_failures_total", "Times that Kafka was away")


class Lanes:
    """Which rows go next, partition by partition; no I/O.

    A refused batch is halved until a row is refused alone: that one is parked, and its partition goes on.
    """

    def __init__(self, most: int = BATCH_ROWS) -> None:
        self.parked: set[int] = set()
        self._most = most
        self._limits: dict[int, int] = {}

    def take(self, rows: Iterable[tuple[int, Row]]) -> dict[int, list[Row]]:
        """The rows (with their partitions, in the order of their ids) that may be sent now, by partition."""
        lanes: dict[int, list[Row]] = {}
        for partition, row in rows:
            lane = lanes.setdefault(partition, [])
            if len(lane) < self._limits.get(partition, self._most):
                lane.append(row)
        return lanes

    def accepted(self, partition: int) -> None:
        """A batch was acknowledged: the next one may be larger again."""
        self._limits[partition] = min(2 * self._limits.get(partition, self._most), self._most)

    def refused(self, partition: int, lane: Sequence[Row]) -> Row | None:
        """A batch was refused. Returns the row that is parked because of it, if it was alone."""
        if len(lane) > 1:
            self._limits[partition] = len(lane) // 2
            return None
        self.parked.add(lane[0].id)
        return lane[0]


class OutboxRelay:
    """Sends the outbox of a database to a topic, as a component; several processes may run one, one is active.

    Arguments:
        kafka: where; None turns it off, and the events wait.
        database_url: of the database, directly: a pooler that gives each transaction another session breaks the lock.
        topic: made if it is missing. The relays of other databases may write to it too.
        retention_seconds: how long sent rows are kept, to be sent again when the broker turns out to have lost them; 0
            for brokers that do not.
        on_sent: called with the keys of each batch that Kafka has acknowledged; must not raise.
    """

    def __init__(
        self,
        kafka: Kafka | None,
        database_url: str,
        topic: str,
        *,
        retention_seconds: float = 600,
        on_sent: Callable[[set[UUID]], Awaitable[object]] | None = None,
    ) -> None:
        self._kafka = kafka
        self._url = database_url
        self._topic = topic
        self._retention_seconds = retention_seconds
        self._on_sent = on_sent
        self._lanes = Lanes()
        self._offsets: dict[int, int] = {}  # of the first record of the last batch acknowledged, by partition
        self._ends: dict[int, int] = {}  # of the partitions, as they were seen last
        self._loss = False  # the broker has lost events, and not all of them wait again yet
        self._anew = False  # it has lost its topics too, then, which an open producer does not notice
        self._next_chores = 0.0  # monotonic
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin; neither Kafka nor Postgres need be there."""
        if self._kafka is None:
            logger.info("no KAFKA_URL: events wait in the outbox", extra={"topic": self._topic})
            return
        self._task = asyncio.create_task(self._run(self._kafka), name=f"outbox {self._topic}")

    async def stop(self) -> None:
        """Finish the batch under way and let another process take over; within about 2 * CLOSE_SECONDS."""
        self._stopping.set()
        if self._task is not None and not await ended(self._task, 2 * CLOSE_SECONDS):
            logger.warning("the relay did not end in time", extra={"topic": self._topic})

    async def _run(self, kafka: Kafka) -> None:
        backoff, away = Backoff(), False
        while not self._stopping.is_set():
            try:
                async with self._leadership() as connection:
                    backoff.reset()
                    away = False
                    await self._lead(kafka, connection)
            except Exception as error:
                if not postgres.is_away(error):
                    logger.exception("the relay failed", extra={"topic": self._topic})
                elif not away:
                    metrics.dependency_errors.labels("postgres").inc()
                    logger.warning("the relay waits for PostgreSQL", extra={"error": repr(error)})
                away = True
                await paused(self._stopping, backoff.following())

    @asynccontextmanager
    async def _leadership(self) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
        """A connection that holds the lock, as soon as it is to be had or the process stops."""
        connection = await asyncpg.connect(self._url, timeout=5, command_timeout=5, server_settings=SESSION_SETTINGS)
        try:
            while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", LOCK):
                if await paused(self._stopping, STANDBY_SECONDS):
                    break
            else:
                active.set(1)
                logger.info("relaying events", extra={"topic": self._topic})
            yield connection
        finally:
            for gauge in (active, waiting_rows, waiting_seconds, parked_rows):
                gauge.set(0)
            if not await ended(connection.close(), 1):
                connection.terminate()

    async def _lead(self, kafka: Kafka, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        """Relay until the process stops or Postgres goes away; wait for Kafka meanwhile."""
        backoff, away = Backoff(), False
        while not self._stopping.is_set():
            producer = Producer(kafka, self._topic)
            try:
                await beside(connection, producer.open(), HEARTBEAT_SECONDS)
                await self._check_broker(connection, producer)
                self._anew = False
                if away:
                    logger.info("Kafka is back", extra={"topic": self._topic})
                backoff.reset()
                away = False
                while not self._stopping.is_set() and not self._anew:
                    if not await self._relay(connection, producer):
                        await paused(self._stopping, POLL_SECONDS)
                    await self._do_chores(connection, producer)
            except KafkaAway as error:
                failures_total.inc()
                metrics.dependency_errors.labels("kafka").inc()
                if not away:
                    logger.warning("Kafka is away", extra={"topic": self._topic, "error": str(error)})
                away = True
            finally:
                await producer.close()
            await beside(connection, paused(self._stopping, backoff.following()), HEARTBEAT_SECONDS)
            await self._measure(connection)

    async def _relay(self, connection: "asyncpg.Connection[asyncpg.Record]", producer: Producer) -> bool:
        """Send a batch per partition. Returns whether there may be more at once.

        Raises:
            KafkaAway: some of it was not acknowledged; what was has been marked.
        """
        rows = await select_unsent(connection, list(self._lanes.parked), BATCH_ROWS)
        for row in rows:
            if len(row.payload.encode()) > MAX_PAYLOAD_BYTES:
                self._park(row, f"more than {MAX_PAYLOAD_BYTES} bytes")
        fit = [row for row in rows if row.id not in self._lanes.parked]
        lanes = self._lanes.take((producer.partition_of(str(row.key).encode()), row) for row in fit)
        sends = (producer.send(partition, [_record(row) for row in lane]) for partition, lane in lanes.items())
        results = await beside(connection, asyncio.gather(*sends, return_exceptions=True), HEARTBEAT_SECONDS)
        acknowledged: list[int] = []
        keys: set[UUID] = set()
        errors: list[BaseException] = []
        for (partition, lane), result in zip(lanes.items(), results, strict=True):
            if isinstance(result, tuple):
                count, offset = result
                acknowledged += [row.id for row in lane[:count]]
                keys.update(row.key for row in lane[:count])
                self._loss |= offset <= self._offsets.get(partition, -1)
                self._offsets[partition] = offset
                self._lanes.accepted(partition)
            elif isinstance(result, KafkaRefuses):
                if (culprit := self._lanes.refused(partition, lane)) is not None:
                    self._park(culprit, str(result))
            else:
                errors.append(result)
        if acknowledged:
            await mark_sent(connection, acknowledged, keep=self._retention_seconds > 0)
            sent_total.inc(len(acknowledged))
            if self._on_sent is not None:
                await beside(connection, self._on_sent(keys), HEARTBEAT_SECONDS)
        if self._loss:
            await self._send_again(connection)
        if errors:
            raise errors[0]
        return len(rows) == BATCH_ROWS or len(acknowledged) < len(fit)

    def _park(self, row: Row, reason: str) -> None:
        self._lanes.parked.add(row.id)
        parked_rows.set(len(self._lanes.parked))
        extra = {"topic": self._topic, "row": row.id, "bytes": len(row.payload), "reason": reason}
        logger.error("an event cannot be sent and is passed over", extra=extra)

    async def _do_chores(self, connection: "asyncpg.Connection[asyncpg.Record]", producer: Producer) -> None:
        if time.monotonic() < self._next_chores:
            return
        self._next_chores = time.monotonic() + CHORES_SECONDS
        await self._check_broker(connection, producer)
        await self._measure(connection)
        while await delete_sent(connection, self._retention_seconds, CHUNK_ROWS) == CHUNK_ROWS:
            pass

    async def _check_broker(self, connection: "asyncpg.Connection[asyncpg.Record]", producer: Producer) -> None:
        """Find out whether the broker has lost what it had acknowledged: a broker that keeps nothing on disk.

        Its partitions then end before what we have sent, or before where they ended a moment ago: if somebody else
        writes there too he may have begun to fill them again. To a relay that has just become the active one, all of
        them being empty although there are sent rows says the same.
        """
        ends = await beside(connection, producer.ends(), HEARTBEAT_SECONDS)
        behind = any(end <= self._offsets.get(partition, -1) for partition, end in ends.items())
        shrunk = any(end < self._ends.get(partition, 0) for partition, end in ends.items())
        self._ends = ends
        self._loss |= behind or shrunk or not any(ends.values())
        if self._loss:
            await self._send_again(connection)

    async def _send_again(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self._offsets.clear()
        total = 0
        while count := await unmark_sent(connection, CHUNK_ROWS):
            total += count
        self._loss = False
        if total:
            self._anew = True
            resent_total.inc(total)
            logger.warning("the broker has lost events: sent again", extra={"topic": self._topic, "rows": total})

    async def _measure(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        count, seconds = await measure_unsent(connection, MAX_COUNT)
        waiting_rows.set(count)
        waiting_seconds.set(seconds)


def _record(row: Row) -> tuple[bytes, bytes]:
    return str(row.key).encode(), row.payload.encode()
