"""The relay and the consumer on a real PostgreSQL and a real broker, which may die, freeze and forget."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from chassis import outbox
from chassis.ids import uuid7
from chassis.kafka import Kafka, KafkaRefuses
from chassis.outbox import OutboxRelay
from chassis.producer import Producer
from tests.support.outbox import ALICE, BOB, Event, Outbox, arrived, of, own_broker, running


@pytest.fixture(autouse=True)
def no_mistakes(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever is away, the relay knows what to do."""
    yield
    mistakes = [record for record in caplog.get_records("call") if record.message == "the relay failed"]
    assert not mistakes, mistakes[0].exc_text


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


async def holder(box: Outbox) -> int | None:
    """Whose session holds the lock."""
    found: int | None = await box.connection.fetchval(
        "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND database ="
        " (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    return found


async def test_a_relay_that_freezes_or_whose_host_is_gone_loses_the_lock_soon(
    box: Outbox, kafka: Kafka, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the server both are the same: a session without a word."""
    assert int(outbox.SESSION_SETTINGS["idle_session_timeout"]) <= 10_000
    monkeypatch.setitem(outbox.SESSION_SETTINGS, "idle_session_timeout", "1500")
    frozen = await asyncpg.connect(box.url, server_settings=outbox.SESSION_SETTINGS)
    assert await frozen.fetchval("SELECT pg_try_advisory_lock($1)", outbox.LOCK)
    await box.add(Event(1))
    async with running(OutboxRelay(kafka, box.url, topic)):
        await box.until("sent_at IS NULL", seconds=30)
    frozen.terminate()
    assert of(ALICE, await arrived(kafka, topic, 1)) == [1]


async def test_a_relay_keeps_the_lock_however_long_kafka_takes(
    box: Outbox, kafka: Kafka, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = asyncio.Event()

    class Slow(Producer):
        """Answers when it is told to."""

        async def send(self, partition: int, records: Any) -> tuple[int, int]:
            await answers.wait()
            return await super().send(partition, records)

    monkeypatch.setattr(outbox, "Producer", Slow)
    monkeypatch.setattr(outbox, "HEARTBEAT_SECONDS", 0.05)
    await box.add(Event(1))
    async with running(OutboxRelay(kafka, box.url, topic)):
        async with asyncio.timeout(30):
            while (pid := await holder(box)) is None:
                await asyncio.sleep(0.01)
            heard: set[object] = set()
            while len(heard) < 20:  # nothing else is done meanwhile
                words = "SELECT query_start FROM pg_stat_activity WHERE pid = $1 AND query = 'SELECT'"
                heard.add(await box.connection.fetchval(words, pid))
        assert await box.count("sent_at IS NULL") == 1
        answers.set()
        await box.until("sent_at IS NULL", seconds=30)
        assert await holder(box) == pid
    assert of(ALICE, await arrived(kafka, topic, 1)) == [1]


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
