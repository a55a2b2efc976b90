"""What the relay and the consumer decide without Kafka and without Postgres."""

import asyncio
import logging
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from chassis import consumer as consumer_module
from chassis.consumer import Consumer
from chassis.ids import uuid7
from chassis.kafka import Backoff, Kafka, Occasional, ended
from chassis.outbox import Lanes, OutboxRelay
from chassis.outbox_rows import Row
from chassis.redis import RedisAway


def rows(*ids: int) -> list[Row]:
    return [Row(number, uuid7(), "{}") for number in ids]


def ids(lanes: dict[int, list[Row]]) -> dict[int, list[int]]:
    return {partition: [row.id for row in lane] for partition, lane in lanes.items()}


def test_rows_go_to_their_partitions_in_the_order_of_their_ids() -> None:
    one, two, three, four = rows(1, 2, 3, 4)
    assert ids(Lanes().take([(0, one), (5, two), (0, three), (5, four)])) == {0: [1, 3], 5: [2, 4]}


def test_a_refused_batch_is_halved_until_one_row_is_refused_alone() -> None:
    lanes, waiting, sent = Lanes(8), rows(*range(1, 21)), []
    refusals = 0
    while waiting:
        lane = lanes.take((0, row) for row in waiting if row.id not in lanes.parked)[0]
        if any(row.id == 11 for row in lane):
            refusals += 1
            culprit = lanes.refused(0, lane)
            assert (culprit is not None) == (len(lane) == 1)
        else:
            lanes.accepted(0)
            sent += [row.id for row in lane]
        waiting = [row for row in waiting if row.id not in {*sent, *lanes.parked}]
    assert lanes.parked == {11}
    assert sent == [number for number in range(1, 21) if number != 11]
    assert refusals <= 5


def test_a_partition_that_is_refused_does_not_slow_the_others() -> None:
    lanes, waiting = Lanes(4), [(number % 2, row) for number, row in enumerate(rows(*range(8)))]
    lanes.refused(0, lanes.take(waiting)[0])
    assert {partition: len(lane) for partition, lane in lanes.take(waiting).items()} == {0: 2, 1: 4}


async def test_without_kafka_nothing_runs(caplog: pytest.LogCaptureFixture) -> None:
    async def handle(event: object) -> None:
        raise AssertionError

    caplog.set_level(logging.INFO)
    relay = OutboxRelay(None, "postgresql://nowhere/nothing", "t")
    consumer = Consumer(None, group="g", topics=["t"], decode=msgspec.json.decode, handle=handle)
    before = asyncio.all_tasks()
    for component in (relay, consumer):
        await component.start()
    assert asyncio.all_tasks() == before
    for component in (relay, consumer):
        await component.stop()
    assert [record.message.split(":")[0] for record in caplog.records] == ["no KAFKA_URL"] * 2


def record(value: object) -> Any:
    return SimpleNamespace(value=msgspec.json.encode(value), topic="t", partition=0, offset=7, timestamp=0)


class Handling:
    """A handler that fails with the given errors first."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    async def __call__(self, event: int) -> None:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits between attempts take no time."""
    monkeypatch.setattr(Backoff, "following", lambda self: 0.0)


def taking(handle: Handling) -> Consumer[int]:
    decode = msgspec.json.Decoder(int).decode
    return Consumer(Kafka("127.0.0.1:1"), group="g", topics=["t"], decode=decode, handle=handle)


def count(reason: str) -> float:
    return float(consumer_module.skipped.labels("t", reason)._value.get())


@pytest.mark.usefixtures("impatient")
async def test_an_event_waits_for_what_its_handler_needs() -> None:
    handle = Handling(OSError("away"), TimeoutError(), RedisAway(), *[OSError("still away")] * 20)
    assert await taking(handle)._take(record(1))
    assert handle.calls == 24


@pytest.mark.usefixtures("impatient")
async def test_an_event_whose_handler_fails_is_passed_over_after_three_attempts(
    caplog: pytest.LogCaptureFixture,
) -> None:
    before, handle = count("failed"), Handling(*[KeyError("a mistake of ours")] * 9)
    assert await taking(handle)._take(record(1))
    assert (handle.calls, count("failed") - before) == (3, 1)
    assert [entry.message for entry in caplog.records] == ["an event cannot be handled"]


@pytest.mark.parametrize("value", ["a text", None, {"id": 1}])
async def test_an_event_that_cannot_be_read_is_passed_over_at_once(value: object) -> None:
    before, handle = count("unreadable"), Handling()
    assert await taking(handle)._take(record(value))
    assert (handle.calls, count("unreadable") - before) == (0, 1)


async def test_an_event_that_waits_does_not_keep_the_process_from_stopping() -> None:
    handle = Handling(*[OSError("away")] * 1000)
    consumer = taking(handle)
    taken = asyncio.create_task(consumer._take(record(1)))
    while not handle.calls:
        await asyncio.sleep(0)
    await consumer.stop()
    assert await taken is False


def test_a_backoff_doubles_up_to_its_limit_and_begins_anew() -> None:
    backoff = Backoff()
    waits = [backoff.following() for _ in range(8)]
    assert waits == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]
    backoff.reset()
    assert backoff.following() == 0.2


async def test_closing_is_bounded_and_its_errors_are_nobodys() -> None:
    async def hangs() -> None:
        await asyncio.Event().wait()

    async def fails() -> None:
        raise OSError

    async def is_cancelled() -> None:
        raise asyncio.CancelledError

    assert await ended(hangs(), 0.01) is False
    assert await ended(fails()) is True
    assert await ended(is_cancelled()) is True


def test_repeated_complaints_of_a_library_are_logged_once_in_a_while(caplog: pytest.LogCaptureFixture) -> None:
    complaint = logging.LogRecord("aiokafka", logging.ERROR, "", 0, "away", None, None)
    for seconds, lines in ((60, 1), (0, 5)):
        caplog.clear()
        handler = Occasional(seconds)
        for _ in range(5):
            handler.handle(complaint)
        assert len(caplog.records) == lines
