"""One contract for classic pub/sub and for sharded pub/sub on a real cluster."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from redis.asyncio import Redis

from chat_service.realtime.broker import Broker, BrokerAway
from chat_service.realtime.topology import slot_of
from tests.support.auth import User
from tests.support.chat import until
from tests.support.cluster import Cluster, running_cluster
from tests.support.links import link_to

Heard = list[tuple[bytes, bytes]]
Start = Callable[..., Any]


class Ear:
    """A broker and what it heard."""

    def __init__(self, url: str, on_cluster: bool) -> None:
        self.heard: Heard = []
        self.ups = self.downs = 0
        self.broker = Broker(
            url,
            lambda channel, payload: self.heard.append((channel, payload)),
            on_cluster=on_cluster,
        )
        self.broker.on_up.append(self._up)
        self.broker.on_down.append(self._down)

    def _up(self) -> None:
        self.ups += 1

    def _down(self) -> None:
        self.downs += 1

    async def hears(self, *bells: tuple[bytes, bytes]) -> None:
        """Wait until exactly these bells were heard, in any order between channels."""
        await until(lambda: len(self.heard) >= len(bells), "the bells")
        assert sorted(self.heard) == sorted(bells)
        self.heard.clear()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A cluster for this module."""
    loop = asyncio.new_event_loop()
    manager = running_cluster()
    try:
        yield loop.run_until_complete(manager.__aenter__())
    finally:
        loop.run_until_complete(manager.__aexit__(None, None, None))
        loop.close()


@pytest.fixture(params=["classic", "sharded"])
def start(request: pytest.FixtureRequest) -> Start:
    """`async with start() as ear`: a connected broker."""
    on_cluster = request.param == "sharded"
    url = request.getfixturevalue("cluster").url if on_cluster else request.getfixturevalue("redis_url")

    @asynccontextmanager
    async def run() -> AsyncIterator[Ear]:
        ear = Ear(url, on_cluster)
        await ear.broker.start()
        await until(lambda: ear.broker.up, "the connection")
        try:
            yield ear
        finally:
            await ear.broker.stop()

    return run


CHANNELS = [b"parley:room:%d" % number for number in range(50)]


