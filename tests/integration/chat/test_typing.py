"""Typing: passed on, never stored, and over by itself, whatever becomes of the one who types."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.auth import User
from tests.support.chat import Client, Pod, component

People = Callable[[int], list[User]]
StartPod = Callable[..., Any]

SILENCE = 1.0


@pytest.fixture
async def pods(start_pod: StartPod) -> tuple[Pod, Pod]:
    """Two pods on which whoever is silent for a moment has stopped."""
    return await start_pod("chat-1", typing_seconds=SILENCE), await start_pod("chat-2", typing_seconds=SILENCE)


def typing_frames(client: Client) -> list[str]:
    """What the client was ever told of typing: `start` and `stop`."""
    prefix = "friend.typing."
    return [frame["type"].removeprefix(prefix) for frame in client.frames if frame["type"].startswith(prefix)]


async def test_the_others_are_told_on_all_pods_and_one_self_is_not(pods: tuple[Pod, Pod], people: People) -> None:
    alice, bob, carol = people(3)
    room = await pods[0].group(alice, bob, carol)
    async with pods[0].connect(alice) as a, pods[1].connect(alice) as a2:
        async with pods[0].connect(bob) as b, pods[1].connect(carol) as c:
            await a.send("friend.typing.start", room=room)
            for client in (b, c):
                assert await client.next("friend.typing.start") == {"room": str(room), "user": str(alice.id)}
            await a.send("friend.typing.stop", room=room)
            for client in (b, c):
                assert await client.next("friend.typing.stop") == {"room": str(room), "user": str(alice.id)}
            await a.send("friend.typing.start", room=room)
            await c.next("friend.typing.start")
        await a.quiet()
        await a2.quiet()
        assert typing_frames(a) == typing_frames(a2) == []


async def test_who_falls_silent_has_stopped(pods: tuple[Pod, Pod], people: People) -> None:
    alice, bob, carol = people(3)
    room = await pods[0].group(alice, bob, carol)
    async with pods[0].connect(alice) as a, pods[0].connect(bob) as b, pods[1].connect(carol) as c:
        loop = asyncio.get_running_loop()
        await a.send("friend.typing.start", room=room)
        began = loop.time()
        for client in (b, c):
            await client.next("friend.typing.stop")
            assert loop.time() - began >= SILENCE
            assert typing_frames(client) == ["start", "stop"]


async def test_who_goes_on_typing_is_typing(start_pod: StartPod, people: People) -> None:
    pod = await start_pod("chat-1", typing_seconds=1.5)
    alice, bob = people(2)
    room = await pod.direct(alice, bob)
    async with pod.connect(alice) as a, pod.connect(bob) as b:
        loop = asyncio.get_running_loop()
        await a.send("friend.typing.start", room=room)
        await b.next("friend.typing.start")
        last = loop.time()
        for _ in range(2):  # as often as one presses a key; it is passed on once a second
            while typing_frames(b).count("start") < 2:
                await a.send("friend.typing.start", room=room)
                last = loop.time()
                await b.quiet()
        await b.next("friend.typing.stop")
        assert loop.time() - last >= 1.4
        assert typing_frames(b) == ["start", "start", "stop"]


async def test_who_disconnects_has_stopped(pods: tuple[Pod, Pod], people: People) -> None:
    alice, bob = people(2)
    room = await pods[0].direct(alice, bob)
    async with pods[1].connect(bob) as b:
        loop = asyncio.get_running_loop()
        async with pods[0].connect(alice) as a:
            await a.send("friend.typing.start", room=room)
            await b.next("friend.typing.start")
            began = loop.time()
        await b.next("friend.typing.stop")
        assert loop.time() - began < SILENCE, "at once, not after the silence"


async def test_it_ends_though_the_pod_of_who_types_says_nothing_more(
    pods: tuple[Pod, Pod], people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = people(2)
    room = await pods[0].direct(alice, bob)
    async with pods[0].connect(alice) as a, pods[1].connect(bob) as b:
        await a.send("friend.typing.start", room=room)
        await b.next("friend.typing.start")
        broker = component(pods[0], "broker")
        monkeypatch.setattr(broker, "publish", lambda channel, payload: None)
        await a.send("friend.typing.stop", room=room)
        await b.next("friend.typing.stop")


async def test_a_stranger_types_to_nobody(pods: tuple[Pod, Pod], people: People) -> None:
    alice, bob, eve = people(3)
    room = await pods[0].direct(alice, bob)
    async with pods[0].connect(bob) as b, pods[0].connect(eve) as e:
        await e.send("friend.typing.start", room=room)
        assert (await e.next("error"))["code"] == "not_a_member"
        await b.quiet()
        assert typing_frames(b) == []
