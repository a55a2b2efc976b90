"""What others hear of: every message and member, recorded in its transaction, in Kafka in the order of its room."""

import json
from collections.abc import Callable
from typing import Any

import asyncpg
import msgspec
from aiokafka import AIOKafkaConsumer

from chassis.kafka import Kafka, ensure_topics
from contracts.events import CHAT_TOPIC, MESSAGE_READ, Event
from tests.support.auth import User

People = Callable[[int], list[User]]
StartPod = Callable[..., Any]


async def test_messages_and_members_reach_kafka_in_order(start_pod: StartPod, people: People, kafka_url: str) -> None:
    one, two = await start_pod("chat-1", kafka_url=kafka_url), await start_pod("chat-2", kafka_url=kafka_url)
    alice, bob = people(2)
    room = await one.direct(alice, bob)
    async with one.connect(alice) as a, two.connect(bob) as b:
        for number in range(10):
            await (a if number % 2 else b).say(room, str(number), str(number))
            await a.say(room, "again", "again")
    await ensure_topics(Kafka(kafka_url.removeprefix("kafka://")), [CHAT_TOPIC])
    consumer = AIOKafkaConsumer(
        CHAT_TOPIC, bootstrap_servers=kafka_url.removeprefix("kafka://"), auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        events: list[dict[str, Any]] = []
        async for record in consumer:
            event = json.loads(record.value)
            if record.key == str(room).encode():
                events.append(event)
            if sum(event["type"] == "message.created" for event in events) == 11:
                break
    finally:
        await consumer.stop()
    assert [event["type"] for event in events] == ["member.added"] * 2 + ["message.created"] * 11
    assert {event["data"]["user"] for event in events[:2]} == {str(alice.id), str(bob.id)}
    assert [event["data"]["seq"] for event in events[2:]] == list(range(1, 12))
    assert len({event["id"] for event in events}) == 13
    assert {event["version"] for event in events} == {1}
    assert all(event["occurred_at"].endswith("Z") for event in events)


async def test_a_marker_that_moves_is_recorded_and_one_that_does_not_is_not(
    start_pod: StartPod, people: People, database_url: str
) -> None:
    pod = await start_pod("chat-1")
    alice, bob = people(2)
    room = await pod.direct(alice, bob)
    async with pod.connect(alice) as a, pod.connect(bob) as b:
        for number in range(3):
            await a.say(room, str(number))
        await b.messages(3)
        await b.send("chat.read", room=str(room), seq=2)
        assert (await a.next("chat.read"))["seq"] == 2
        for seq in (1, 2, 99):
            await b.send("chat.read", room=str(room), seq=seq)
        assert (await a.next("chat.read"))["seq"] == 3
    assert (await pod.post(f"/api/chat/{room}/messages/", bob)).json() == {"room": str(room), "read_seq": 3}
    connection = await asyncpg.connect(database_url)
    try:
        rows = await connection.fetch(
            "SELECT payload FROM outbox WHERE key = $1 AND type = 'message.read' ORDER BY id", room
        )
    finally:
        await connection.close()
    events = [msgspec.json.decode(row["payload"], type=Event) for row in rows]
    assert [event.data for event in events] == [
        {"room": str(room), "user": str(bob.id), "seq": 2},
        {"room": str(room), "user": str(bob.id), "seq": 3},
    ]
    assert len({event.id for event in events}) == 2
    assert {event.type for event in events} == {MESSAGE_READ}
