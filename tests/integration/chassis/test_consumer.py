"""The consumer on a real broker: bad records, rebalances, deaths."""

import asyncio
import signal
from collections.abc import Collection, Sequence
from pathlib import Path

import msgspec
import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from chassis import consumer as consumer_module
from chassis import outbox
from chassis.consumer import Consumer, DeadLetter
from chassis.ids import uuid7
from chassis.kafka import Kafka, ensure_topics
from chassis.membership import Membership
from chassis.outbox import OutboxRelay
from tests.support.outbox import ALICE, Event, Outbox, arrived, of, own_broker, running


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
    await ensure_topics(kafka, [topic])
    producer = AIOKafkaProducer(bootstrap_servers=kafka.servers)
    await producer.start()
    try:
        for sent in [await producer.send(topic, value, key=b"one") for value in values]:
            await sent
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


async def test_what_is_passed_over_is_kept(kafka: Kafka, topic: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumer_module, "ATTEMPTS", 1)
    letters: list[DeadLetter] = []
    good, failing = Event(1), Event(2, text="failing")
    failures = [ConnectionError("the place where letters are kept is away")]

    async def handle(event: Event) -> None:
        if event == failing:
            raise RuntimeError("no")

    async def keep(letter: DeadLetter) -> None:
        if failures:
            raise failures.pop()
        letters.append(letter)

    values = [b"no JSON", msgspec.json.encode(failing), msgspec.json.encode(good)]
    await put(kafka, topic, *values)
    decode = msgspec.json.Decoder(Event).decode
    before = consumer_module.consumed.labels(topic)._value.get()
    async with running(Consumer(kafka, group=topic, topics=[topic], decode=decode, handle=handle, dead_letter=keep)):
        async with asyncio.timeout(20):
            while consumer_module.consumed.labels(topic)._value.get() == before:
                await asyncio.sleep(0.01)
    assert [(letter.topic, letter.offset, letter.key, letter.value, letter.reason) for letter in letters] == [
        (topic, 0, b"one", values[0], "unreadable"),
        (topic, 1, b"one", values[1], "failed"),
    ]
    assert letters[1].error == "RuntimeError: no"


async def test_many_events_are_handled_at_once_and_singly_where_that_fails(kafka: Kafka, topic: str) -> None:
    singly, together = Handler(), Handler()

    async def handle_all(events: Sequence[Event]) -> None:
        if any(event.text for event in events):
            raise RuntimeError("one of them")
        together.events += events

    async def until(count: int) -> None:
        async with asyncio.timeout(20):
            while len(singly.events) + len(together.events) < count:
                await asyncio.sleep(0.01)

    await put(kafka, topic, *(msgspec.json.encode(Event(n)) for n in range(20)))
    decode = msgspec.json.Decoder(Event).decode
    consumer = Consumer(kafka, group=topic, topics=[topic], decode=decode, handle=singly, handle_all=handle_all)
    async with running(consumer):
        await until(20)
        assert len(together.events) == 20
        await put(kafka, topic, *(msgspec.json.encode(Event(n, text="bad" if n == 23 else "")) for n in range(20, 30)))
        await until(30)
    assert sorted(event.n for event in [*singly.events, *together.events]) == list(range(30))
    assert 23 in [event.n for event in singly.events]


async def test_it_is_seen_how_many_events_wait(kafka: Kafka, topic: str) -> None:
    gauge = consumer_module.waiting.labels(topic)
    at_hand, go_on = asyncio.Event(), asyncio.Event()

    async def handle(event: Event) -> None:
        if event.n == 600:  # the first one of the second batch, so that the first one has been measured
            at_hand.set()
            await go_on.wait()

    await put(kafka, topic, *(msgspec.json.encode(Event(n)) for n in range(700)))
    decode = msgspec.json.Decoder(Event).decode
    async with running(Consumer(kafka, group=topic, topics=[topic], decode=decode, handle=handle)):
        async with asyncio.timeout(20):
            await at_hand.wait()
            assert gauge._value.get() > 0
            go_on.set()
            while gauge._value.get() > 0:
                await asyncio.sleep(0.01)


async def test_a_prefix_keeps_installations_apart(box: Outbox, kafka: Kafka, topic: str) -> None:
    ours = Handler()
    prefixed = msgspec.structs.replace(kafka, prefix="ours.")
    await put(kafka, topic, msgspec.json.encode(Event(0, text="theirs")))
    async with running(consuming(prefixed, topic, ours), OutboxRelay(prefixed, box.url, topic)):
        await box.add(Event(1))
        await ours.until(1)
    assert of(ALICE, ours.events) == [1]
    assert of(ALICE, await arrived(kafka, f"ours.{topic}", 1)) == [1]
    assert of(ALICE, await arrived(kafka, topic, 1)) == [0]


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


async def test_a_busy_consumer_hears_what_is_sent_again_to_a_broker_that_forgot(
    box: Outbox, topic: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "CHORES_SECONDS", 0.1)
    handler, keys = Handler(), [uuid7() for _ in range(4)]
    number, joined = 0, asyncio.Event()

    class Seen(Membership):
        async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
            await super().on_partitions_assigned(assigned)
            joined.set()

    monkeypatch.setattr(consumer_module, "Membership", Seen)

    async def talk(count: int) -> None:
        nonlocal number
        for _ in range(count):
            await box.add(*(Event(number, key) for key in keys))
            number += 1

    async with (
        own_broker(tmp_path) as (engines, kafka),
        running(OutboxRelay(kafka, box.url, topic), consuming(kafka, topic, handler)),
    ):
        await talk(50)
        await handler.until(200)
        engines.kill("kafka")
        await engines.restart("kafka")
        joined.clear()
        async with asyncio.timeout(30):
            while not joined.is_set():  # something to commit at every moment at which the group is joined anew
                await talk(5)
        await handler.until(number * len(keys), 20)
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka.servers)
        await admin.start()
        [made] = await admin.describe_topics([topic])
        await admin.close()
    assert len(made["partitions"]) == kafka.partitions
    for key in keys:
        assert sorted(set(of(key, handler.events))) == list(range(number))


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
