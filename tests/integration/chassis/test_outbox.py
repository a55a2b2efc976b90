"""The relay and the consumer on a real PostgreSQL and a real broker, which may die, freeze and forget."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from chassis import consumer as consumer_module
from chassis import outbox
from chassis.consumer import Consumer
from chassis.ids import uuid7
from chassis.kafka import Kafka, KafkaRefuses
from chassis.outbox import OutboxRelay
from chassis.producer import Producer
from devstack.engines import Engines

TABLE = """
CREATE TABLE outbox (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key        uuid        NOT NULL,
    type       text        NOT NULL,
    payload    jsonb       NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    sent_at    timestamptz
);
CREATE INDEX outbox_unsent ON outbox (id) WHERE sent_at IS NULL;
CREATE INDEX outbox_sent ON outbox (sent_at) WHERE sent_at IS NOT NULL;
"""
ALICE, BOB = uuid7(), uuid7()


class Event(msgspec.Struct, frozen=True):
    """What these tests send."""

    n: int
    key: UUID = ALICE
    text: str = ""


@pytest.fixture(autouse=True)
def short_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Joining a group takes as long as its sessions."""
    monkeypatch.setattr(consumer_module, "SESSION_SECONDS", 2.0)


@pytest.fixture(autouse=True)
def no_mistakes(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever is away, the relay knows what to do."""
    yield
    mistakes = [record for record in caplog.get_records("call") if record.message == "the relay failed"]
    assert not mistakes, mistakes[0].exc_text


@pytest.fixture
def topic() -> str:
    """A topic of this test's own."""
    return f"test.{uuid7().hex}"


class Outbox:
    """The writing side."""

    def __init__(self, url: str, connection: Any) -> None:
        self.url = url
        self.connection = connection

    async def add(self, *events: Event, connection: Any = None) -> None:
        for event in events:
            await (connection or self.connection).execute(
                "INSERT INTO outbox (key, type, payload) VALUES ($1, 'test', $2::text::jsonb)",
                event.key,
                msgspec.json.encode(event).decode(),
            )

    async def count(self, condition: str = "true") -> int:
        return int(await self.connection.fetchval(f"SELECT count(*) FROM outbox WHERE {condition}"))

    async def until(self, condition: str, count: int = 0, seconds: float = 15) -> None:
        """Wait until so many rows are of a kind."""
        async with asyncio.timeout(seconds):
            while await self.count(condition) != count:
                await asyncio.sleep(0.01)


@pytest.fixture
async def box(postgres_database: Callable[..., str]) -> AsyncIterator[Outbox]:
    """An empty outbox."""
    url = postgres_database("outbox")
    connection = await asyncpg.connect(url)
    await connection.execute(TABLE)
    yield Outbox(url, connection)
    await connection.close()


@pytest.fixture
def kafka(kafka_url: str) -> Kafka:
    """The session's broker."""
    return Kafka(kafka_url.removeprefix("kafka://"), partitions=3)


@asynccontextmanager
async def own_broker(folder: Path) -> AsyncIterator[tuple[Engines, Kafka]]:
    """A broker that may be killed."""
    async with Engines.start(folder, postgres=False, valkey=False, kafka=True, durable=False) as engines:
        yield engines, Kafka(engines.kafka_url.removeprefix("kafka://"), partitions=3)


@asynccontextmanager
async def running(*components: Any) -> AsyncIterator[None]:
    """Components for the length of a block; each must stop in time."""
    for component in components:
        await component.start()
    try:
        yield
    finally:
        for component in reversed(components):
            async with asyncio.timeout(10):
                await component.stop()


async def arrived(kafka: Kafka, topic: str, count: int) -> list[Event]:
    """What is in a topic, from its beginning, once there are so many."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=kafka.servers, auto_offset_reset="earliest")
    await consumer.start()
    events: list[Event] = []
    try:
        async with asyncio.timeout(15):
            while len(events) < count:
                for records in (await consumer.getmany(timeout_ms=100)).values():
                    events += [msgspec.json.decode(record.value, type=Event) for record in records]
    finally:
        await consumer.stop()
    return events


def of(key: UUID, events: list[Event]) -> list[int]:
    """The numbers of one key's events, each where it came first."""
    return list(dict.fromkeys(event.n for event in events if event.key == key))


async def test_events_arrive_in_the_order_of_their_key(box: Outbox, kafka: Kafka, topic: str) -> None:
    keys = [uuid7() for _ in range(20)]
    events = [Event(n, key) for n in range(40) for key in keys]
    await box.add(*events[:400])
    async with running(OutboxRelay(kafka, box.url, topic)):
        await box.add(*events[400:])
        await box.until("sent_at IS NULL")
        found = await arrived(kafka, topic, len(events))
    assert len(found) == len(events)
    for key in keys:
        assert of(key, found) == list(range(40))


async def test_a_lower_id_that_is_committed_later_is_not_forgotten(box: Outbox, kafka: Kafka, topic: str) -> None:
    late = await asyncpg.connect(box.url)
    async with running(OutboxRelay(kafka, box.url, topic)):
        transaction = late.transaction()
        await transaction.start()
        await box.add(Event(1, ALICE), connection=late)
        await box.add(Event(2, BOB))
        await box.until("sent_at IS NOT NULL", 1)
        await transaction.commit()
        await box.until("sent_at IS NOT NULL", 2)
    await late.close()
    assert {event.n for event in await arrived(kafka, topic, 2)} == {1, 2}


async def test_sent_rows_go_after_their_time_or_at_once(
    box: Outbox, kafka: Kafka, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "CHORES_SECONDS", 0.05)
    await box.add(Event(1))
    async with running(OutboxRelay(kafka, box.url, topic, retention_seconds=0.5)):
        await box.until("sent_at IS NOT NULL", 1)
        await box.until("true", 0)
    await box.add(Event(2))
    async with running(OutboxRelay(kafka, box.url, topic, retention_seconds=0)):
        await box.until("true", 0)
    assert of(ALICE, await arrived(kafka, topic, 2)) == [1, 2]


async def test_one_relay_is_active_and_another_takes_over(box: Outbox, kafka: Kafka, topic: str) -> None:
    async def holders() -> int:
        return int(
            await box.connection.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted")
        )

    first, second = OutboxRelay(kafka, box.url, topic), OutboxRelay(kafka, box.url, topic)
    await first.start()
    await box.add(Event(1))
    await box.until("sent_at IS NULL")
    async with running(second):
        await box.add(Event(2))
        await box.until("sent_at IS NULL")
        assert await holders() == 1
        await first.stop()
        await box.add(Event(3))
        await box.until("sent_at IS NULL")
        # Whoever loses the connection that holds the lock loses the lock; then it is taken again.
        await box.connection.execute("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
        await box.add(Event(4))
        await box.until("sent_at IS NULL")
        assert await holders() == 1
    assert await holders() == 0
    assert of(ALICE, await arrived(kafka, topic, 4)) == [1, 2, 3, 4]


async def test_an_event_that_is_too_large_is_passed_over(box: Outbox, kafka: Kafka, topic: str) -> None:
    await box.add(Event(1), Event(2, text="x" * 1_100_000), Event(3), Event(4, BOB))
    async with running(OutboxRelay(kafka, box.url, topic)):
        await box.until("sent_at IS NULL", 1)
        assert outbox.parked_rows._value.get() == 1
        await box.add(Event(5))
        await box.until("sent_at IS NULL", 1)
    found = await arrived(kafka, topic, 4)
    assert (of(ALICE, found), of(BOB, found)) == ([1, 3, 5], [4])
    assert await box.count("sent_at IS NULL AND payload->>'n' = '2'") == 1


async def test_an_event_that_the_broker_refuses_is_passed_over_and_no_other(
    box: Outbox, kafka: Kafka, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Refusing(Producer):
        """Answers as a broker does that finds fault with a record: the whole batch is refused."""

        async def send(self, partition: int, records: Any) -> tuple[int, int]:
            if any(b"bad" in value for _, value in records):
                raise KafkaRefuses("bad")
            return await super().send(partition, records)

    monkeypatch.setattr(outbox, "Producer", Refusing)
    events = [Event(n, key, "bad" if (n, key) == (23, ALICE) else "") for n in range(50) for key in (ALICE, BOB)]
    await box.add(*events)
    async with running(OutboxRelay(kafka, box.url, topic)):
        await box.until("sent_at IS NULL", 1)
    found = await arrived(kafka, topic, 99)
    assert of(ALICE, found) == [n for n in range(50) if n != 23]
    assert of(BOB, found) == list(range(50))
    assert len(found) == 99


async def test_events_wait_for_kafka_and_the_lag_is_seen(
    box: Outbox, topic: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "CHORES_SECONDS", 0.05)
    async with own_broker(tmp_path) as (engines, kafka):
        engines.kill("kafka")
        await box.add(*(Event(n) for n in range(3)))
        async with running(OutboxRelay(kafka, box.url, topic)):
            async with asyncio.timeout(15):
                while outbox.waiting_rows._value.get() != 3:
                    await asyncio.sleep(0.01)
            assert outbox.waiting_seconds._value.get() > 0
            await engines.restart("kafka")
            await box.until("sent_at IS NULL")
            assert of(ALICE, await arrived(kafka, topic, 3)) == [0, 1, 2]
            async with asyncio.timeout(15):
                while outbox.waiting_rows._value.get() != 0:
                    await asyncio.sleep(0.01)


async def test_a_broker_that_forgets_everything_gets_it_again(
    box: Outbox, topic: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "CHORES_SECONDS", 0.1)
    async with own_broker(tmp_path) as (engines, kafka):
        async with running(OutboxRelay(kafka, box.url, topic)):
            await box.add(*(Event(n) for n in range(5)))
            await box.until("sent_at IS NULL")
            before = outbox.resent_total._value.get()
            engines.kill("kafka")
            await engines.restart("kafka")  # nothing new is written: the relay notices all the same
            assert of(ALICE, await arrived(kafka, topic, 5)) == list(range(5))
            assert outbox.resent_total._value.get() - before == 5
            await box.add(Event(5))
            assert of(ALICE, await arrived(kafka, topic, 6)) == list(range(6))
        engines.kill("kafka")
        await engines.restart("kafka")
        async with running(OutboxRelay(kafka, box.url, topic)):  # one that knows nothing of what was sent
            assert of(ALICE, await arrived(kafka, topic, 6)) == list(range(6))


async def test_a_frozen_broker_does_not_keep_the_process_from_stopping(box: Outbox, topic: str, tmp_path: Path) -> None:
    async def handle(event: Event) -> None:
        pass

    async with own_broker(tmp_path) as (engines, kafka):
        relay = OutboxRelay(kafka, box.url, topic)
        await relay.start()
        await box.add(Event(1))
        await box.until("sent_at IS NULL")
        consumer = Consumer(kafka, group="g", topics=[topic], decode=msgspec.json.Decoder(Event).decode, handle=handle)
        await consumer.start()
        engines.kill("kafka", signal.SIGSTOP)
        try:
            await box.add(Event(2))
            async with asyncio.timeout(10):
                await asyncio.gather(relay.stop(), consumer.stop())
        finally:
            engines.kill("kafka", signal.SIGCONT)
        assert await box.count("sent_at IS NULL") == 1


class Handler:
    """Remembers what it was given."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    async def __call__(self, event: Event) -> None:
        if event.text == "unacceptable":
            raise ValueError(event.text)
        self.events.append(event)

    async def until(self, count: int, seconds: float = 30) -> None:
        """Wait until it has seen so many different events."""
        async with asyncio.timeout(seconds):
            while len({(event.key, event.n) for event in self.events}) < count:
                await asyncio.sleep(0.01)


def consuming(kafka: Kafka, topic: str, handler: Handler) -> Consumer[Event]:
    decode = msgspec.json.Decoder(Event).decode
    return Consumer(kafka, group=f"group.{topic}", topics=[topic], decode=decode, handle=handler)


async def put(kafka: Kafka, topic: str, *values: bytes) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka.servers)
    await producer.start()
    try:
        for value in values:
            await producer.send_and_wait(topic, value, key=b"one")
    finally:
        await producer.stop()


async def test_a_consumer_passes_bad_records_over_and_goes_on_where_it_was(kafka: Kafka, topic: str) -> None:
    good = [msgspec.json.encode(Event(n)) for n in range(4)]
    bad = [b"\xff", b"[]", b'{"n": "one"}', b"", msgspec.json.encode(Event(9, text="unacceptable"))]
    first, second = Handler(), Handler()
    async with running(consuming(kafka, topic, first)):
        await put(kafka, topic, good[0], *bad, good[1])
        await first.until(2)
    await put(kafka, topic, good[2])
    async with running(consuming(kafka, topic, second)):
        await second.until(1)
        await put(kafka, topic, good[3])
        await second.until(2)
    assert [event.n for event in first.events] == [0, 1]
    assert [event.n for event in second.events] == [2, 3]


async def test_events_survive_a_rebalance_in_order(box: Outbox, kafka: Kafka, topic: str) -> None:
    one, other = Handler(), Handler()
    keys = [uuid7() for _ in range(12)]
    both: list[Event] = []
    one.events = other.events = both
    async with running(OutboxRelay(kafka, box.url, topic), consuming(kafka, topic, one)):
        await box.add(*(Event(n, key) for n in range(5) for key in keys))
        await one.until(60)
        leaver = consuming(kafka, topic, other)
        await leaver.start()
        for n in range(5, 40):
            await box.add(*(Event(n, key) for key in keys))
        await one.until(480)
        await leaver.stop()
        await box.add(*(Event(40, key) for key in keys))
        await one.until(492)
    for key in keys:
        assert of(key, both) == list(range(41))


async def test_events_survive_the_death_of_the_broker(
    box: Outbox, topic: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "CHORES_SECONDS", 0.1)
    handler = Handler()
    async with (
        own_broker(tmp_path) as (engines, kafka),
        running(OutboxRelay(kafka, box.url, topic), consuming(kafka, topic, handler)),
    ):
        await box.add(*(Event(n) for n in range(3)))
        await handler.until(3)
        engines.kill("kafka")
        await box.add(*(Event(n) for n in range(3, 6)))
        await engines.restart("kafka")
        await handler.until(6)
        await box.add(Event(6))
        await handler.until(7)
    assert of(ALICE, handler.events) == list(range(7))
