"""The consumer on a real broker: bad records, rebalances, deaths."""

import asyncio
import signal
from pathlib import Path

import msgspec
import pytest
from aiokafka import AIOKafkaProducer

from chassis import consumer as consumer_module
from chassis import outbox
from chassis.consumer import Consumer
from chassis.ids import uuid7
from chassis.kafka import Kafka
from chassis.outbox import OutboxRelay
from tests.support.outbox import ALICE, Event, Outbox, of, own_broker, running


@pytest.fixture(autouse=True)
def short_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Joining a group takes as long as its sessions."""
    monkeypatch.setattr(consumer_module, "SESSION_SECONDS", 2.0)


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
