"""Workers are killed while they send: every push arrives, and twice only if its answer was lost."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest
from aiokafka import AIOKafkaProducer

from chassis.ids import uuid7
from chassis.kafka import Kafka, ensure_topics
from contracts.events import CHAT_TOPIC, USER_TOPIC, Event
from tests.support.notifications import Fcm, Others, Person, Place, start_process, until

AT_ONCE = 20  # pushes of a worker


async def put(kafka: Kafka, topic: str, events: Sequence[tuple[UUID, Event]]) -> None:
    """Events as their relay sends them, some twice, and now and then something that is none."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka.servers)
    await producer.start()
    try:
        for number, (key, event) in enumerate(events):
            value = msgspec.json.encode(event)
            for _ in range(2 if number % 10 == 0 else 1):
                await producer.send(kafka.named(topic), value, key=str(key).encode())
            if number % 100 == 7:
                await producer.send(kafka.named(topic), b"poison", key=str(key).encode())
        await producer.flush()
    finally:
        await producer.stop()


@pytest.mark.parametrize(
    ("messages", "kills"),
    [pytest.param(100, 1, id="100"), pytest.param(10_000, 5, id="10000", marks=pytest.mark.slow)],
)
@pytest.mark.timeout(900)
async def test_every_push_arrives_while_workers_are_killed(
    settings: dict[str, Any], kafka_url: str, others: Others, fcm: Fcm, messages: int, kills: int, request: Any
) -> None:
    if messages > 1000 and "killed" not in request.config.getoption("keyword"):
        pytest.skip("takes minutes, on a machine that does nothing else: pytest -k 'killed and 10000'")
    kafka = Kafka(kafka_url.removeprefix("kafka://"), partitions=3, prefix=f"killed.{uuid7().hex}.")
    await ensure_topics(kafka, [kafka.named(USER_TOPIC), kafka.named(CHAT_TOPIC)])
    writer, people = Person("Writer"), [Person(f"P{number}") for number in range(20 if messages < 1000 else 40)]
    places = {place.id: place for place in (Place(writer, person) for person in people)}
    for place in places.values():
        others.know(place)
    fcm.told(delay_seconds=0.02, failures=[{"how": "lose"}, {"status": 503, "times": 3}, {"how": "lose"}])
    given = {
        **settings,
        "kafka_url": kafka_url,
        "kafka_topic_prefix": kafka.prefix,
        "kafka_session_seconds": 2.0,
        "claim_seconds": 3.0 if messages < 1000 else 10.0,  # a busy process must not seem dead
        "sends_at_once": AT_ONCE,
        "away_seconds": 5.0,
    }
    workers = [await start_process(given) for _ in range(2)]
    killed_at: list[float] = []
    try:
        # Devices first: the topics say nothing of each other, and a message to somebody without any is told to nobody.
        await put(kafka, USER_TOPIC, [(person.id, person.device_registered()) for person in people])
        await known(settings["database_url"], len(people))
        told: list[tuple[UUID, Event]] = [(place.id, event) for place in places.values() for event in place.made()]
        for number in range(messages):
            place = list(places.values())[number % len(places)]
            told.append((place.id, place.says(writer, str(number))))
        wanted = {(event.data["id"], places[key].members[1].token) for key, event in told if "seq" in event.data}
        began = time.time()
        await put(kafka, CHAT_TOPIC, told)
        for kill in range(kills):
            await delivered(fcm, len(wanted) * (kill + 1) // (kills + 2))
            victim = workers.pop(random.randrange(len(workers)))
            victim.kill()
            killed_at.append(time.time())
            await victim.wait()
            workers.append(await start_process(given))
        await delivered(fcm, len(wanted))
        ended = time.time()
    finally:
        for worker in workers:
            worker.terminate()
        await asyncio.gather(*(worker.wait() for worker in workers))
    times = Counter(pairs_of(fcm))
    assert set(times) == wanted
    repeated = {pair for pair, count in times.items() if count > 1}
    assert [pair for pair in repeated if not answer_was_lost(fcm, pair, killed_at)] == []
    assert len(repeated) <= fcm.counts["lost_answers"] + kills * AT_ONCE
    shown: dict[str, list[int]] = {}
    for seq, token in dict.fromkeys((delivery.message.data["seq"], delivery.token) for delivery in fcm.deliveries):
        shown.setdefault(token, []).append(int(seq))
    assert {token: seqs for token, seqs in shown.items() if seqs != sorted(seqs)} == {}
    rate = len(wanted) / (ended - began)
    print(f"{len(wanted)} pushes, {kills} kills, {len(repeated)} repeated, {rate:.0f}/s")  # noqa: T201


async def known(database_url: str, count: int) -> None:
    """Wait until so many devices are."""
    connection = await asyncpg.connect(database_url)
    try:
        await until(lambda: _count_devices(connection, count), f"{count} devices", 60)
    finally:
        await connection.close()


async def _count_devices(connection: Any, count: int) -> bool:
    return bool(await connection.fetchval("SELECT count(*) = $1 FROM devices", count))


async def delivered(fcm: Fcm, count: int) -> None:
    """Wait until so many different ones have been."""
    await until(lambda: len(pairs(fcm)) >= count, f"{count} pushes", 300)


def pairs_of(fcm: Fcm) -> list[tuple[str, str]]:
    """(message, device) of each delivery."""
    return [(delivery.message.data["message"], delivery.token) for delivery in fcm.deliveries]


def pairs(fcm: Fcm) -> set[tuple[str, str]]:
    """Those that there are."""
    return set(pairs_of(fcm))


def answer_was_lost(fcm: Fcm, pair: tuple[str, str], killed_at: list[float]) -> bool:
    """Whether the answer to the first delivery was lost, or its worker was killed before he could store it."""
    found = [delivery for delivery in fcm.deliveries if (delivery.message.data["message"], delivery.token) == pair]
    first = found[0]
    return not first.answered or any(-0.5 < moment - first.received_at < 3 for moment in killed_at)
