"""An outbox to write to, brokers that may be killed, and what has arrived."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
from aiokafka import AIOKafkaConsumer

from chassis.ids import uuid7
from chassis.kafka import Kafka, ensure_topics
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


class Outbox:
    """The writing side."""

    def __init__(self, url: str, connection: Any) -> None:
        self.url = url
        self.connection = connection

    @classmethod
    @asynccontextmanager
    async def opened(cls, url: str) -> AsyncIterator["Outbox"]:
        """An empty one, in a database that has none."""
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(TABLE)
            yield cls(url, connection)
        finally:
            await connection.close()

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


@asynccontextmanager
async def own_broker(folder: Path) -> AsyncIterator[tuple[Engines, Kafka]]:
    """A broker that may be killed."""
    async with Engines.start(folder, postgres=False, valkey=False, kafka=True, durable=False) as engines:
        yield engines, Kafka(engines.kafka_url.removeprefix("kafka://"), partitions=3, session_seconds=2)


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
    await ensure_topics(kafka, [topic])
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
