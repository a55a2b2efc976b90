"""Nothing is committed while a consumer's place in its group is uncertain."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import aiokafka.client
import msgspec
import pytest
from aiokafka import TopicPartition

from chassis.consumer import Consumer
from chassis.kafka import Kafka, KafkaAway, tame
from chassis.membership import Membership

PLACE = TopicPartition("t", 0)
KAFKA = Kafka("127.0.0.1:1")


class Group:
    """aiokafka's consumer: two records of one partition, once; remembers commits."""

    def __init__(self, consumer: Consumer[int]) -> None:
        self.member = "somebody"
        self.commits: list[int] = []
        self._consumer = consumer
        self._given = False

    @property
    def _coordinator(self) -> Any:
        return SimpleNamespace(member_id=self.member)

    async def getmany(self, **_: object) -> dict[TopicPartition, list[Any]]:
        if self._given:
            self._consumer._stopping.set()
            return {}
        self._given = True
        records = [SimpleNamespace(topic="t", partition=0, offset=n, key=b"", value=b"1", timestamp=0) for n in (5, 6)]
        return {PLACE: records}

    def given_up(self) -> None:
        self.commits.append(-1)
        self._consumer._stopping.set()

    async def commit(self, offsets: dict[TopicPartition, int]) -> None:
        self.commits.append(offsets[PLACE])

    def partitions_for_topic(self, topic: str) -> set[int]:
        return {0}

    def assignment(self) -> set[TopicPartition]:
        return {PLACE}

    def highwater(self, place: TopicPartition) -> int:
        return 7


async def consumed(
    meanwhile: Callable[[Membership, Group, int], Any], patience_seconds: float = 5.0
) -> tuple[int, Group]:
    """How many events were handled, and the group; `meanwhile` is called at each."""
    calls = 0

    async def handle(event: int) -> None:
        nonlocal calls
        calls += 1
        result = meanwhile(membership, group, calls)
        if result is not None:
            await result

    consumer: Consumer[int] = Consumer(
        KAFKA, group="g", topics=["t"], decode=msgspec.json.Decoder(int).decode, handle=handle
    )
    group, membership = Group(consumer), Membership(patience_seconds)
    await membership.on_partitions_assigned([PLACE])
    await consumer._consume(KAFKA, group, membership)
    return calls, group


async def test_what_was_handled_is_committed() -> None:
    calls, group = await consumed(lambda *_: None)
    assert (calls, group.commits) == (2, [7])


async def test_partitions_are_given_up_when_the_events_at_hand_are_committed() -> None:
    revoking: list[asyncio.Task[None]] = []

    async def revoke(membership: Membership, group: Group, call: int) -> None:
        if call == 1:
            revoking.append(asyncio.create_task(membership.on_partitions_revoked([PLACE])))
            await asyncio.sleep(0)
            revoking[0].add_done_callback(lambda _: group.given_up())

    calls, group = await consumed(revoke)
    await revoking[0]
    assert (calls, group.commits) == (2, [7, -1])


async def test_nothing_is_committed_for_a_place_that_was_lost() -> None:
    async def lose(membership: Membership, group: Group, call: int) -> None:
        await membership.on_partitions_revoked([PLACE])
        await membership.on_partitions_assigned([PLACE])

    calls, group = await consumed(lose, patience_seconds=0.01)
    assert (calls, group.commits) == (1, [])  # the second comes again, to whoever has the partition now


async def test_who_is_no_member_does_not_commit() -> None:
    def forget(membership: Membership, group: Group, call: int) -> None:
        group.member = ""

    calls, group = await consumed(forget)
    assert (calls, group.commits) == (2, [])


def test_clients_make_no_topics() -> None:
    tame()
    for version in (4, 5):
        asked = aiokafka.client.MetadataRequest(["t"]).prepare({3: (version, version)})
        assert asked.to_object() == {"topics": ["t"], "allow_auto_topic_creation": False}


async def test_a_group_has_the_prefix_of_its_topics_so_that_two_platforms_share_a_cluster(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[str] = []

    def client(**given: Any) -> Any:
        made.append(given["group_id"])
        raise KafkaAway("enough")

    async def handle(event: int) -> None:
        raise AssertionError(event)

    monkeypatch.setattr("chassis.consumer.AIOKafkaConsumer", client)
    kafka = Kafka("127.0.0.1:1", prefix="blue.")
    consumer = Consumer(kafka, group="chat", topics=["t"], decode=msgspec.json.Decoder(int).decode, handle=handle)
    with pytest.raises(KafkaAway):
        await consumer._run(kafka)
    assert (made, consumer._topics) == (["blue.chat"], ["blue.t"])
