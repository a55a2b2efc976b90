"""What others hear of: every message and member, recorded in its transaction, in Kafka in the order of its room."""

import json
from collections.abc import Callable
from typing import Any

from aiokafka import AIOKafkaConsumer

from contracts.events import CHAT_TOPIC
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
