"""Who is shown online, to whom and when: over devices and pods, with Redis and without."""

import time
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Any

import pytest
from redis.asyncio import Redis

from chassis.background import end
from contracts import keys
from tests.support.auth import User
from tests.support.chat import Client, Pod, component, until
from tests.support.links import Link, link_to

People = Callable[[int], list[User]]
StartPod = Callable[..., Any]

GRACE, LEASE = 0.4, 1.2
FAST = {"presence_grace_seconds": GRACE, "presence_lease_seconds": LEASE}


@pytest.fixture
async def pods(start_pod: StartPod) -> tuple[Pod, Pod]:
    """Two pods with short leases."""
    return await start_pod("chat-1", **FAST), await start_pod("chat-2", **FAST)


@pytest.fixture
async def redis_link(redis_url: str) -> AsyncIterator[tuple[Link, str]]:
    """A proxy in front of Redis."""
    link, url = await link_to(redis_url)
    yield link, url
    await link.cut()


def presence_frames(client: Client) -> list[tuple[str, str]]:
    """(type, username) of what the client was ever told about partners."""
    frames = [frame for frame in client.frames if frame["type"] in ("friend.online", "friend.offline")]
    return [(frame["type"].removeprefix("friend."), frame["data"]["friend"]["username"]) for frame in frames]


async def shown_online(pod: Pod, user: User) -> list[str]:
    """The names of the user's friends whom the filtered list of rooms shows."""
    response = await pod.get("/api/chat/users/?filter=online", user)
    assert response.status_code == 200
    results = response.json()["results"]
    assert all(room["friend"]["is_online"] for room in results)
    return [room["friend"]["username"] for room in results]


async def grace_passes(pod: Pod, watcher: User, heard: Client, other: User) -> None:
    """Somebody comes and goes: when he is offline, so is everybody who went before him."""
    await pod.direct(watcher, other)
    async with pod.connect(other):
        await heard.next("friend.online", lambda room: room["friend"]["id"] == str(other.id))
    await heard.next("friend.offline", lambda room: room["friend"]["id"] == str(other.id))


async def vanish(pod: Pod) -> None:
    """The pod dies as if it had been killed, as far as Redis can tell: it reports nothing any more."""
    presence = component(pod, "presence")
    for task in presence._tasks:
        await end(task)
    presence.left = lambda connection: None


async def test_partners_are_told_when_the_first_socket_comes_and_a_grace_after_the_last_went(
    pods: tuple[Pod, Pod], people: People
) -> None:
    alice, bob, carol = people(3)
    room = await pods[0].direct(alice, bob)
    await pods[0].group(alice, carol)
    async with pods[0].connect(alice) as a, pods[1].connect(alice) as a2, pods[0].connect(carol) as c:
        async with pods[1].connect(bob) as b:
            for client in (a, a2):
                came = await client.next("friend.online")
                assert (came["id"], came["friend"]["id"]) == (str(room), str(bob.id))
                assert came["friend"]["is_online"] is True
            there = await b.next("friend.online")
            assert (there["id"], there["friend"]["username"]) == (str(room), alice.username)
            assert await shown_online(pods[0], alice) == [bob.username]
            async with pods[0].connect(bob) as b2:
                await b2.next("friend.online")
            left = time.monotonic()
        gone = await a.next("friend.offline")
        assert time.monotonic() - left >= GRACE
        assert (gone["id"], gone["friend"]["is_online"]) == (str(room), False)
        assert abs(datetime.fromisoformat(gone["friend"]["last_seen"]).timestamp() - time.time()) < 10
        await a2.next("friend.offline")
        assert await shown_online(pods[1], alice) == []
        assert presence_frames(a) == [("online", bob.username), ("offline", bob.username)]
        assert presence_frames(c) == []


async def test_who_comes_back_within_the_grace_was_never_away(pods: tuple[Pod, Pod], people: People) -> None:
    alice, bob, carol = people(3)
    await pods[0].direct(alice, bob)
    async with pods[0].connect(alice) as a:
        for pod in (*pods, *pods):
            async with pod.connect(bob) as b:
                await b.next("friend.online")
        async with pods[0].connect(bob):
            await grace_passes(pods[1], alice, a, carol)
            assert presence_frames(a)[:1] == [("online", bob.username)]
            assert [name for _, name in presence_frames(a)[1:]] == [carol.username] * 2
        await a.next("friend.offline")


async def test_a_rolling_restart_shows_nobody_offline(start_pod: StartPod, people: People) -> None:
    one, two = await start_pod("chat-1", **FAST), await start_pod("chat-2", **FAST)
    alice, bob, carol = people(3)
    await one.direct(alice, bob)
    async with one.connect(alice) as a:
        async with two.connect(bob) as b:
            await a.next("friend.online")
            await component(two, "keeper").drain(0.1)
            assert await b.closed() == 1012
        async with one.connect(bob):
            await two.service.lifecycle.stop()
            await grace_passes(one, alice, a, carol)
            assert ("offline", bob.username) not in presence_frames(a)
            assert presence_frames(a).count(("online", bob.username)) == 1
            assert await shown_online(one, alice) == [bob.username]


