"""The record: what arrives in Kafka, heard by a consumer of the platform's kind; and what is put there in its way."""

import asyncio
import contextlib
import random
from collections import deque
from types import TracebackType
from typing import Self
from uuid import UUID

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from chassis.consumer import Consumer, DeadLetter
from chassis.kafka import Kafka
from contracts.events import CHAT_TOPIC, MESSAGE_CREATED, USER_REGISTERED, USER_TOPIC, Event
from tests.faults.events import Recorded
from tests.faults.world import World

REMEMBERED = 200  # events of each topic, some of which are sent again
AGAIN = 10
SEND_SECONDS = 5.0
UNREADABLE = (b"", b"\xff is not JSON", b"[]", b'{"id": 1, "type": null}')
ODD = ("comet.seen", USER_REGISTERED, MESSAGE_CREATED)  # types of events whose data nobody can use


class Created(msgspec.Struct, frozen=True):
    """The data of `message.created` that are looked at."""

    id: UUID
    room: UUID
    seq: int
    content: str


class Record:
    """Writes down what arrives, while it is entered.

    Arguments:
        world: where.
        url: of the broker, kafka://host:port.
        chance: what is sent again, and with which ids.
    """

    def __init__(self, world: World, url: str, chance: random.Random) -> None:
        self._world = world
        self._chance = chance
        self._servers = url.removeprefix("kafka://").rstrip("/")
        self._heard = {topic: deque[Event](maxlen=REMEMBERED) for topic in (USER_TOPIC, CHAT_TOPIC)}
        self._consumer = Consumer(
            Kafka(self._servers),
            group="faults",
            topics=[USER_TOPIC, CHAT_TOPIC],
            decode=msgspec.json.Decoder(Event).decode,
            handle=self._take,
            dead_letter=self._keep,
        )

    async def __aenter__(self) -> Self:
        await self._consumer.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._consumer.stop()

    async def _take(self, event: Event) -> None:
        of_a_room = "room" in event.data
        self._heard[CHAT_TOPIC if of_a_room else USER_TOPIC].append(event)
        if event.type == MESSAGE_CREATED:
            made = msgspec.convert(event.data, Created)
            room = self._world.room_names.get(str(made.room), str(made.room))
            self._world.recorded(room, made.seq)
            key = self._world.key(str(made.id), made.content)  # what was deleted is recorded without its words
            self._world.add(Recorded(self._world.now(), event.type, str(event.id), room, made.seq, str(made.id), key))
        else:
            self._world.add(Recorded(self._world.now(), event.type, str(event.id)))

    async def _keep(self, letter: DeadLetter) -> None:
        self._world.add(Recorded(self._world.now(), f"{letter.reason} record"))

    async def disturb(self) -> None:
        """Put into the topics what is no event, what nobody can use, and some of what was there before."""
        producer = AIOKafkaProducer(bootstrap_servers=self._servers, request_timeout_ms=3000)
        with contextlib.suppress(KafkaError, OSError, TimeoutError):
            async with asyncio.timeout(SEND_SECONDS):
                await producer.start()
                for topic in (USER_TOPIC, CHAT_TOPIC):
                    for key, value in self._disturbances(topic):
                        await producer.send_and_wait(topic, value, key)
        with contextlib.suppress(KafkaError, OSError, TimeoutError):
            async with asyncio.timeout(SEND_SECONDS):
                await producer.stop()

    def _disturbances(self, topic: str) -> list[tuple[bytes, bytes]]:
        odd = [Event(self._uuid(), kind, 99, "2026-01-01T00:00:00Z", {"of": "no use"}) for kind in ODD]
        heard = list(self._heard[topic])
        again = self._chance.sample(heard, min(AGAIN, len(heard)))
        values = [*UNREADABLE, *(msgspec.json.encode(event) for event in (*odd, *again))]
        return [(str(self._uuid()).encode(), value) for value in values]

    def _uuid(self) -> UUID:
        return UUID(int=self._chance.getrandbits(128), version=4)