def test_the_channels_of_these_tests_lie_on_all_nodes() -> None:
    assert {slot_of(channel) * 3 // 16384 for channel in CHANNELS} == {0, 1, 2}


def test_slots_are_those_of_the_specification() -> None:
    assert slot_of(b"123456789") == 12739  # the example of the cluster specification
    assert slot_of(b"{user1000}.following") == slot_of(b"{user1000}.followers") == slot_of(b"user1000")
    assert slot_of(b"foo{}{bar}") == slot_of(b"foo{}{bar}") != slot_of(b"bar")
    assert slot_of(b"foo{{bar}}zap") == slot_of(b"{bar")


async def test_a_confirmed_subscriber_hears_what_is_published_after(start: Start) -> None:
    async with start() as one, start() as two:
        await one.broker.subscribe(CHANNELS)
        for number, channel in enumerate(CHANNELS):
            two.broker.publish(channel, b"%d\r\n\x00\xff" % number)
        await one.hears(*((channel, b"%d\r\n\x00\xff" % number) for number, channel in enumerate(CHANNELS)))
        assert two.heard == []


async def test_one_publishers_bells_of_a_channel_come_in_order(start: Start) -> None:
    async with start() as one, start() as two:
        await one.broker.subscribe(CHANNELS[:1])
        for number in range(500):
            two.broker.publish(CHANNELS[0], b"%d" % number)
        await until(lambda: len(one.heard) == 500, "all bells")
        assert [int(payload) for _, payload in one.heard] == list(range(500))


async def test_a_channel_is_left_when_nobody_needs_it(start: Start) -> None:
    async with start() as one:
        await one.broker.subscribe(CHANNELS[:2])
        await one.broker.subscribe(CHANNELS[:1])
        one.broker.unsubscribe(CHANNELS[:2])
        one.broker.publish(CHANNELS[1], b"nobody")
        one.broker.publish(CHANNELS[0], b"still")
        await one.hears((CHANNELS[0], b"still"))
        one.broker.unsubscribe(CHANNELS[:1])
        await one.broker.subscribe(CHANNELS[2:3])
        one.broker.publish(CHANNELS[0], b"gone")
        one.broker.publish(CHANNELS[2], b"other")
        await one.hears((CHANNELS[2], b"other"))


async def test_subscribing_again_while_leaving_is_confirmed(start: Start) -> None:
    async with start() as one, start() as two:
        for _ in range(20):
            await one.broker.subscribe(CHANNELS[:3])
            one.broker.unsubscribe(CHANNELS[:3])
        await asyncio.gather(*(one.broker.subscribe(CHANNELS[:3]) for _ in range(10)))
        two.broker.publish(CHANNELS[0], b"x")
        await one.hears((CHANNELS[0], b"x"))


async def test_killed_connections_are_opened_again_and_subscribed(start: Start, request: pytest.FixtureRequest) -> None:
    async with start() as one, start() as two:
        await one.broker.subscribe(CHANNELS)
        ups = one.ups
        if "sharded" in request.node.name:
            cluster = request.getfixturevalue("cluster")
            clients = [cluster.client(index) for index in range(3)]
        else:
            clients = [Redis.from_url(request.getfixturevalue("redis_url"))]
        for client in clients:
            await client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
            await client.aclose()
        await until(lambda: one.ups == ups + 1, "the reconnect")
        assert one.downs == 1
        for channel in CHANNELS:
            two.broker.publish(channel, b"again")
        await one.hears(*((channel, b"again") for channel in CHANNELS))


async def test_a_moved_slot_is_followed(cluster: Cluster) -> None:
    one, two = Ear(cluster.url, True), Ear(cluster.url, True)
    await asyncio.gather(one.broker.start(), two.broker.start())
    try:
        await until(lambda: one.broker.up and two.broker.up, "the connections")
        channel = CHANNELS[0]
        await one.broker.subscribe([channel])
        slot = slot_of(channel)
        await cluster.move_slot(slot, (slot * 3 // 16384 + 1) % 3)

        def heard() -> bool:
            two.broker.publish(channel, b"moved")
            return (channel, b"moved") in one.heard

        await until(heard, "the bell from the slot's new owner")
        await cluster.move_slot(slot, slot * 3 // 16384)
    finally:
        await asyncio.gather(one.broker.stop(), two.broker.stop())


async def test_pods_on_a_cluster_hear_each_other(
    cluster: Cluster, start_pod: Callable[..., Any], people: Callable[[int], list[User]]
) -> None:
    more = {"broker_url": cluster.url, "broker_mode": "sharded"}
    one, two = await start_pod("chat-1", **more), await start_pod("chat-2", **more)
    alice, bob = people(2)
    async with one.connect(alice) as a, two.connect(bob) as b:
        room = await one.direct(alice, bob)
        await b.next("room.created")
        await a.say(room, "over the cluster")
        assert (await b.next("chat.message"))["content"] == "over the cluster"


async def test_while_redis_is_away_nothing_waits_and_everything_comes_back(redis_url: str) -> None:
    link, url = await link_to(redis_url)
    one = Ear(url, False)
    await one.broker.start()
    try:
        await one.broker.subscribe(CHANNELS[:1])
        link.freeze()
        await until(lambda: not one.broker.up, "the silence to be noticed")
        one.broker.publish(CHANNELS[0], b"lost")
        with pytest.raises(BrokerAway):
            await one.broker.subscribe(CHANNELS[1:2])
        link.thaw()
        await until(lambda: one.broker.up, "the reconnect")
        one.heard.clear()
        for channel in CHANNELS[:2]:
            one.broker.publish(channel, b"back")
        await one.hears((CHANNELS[0], b"back"), (CHANNELS[1], b"back"))
    finally:
        await one.broker.stop()
        await link.cut()