async def test_the_users_of_a_pod_that_died_go_offline_by_themselves(start_pod: StartPod, people: People) -> None:
    one, two = await start_pod("chat-1", **FAST), await start_pod("chat-2", **FAST)
    alice, bob, carol = people(3)
    await one.direct(alice, bob)
    await one.direct(alice, carol)
    async with one.connect(alice) as a, two.connect(bob), two.connect(carol):
        await a.next("friend.online")
        await a.next("friend.online")
        await vanish(two)
        async with one.connect(carol):  # she comes back
            gone = await a.next("friend.offline")
            assert gone["friend"]["username"] == bob.username
            assert await shown_online(one, alice) == [carol.username]


async def test_the_users_of_a_pod_that_died_are_not_forgotten_when_redis_is_emptied(
    start_pod: StartPod, people: People, redis_url: str
) -> None:
    one, two = await start_pod("chat-1", **FAST), await start_pod("chat-2", **FAST)
    alice, bob, carol = people(3)
    await one.direct(alice, bob)
    await one.direct(alice, carol)
    async with two.connect(bob), one.connect(carol), one.connect(alice) as a:
        for _ in range(2):
            await a.next("friend.online")  # as they were there already
        await vanish(two)
        async with Redis.from_url(redis_url) as redis:
            await redis.flushall()
        assert (await a.next("friend.offline"))["friend"]["username"] == bob.username
        assert await shown_online(one, alice) == [carol.username]
        assert ("offline", carol.username) not in presence_frames(a)


async def test_what_a_pod_did_not_live_to_tell_another_one_tells(
    start_pod: StartPod, people: People, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chat_service.realtime.leases.RETRY_SECONDS", 0.5)
    one, two = await start_pod("chat-1", **FAST), await start_pod("chat-2", **FAST)
    alice, bob = people(2)
    await one.direct(alice, bob)
    monkeypatch.setattr(component(two, "presence")._partners, "tell", lambda news: None)  # it dies just then
    async with one.connect(alice) as a:
        async with two.connect(bob):
            await a.next("friend.online")
        await a.next("friend.offline")
    async with Redis.from_url(redis_url) as redis:
        await until(lambda: _is_told(redis), "the end of the news")


async def _is_told(redis: Any) -> bool:
    return bool(await redis.zcard(keys.PRESENCE_NEWS) == 0)


@pytest.mark.parametrize("how", ["cut", "flushed"])
async def test_nobody_is_shown_offline_because_redis_was_away(
    start_pod: StartPod,
    people: People,
    redis_url: str,
    redis_link: tuple[Link, str],
    how: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("chat_service.realtime.leases.STALE_SECONDS", 2 * GRACE)
    link, url = redis_link
    one, two = await start_pod("chat-1", redis_url=url, **FAST), await start_pod("chat-2", redis_url=url, **FAST)
    alice, bob, carol = people(3)
    await one.direct(alice, bob)
    async with one.connect(alice) as a, two.connect(bob):
        await a.next("friend.online")
        assert await shown_online(one, alice) == [bob.username]
        async with Redis.from_url(redis_url) as redis:
            await link.cut()
            if how == "flushed":
                await redis.flushall()
            else:
                await until(lambda: _all_are_overdue(redis), "the leases to run out")
            assert await shown_online(one, alice) == [bob.username]  # as it was last
            await link.open()
            if how == "flushed":
                await until(lambda: _is_shown(redis, bob), "the lease to be written again")
        for pod in (one, two):  # news reach who hears; who does not yet is told how things are when he does
            await until(lambda pod=pod: component(pod, "broker").up, "the pod to hear")  # type: ignore[misc]
        await grace_passes(one, alice, a, carol)
        assert await shown_online(one, alice) == [bob.username]
        assert ("offline", bob.username) not in presence_frames(a)


async def _all_are_overdue(redis: Any) -> bool:
    seconds, microseconds = await redis.time()
    return bool(await redis.zcount(keys.PRESENCE_SHOWN, seconds * 1_000_000 + microseconds, "+inf") == 0)


async def _is_shown(redis: Any, user: User) -> bool:
    return await redis.zscore(keys.PRESENCE_SHOWN, str(user.id)) is not None


async def test_who_leaves_while_redis_is_away_is_offline_when_it_is_back(
    start_pod: StartPod, people: People, redis_url: str, redis_link: tuple[Link, str]
) -> None:
    link, url = redis_link
    one, two = await start_pod("chat-1", redis_url=url, **FAST), await start_pod("chat-2", redis_url=url, **FAST)
    alice, bob, carol = people(3)
    await one.direct(alice, bob)
    await one.direct(alice, carol)
    async with one.connect(alice) as a:
        async with two.connect(bob):
            await a.next("friend.online")
            await link.cut()
            async with Redis.from_url(redis_url) as redis:
                await redis.flushall()
        async with two.connect(carol) as c:
            await link.open()
            assert (await a.next("friend.online"))["friend"]["username"] == carol.username
            assert (await c.next("friend.online"))["friend"]["username"] == alice.username
            assert (await a.next("friend.offline"))["friend"]["username"] == bob.username
