"""Handles the events of Kafka topics, each at least once and those of a key in order."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, Literal, TypeVar

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from prometheus_client import Counter, Gauge, Histogram

from . import metrics, postgres
from .background import paused
from .kafka import (
    CLOSE_SECONDS,
    REQUEST_SECONDS,
    Backoff,
    Kafka,
    KafkaAway,
    ended,
    ensure_topics,
    milliseconds,
    tame,
    translated,
)
from .membership import Membership, is_member
from .redis import RedisAway

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.5
ATTEMPTS = 3  # at an event whose handler fails for a reason of its own

consumed = Counter("parley_events_consumed_total", "Events handled", ["topic"])
waiting = Gauge(
    "parley_events_waiting", "Events in the partitions of this process that it has not handled yet", ["topic"]
)
skipped = Counter("parley_events_skipped_total", "Events passed over, by reason", ["topic", "reason"])
ages = Histogram(
    "parley_event_age_seconds",
    "Time from an event's arrival in Kafka until it was handled",
    ["topic"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600),
)
EventT = TypeVar("EventT")


class DeadLetter(msgspec.Struct, frozen=True):
    """A record that is passed over, and why."""

    topic: str
    partition: int
    offset: int
    key: bytes
    value: bytes
    reason: Literal["unreadable", "failed"]
    error: str


class Consumer(Generic[EventT]):
    """Handles the events of some topics in order per key, at least once each, as a component.

    An offset is committed after its event has been handled. While what the handler needs is away, the same event is
    tried again until it is back. An event that cannot be read, or whose handler fails otherwise ATTEMPTS times, is
    logged, counted, given to `dead_letter` and passed over.

    Arguments:
        kafka: where; None turns it off.
        group: whose offsets these are.
        topics: made if they are missing.
        decode: a record's value as an event; raises ValueError (msgspec's errors are) if it is none.
        handle: must be idempotent by the event's id.
        handle_all: does the same for many at once, all or nothing; tried first, and what it fails on is handled singly.
        dead_letter: keeps what is passed over; may be called twice for a record.
    """

    def __init__(
        self,
        kafka: Kafka | None,
        *,
        group: str,
        topics: Sequence[str],
        decode: Callable[[bytes], EventT],
        handle: Callable[[EventT], Awaitable[None]],
        handle_all: Callable[[Sequence[EventT]], Awaitable[None]] | None = None,
        dead_letter: Callable[[DeadLetter], Awaitable[None]] | None = None,
    ) -> None:
        self._kafka = kafka
        self._group = group if kafka is None else kafka.named(group)
        self._topics = [topic if kafka is None else kafka.named(topic) for topic in topics]
        self._decode = decode
        self._handle = handle
        self._handle_all = handle_all
        self._dead_letter = dead_letter
        self._next: dict[TopicPartition, int] = {}  # the offset that follows what was handled
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin; Kafka need not be there."""
        if self._kafka is None:
            logger.info("no KAFKA_URL: events are not consumed", extra={"group": self._group})
            return
        tame()
        self._task = asyncio.create_task(self._run(self._kafka), name=f"consumer {self._group}")

    async def stop(self) -> None:
        """Finish the event at hand, commit, leave the group; within about 2 * CLOSE_SECONDS."""
        self._stopping.set()
        if self._task is not None and not await ended(self._task, 2 * CLOSE_SECONDS):
            logger.warning("the consumer did not end in time", extra={"group": self._group})

    async def _run(self, kafka: Kafka) -> None:
        backoff = Backoff()
        while not self._stopping.is_set():
            membership = Membership(min(CLOSE_SECONDS, kafka.session_seconds / 2))
            consumer = AIOKafkaConsumer(
                **kafka.client,
                group_id=self._group,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                request_timeout_ms=milliseconds(1.5 * kafka.session_seconds),  # joining waits for members that are dead
                fetch_max_wait_ms=200,
                metadata_max_age_ms=30_000,
                session_timeout_ms=milliseconds(kafka.session_seconds),
                heartbeat_interval_ms=milliseconds(min(1.0, kafka.session_seconds / 4)),
            )
            consumer.subscribe(self._topics, listener=membership)
            try:
                await ensure_topics(kafka, self._topics)
                async with translated(3 * kafka.session_seconds):
                    await consumer.start()
                backoff.reset()
                logger.info("consuming", extra={"group": self._group, "topics": self._topics})
                await self._consume(kafka, consumer, membership)
            except Exception as error:
                metrics.dependency_errors.labels("kafka").inc()
                level = logging.WARNING if isinstance(error, KafkaAway | KafkaError | OSError) else logging.ERROR
                logger.log(level, "cannot consume", extra={"group": self._group, "error": repr(error)})
            finally:
                if not await ended(consumer.stop()):  # it waits for a coordinator: take its connections away
                    await ended(consumer._client.close())
            await paused(self._stopping, backoff.following())

    async def _consume(self, kafka: Kafka, consumer: Any, membership: Membership) -> None:
        unsettled = 0.0  # seconds
        while not self._stopping.is_set():
            if not await membership.settled(POLL_SECONDS):
                unsettled += POLL_SECONDS
                if unsettled >= 3 * kafka.session_seconds:
                    raise KafkaAway("the group does not let us in")
                continue
            unsettled = 0.0
            if missing := [topic for topic in self._topics if not consumer.partitions_for_topic(topic)]:
                raise KafkaAway(f"there is no {', '.join(missing)} any more")
            batches = await consumer.getmany(timeout_ms=milliseconds(POLL_SECONDS), max_records=500)
            term = membership.term
            async with membership.at_work:
                for place, records in batches.items():
                    if not membership.is_settled:  # all of it is fetched again, by whoever has it then
                        break
                    done = await self._take_all(membership, term, records)
                    if done is not None and membership.term == term:
                        await self._commit(kafka, consumer, place, done + 1)
            self._measure(consumer)

    async def _take_all(self, membership: Membership, term: int, records: Sequence[Any]) -> int | None:
        """Handle the records of a partition, or as many as we may. Returns the offset of the last one handled."""
        if await self._take_together(records):
            return int(records[-1].offset)
        done = None
        for record in records:
            # Whoever has the partition now begins at the last commit.
            if membership.term != term or not await self._take(record):
                break
            done = int(record.offset)
        return done

    async def _take_together(self, records: Sequence[Any]) -> bool:
        """Handle records all at once; False when that is not to be, and none of them has been handled."""
        if self._handle_all is None or len(records) < 2:
            return False
        try:
            await self._handle_all([self._decode(record.value or b"") for record in records])
        except Exception as error:  # said and counted by whoever handles them singly
            logger.debug("events are handled singly", extra={"group": self._group, "error": repr(error)})
            return False
        for record in records:
            _count(record)
        return True

    async def _take(self, record: Any) -> bool:
        """Handle or pass over a record. False when the process stops before that is done."""
        backoff, attempts = Backoff(), 0
        where = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
        while True:
            try:
                await self._handle(self._decode(record.value or b""))
            except ValueError as error:
                skipped.labels(record.topic, "unreadable").inc()
                logger.error("an event cannot be read", extra={**where, "error": str(error)})
                return await self._keep(record, "unreadable", error)
            except Exception as error:
                if is_transient(error):
                    if not attempts:
                        logger.warning("an event has to wait", extra={**where, "error": repr(error)})
                else:
                    attempts += 1
                    if attempts == ATTEMPTS:
                        skipped.labels(record.topic, "failed").inc()
                        logger.exception("an event cannot be handled", extra=where)
                        return await self._keep(record, "failed", error)
                if await paused(self._stopping, backoff.following()):
                    return False
            else:
                _count(record)
                return True

    async def _keep(self, record: Any, reason: Literal["unreadable", "failed"], error: Exception) -> bool:
        """Keep a record that is passed over. False when the process stops before that is done."""
        if self._dead_letter is None:
            return True
        letter = DeadLetter(
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            key=record.key or b"",
            value=record.value or b"",
            reason=reason,
            error=f"{type(error).__name__}: {error}",
        )
        backoff = Backoff()
        while True:
            try:
                await self._dead_letter(letter)
            except Exception as failure:
                if not is_transient(failure):
                    logger.exception("a dead letter cannot be kept", extra={"topic": letter.topic})
                    return True
                if await paused(self._stopping, backoff.following()):
                    return False
            else:
                return True

    async def _commit(self, kafka: Kafka, consumer: Any, place: TopicPartition, offset: int) -> None:
        """Commit; if that fails (a rebalance, aiokafka#929; a broker away) the events come again, which is harmless."""
        if not is_member(consumer):
            return
        self._next[place] = offset
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                await consumer.commit({place: offset})
        except (KafkaError, TimeoutError) as error:
            logger.info("could not commit", extra={"group": self._group, "error": repr(error)})
            if isinstance(error, TimeoutError):
                # A broker that has forgotten its topics may take and give records all the same, but no commits.
                with contextlib.suppress(KafkaAway):
                    await ensure_topics(kafka, self._topics)

    def _measure(self, consumer: Any) -> None:
        """Tell how far behind we are, as far as the broker has told us."""
        mine = consumer.assignment()
        self._next = {place: offset for place, offset in self._next.items() if place in mine}
        behind = dict.fromkeys(self._topics, 0)
        for place, offset in self._next.items():
            behind[place.topic] += max(0, (consumer.highwater(place) or 0) - offset)
        for topic, count in behind.items():
            waiting.labels(topic).set(count)


def _count(record: Any) -> None:
    consumed.labels(record.topic).inc()
    ages.labels(record.topic).observe(max(0.0, time.time() - record.timestamp / 1000))


def is_transient(error: Exception) -> bool:
    """True when what failed was a dependency, which will be back."""
    return postgres.is_away(error) or isinstance(error, RedisAway)
