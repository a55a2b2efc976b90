"""Being put into rooms and out of them while connected: at once, without a leak, and even if no bell rings."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from chat_service.realtime.bells import MembershipBell
from tests.support.auth import User
from tests.support.chat import Client, Pod, component, until
from tests.support.links import link_to

People = Callable[[int], list[User]]
StartPod = Callable[..., Any]


async def remove(pod: Pod, by: User, room: object, user: User) -> int:
    response = await pod.client.delete(f"/api/chat/rooms/{room}/members/{user.id}/", headers=by.headers)
    return response.status_code


async def invite(pod: Pod, by: User, room: object, user: User) -> Any:
    return await pod.post(f"/api/chat/rooms/{room}/members/", by, {"user": user.username})


async def test_who_is_added_hears_from_then_on_and_has_nothing_unread(pods: tuple[Pod, Pod], people: People) -> None:
    alice, bob, carol = people(3)
    room = await pods[0].group(alice, bob)
    async with pods[0].connect(alice) as a, pods[1].connect(carol) as c:
        await a.say(room, "before")
        assert (await invite(pods[0], bob, room, carol)).status_code == 201
        created = await c.next("room.created")
        assert (created["id"], created["unread_count"], created["last_seq"], created["joined_seq"]) == (
            str(room),
            0,
            1,
            1,
        )
        await a.say(room, "after")
        assert (await c.next("chat.message"))["seq"] == 2
        await c.send("room.join", room=room)
        assert [m["content"] for m in (await c.next("chat.history"))["messages"]] == ["before", "after"]
        assert (await invite(pods[0], bob, room, carol)).status_code == 201  # once more changes nothing
        assert await c.quiet() == []


async def test_who_is_added_has_read_nothing_of_before(pods: tuple[Pod, Pod], people: People) -> None:
    alice, bob, carol = people(3)
    room = await pods[0].group(alice, bob)
    async with pods[0].connect(alice) as a:
        await a.say(room, "before")
        assert (await invite(pods[0], alice, room, carol)).status_code == 201
        assert await ticks(pods[1], alice, room) == [(1, False, False)]
        await a.say(room, "after")
        assert (await pods[1].post(f"/api/chat/{room}/messages/", carol)).json()["read_seq"] == 2
        assert await ticks(pods[1], alice, room) == [(2, True, True), (1, False, False)]


async def ticks(pod: Pod, user: User, room: object) -> list[tuple[int, bool, bool]]:
    """(seq, is_delivered, is_read) of the last messages, newest first."""
    messages = (await pod.get(f"/api/chat/{room}/messages/", user)).json()["results"]
    return [(message["seq"], message["is_delivered"], message["is_read"]) for message in messages]


async def test_who_is_removed_gets_nothing_from_then_on(pods: tuple[Pod, Pod], people: People) -> None:
    alice, bob, carol = people(3)
    room = await pods[0].group(alice, bob, carol)
    async with pods[0].connect(alice) as a, pods[1].connect(bob) as b, pods[1].connect(carol) as c:
        await a.say(room, "all")
        await asyncio.gather(b.messages(1), c.messages(1))
        assert await remove(pods[0], alice, room, carol) == 204
        await a.say(room, "without carol")
        assert (await b.next("chat.message"))["content"] == "without carol"
        assert await c.next("room.removed") == {"room": str(room)}
        await c.send("chat.message", room=room, content="let me in", client_id="x")
        assert (await c.next("error"))["code"] == "not_a_member"
        await c.send("room.join", room=room)
        assert (await c.next("error"))["code"] == "not_a_member"
        assert await c.quiet() == []
    assert (await pods[1].get(f"/api/chat/{room}/messages/", carol)).status_code == 404


async def test_the_fence_holds_without_any_bell_of_the_removal(
    start_pod: StartPod, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = await start_pod("chat-1"), await start_pod("chat-2")
    alice, bob, carol = people(3)
    room = await one.group(alice, bob, carol)
    bells = component(one, "bells")
    monkeypatch.setattr(bells, "changed", lambda *_: None)
    monkeypatch.setattr(bells, "membership", lambda *_, **__: None)
    async with one.connect(alice) as a, two.connect(bob) as b, two.connect(carol) as c:
        await a.say(room, "all")
        await asyncio.gather(b.messages(1), c.messages(1))
        assert await remove(one, alice, room, carol) == 204
        for number in range(20):
            await a.send("chat.message", room=room, content=f"secret {number}")
        secrets = [f"secret {number}" for number in range(20)]
        assert [message["content"] for message in await b.messages(20)] == secrets
        assert [message["content"] for message in await a.messages(21)] == ["all", *secrets]
        assert await c.quiet() == ["room.removed"]


async def test_who_is_removed_while_catching_up_does_not_stay(pods: tuple[Pod, Pod], people: People) -> None:
    alice, bob = people(2)
    room = await pods[0].group(alice, bob)
    async with pods[0].connect(alice) as a:
        for number in range(1000):
            await a.send("chat.message", room=room, content=str(number))
        for _ in range(1000):
            await a.next("chat.ack")
        async with pods[1].connect(bob, f"&resume={room}:0") as b:
            assert await remove(pods[0], alice, room, bob) == 204
            await a.say(room, "secret")
            await b.next("room.removed")
            await until(lambda: not pods[1].sessions()[0].tasks, "the end of catching up")
            await a.say(room, "secret")
            await b.quiet()
            assert "secret" not in [f["data"]["content"] for f in b.frames if f["type"] == "chat.message"]


async def test_a_bell_of_being_added_that_comes_late_brings_nothing_twice(
    pods: tuple[Pod, Pod], people: People
) -> None:
    alice, bob = people(2)
    room = await pods[0].group(alice, bob)
    late = MembershipBell("chat-1", room, added=True)
    changes = component(pods[1], "membership")
    async with pods[0].connect(alice) as a:
        for number in range(500):
            await a.send("chat.message", room=room, content=str(number))
        for _ in range(500):
            await a.next("chat.ack")
        async with pods[1].connect(bob, f"&resume={room}:0") as b, pods[1].connect(bob, "&resume=frame") as c:
            changes.heard(bob.id, late)
            assert [message["seq"] for message in await b.messages(500)] == list(range(1, 501))
            assert await c.quiet() == []
            await c.send("session.resume", rooms={str(room): [490]})
            assert [message["seq"] for message in await c.messages(10)] == list(range(491, 501))
            changes.heard(bob.id, late)
            await a.say(room, "live")
            for client in (b, c):
                assert (await client.next("chat.message"))["seq"] == 501
                assert await client.quiet() == []


async def test_a_bell_of_being_removed_that_comes_late_takes_nothing_away(
    pods: tuple[Pod, Pod], people: People
) -> None:
    alice, bob = people(2)
    room = await pods[0].group(alice, bob)
    async with pods[0].connect(alice) as a, pods[1].connect(bob) as b:
        component(pods[1], "membership").heard(bob.id, MembershipBell("chat-1", room, added=False))
        await until(lambda: not pods[1].sessions()[0].tasks, "the bell to be looked at")
        await a.say(room, "live")
        assert (await b.next("chat.message"))["seq"] == 1
        assert await b.quiet() == []


async def test_who_is_removed_and_added_before_he_says_where_he_was_begins_where_he_joined(
    pods: tuple[Pod, Pod], people: People
) -> None:
    alice, bob = people(2)
    room = await pods[0].group(alice, bob)
    async with pods[0].connect(alice) as a, pods[1].connect(bob, "&resume=frame") as b:
        await a.say(room, "one")
        assert await remove(pods[0], alice, room, bob) == 204
        assert await b.next("room.removed") == {"room": str(room)}
        await a.say(room, "two")
        await invite(pods[0], alice, room, bob)
        assert (await b.next("room.created"))["joined_seq"] == 2
        await a.say(room, "three")
        assert (await b.next("chat.message"))["seq"] == 3
        await b.send("session.resume", rooms={str(room): [0]})
        await a.say(room, "four")
        assert (await b.next("chat.message"))["seq"] == 4
        assert await b.quiet() == []


async def test_who_is_removed_and_added_while_catching_up_begins_where_he_joined(
    pods: tuple[Pod, Pod], people: People
) -> None:
    alice, bob = people(2)
    room = await pods[0].group(alice, bob)
    async with pods[0].connect(alice) as a:
        for number in range(1000):
            await a.send("chat.message", room=room, content=str(number))
        for _ in range(1000):
            await a.next("chat.ack")
        async with pods[1].connect(bob, f"&resume={room}:0") as b:
            assert await remove(pods[0], alice, room, bob) == 204
            await b.next("room.removed")
            await invite(pods[0], alice, room, bob)
            assert (await b.next("room.created"))["joined_seq"] == 1000
            await a.say(room, "live")
            await b.next("chat.message", lambda data: data["seq"] == 1001)
            await b.quiet()
            kinds = [frame["type"] for frame in b.frames if frame["type"].startswith("room.")]
            assert kinds == ["room.removed", "room.created"]
            assert seqs(b) == [*range(1, len(seqs(b))), 1001]


async def test_a_lost_bell_of_being_added_is_made_up_for(start_pod: StartPod, people: People, redis_url: str) -> None:
    link, url = await link_to(redis_url)
    one, two = await start_pod("chat-1"), await start_pod("chat-2", redis_url=url)
    alice, bob, carol = people(3)
    room = await one.group(alice, bob)
    async with one.connect(alice) as a, two.connect(carol) as c:
        await link.cut()
        assert (await invite(one, alice, room, carol)).status_code == 201
        await a.say(room, "missed?")
        await link.open()
        assert (await c.next("room.created"))["id"] == str(room)
        assert (await c.next("chat.message"))["content"] == "missed?"
    await link.cut()


async def test_a_renamed_group_is_shown_to_everybody_from_his_side(pods: tuple[Pod, Pod], people: People) -> None:
    alice, bob = people(2)
    room = await pods[0].group(alice, bob)
    async with pods[0].connect(alice) as a, pods[1].connect(bob) as b:
        await a.say(room, "hello")
        await b.messages(1)
        path = f"/api/chat/rooms/{room}/"
        refused = await pods[1].client.patch(path, headers=bob.headers, json={"name": "mine"})
        assert (refused.status_code, refused.json()["code"]) == (403, "not_the_owner")
        renamed = await pods[0].client.patch(path, headers=alice.headers, json={"name": "ours"})
        assert (renamed.status_code, renamed.json()["name"]) == (200, "ours")
        updates = [await a.next("room.updated"), await b.next("room.updated")]
        assert [(update["name"], update["unread_count"]) for update in updates] == [("ours", 0), ("ours", 1)]
        await a.say(room, "after the change")
        assert (await b.next("chat.message"))["seq"] == 2


async def rename(pod: Pod, by: User, room: object, name: str) -> None:
    renamed = await pod.client.patch(f"/api/chat/rooms/{room}/", headers=by.headers, json={"name": name})
    assert renamed.status_code == 200


async def test_a_group_that_is_renamed_while_somebody_is_being_added_has_its_new_name_for_him(
    pods: tuple[Pod, Pod], people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = people(2)
    room = await pods[0].group(alice)
    arrivals = component(pods[1], "membership")._arrivals
    added = arrivals.added

    async def late(*arguments: Any) -> Any:
        await rename(pods[0], alice, room, "ours")  # nobody on the other pod hears of that
        return await added(*arguments)

    monkeypatch.setattr(arrivals, "added", late)
    async with pods[1].connect(bob) as b:
        assert (await invite(pods[0], alice, room, bob)).status_code == 201
        assert (await b.next("room.created"))["name"] != "ours"
        assert (await b.next("room.updated"))["name"] == "ours"


async def test_a_group_that_is_renamed_before_somebody_says_where_he_was_has_its_new_name_for_him(
    pods: tuple[Pod, Pod], people: People
) -> None:
    alice, bob = people(2)
    room = await pods[0].group(alice, bob)
    async with pods[0].connect(bob, "&resume=frame") as b:
        await rename(pods[0], alice, room, "ours")
        assert (await b.next("room.updated"))["name"] == "ours"
        await b.send("session.resume", rooms={str(room): [0, 0]})
        await pods[0].post("/api/chat/messages/", alice, {"room": str(room), "message": "hello"})
        assert (await b.next("chat.message"))["seq"] == 1


async def test_roles_decide_who_may_remove_whom(pods: tuple[Pod, Pod], people: People) -> None:
    pod = pods[0]
    alice, bob, carol, eve = people(4)
    room = await pod.group(alice, bob, carol)
    assert await remove(pod, bob, room, carol) == 403
    assert await remove(pod, eve, room, carol) == 404
    assert await remove(pod, alice, room, eve) == 404
    assert (await invite(pod, eve, room, eve)).status_code == 404
    assert await remove(pod, alice, room, alice) == 204  # the last owner leaves: the oldest member inherits
    assert await remove(pod, carol, room, bob) == 403
    assert await remove(pod, bob, room, carol) == 204
    assert await remove(pod, bob, room, bob) == 204
    assert (await pod.get(f"/api/chat/users/{room}/", bob)).status_code == 404


async def test_a_direct_room_keeps_its_two(pods: tuple[Pod, Pod], people: People) -> None:
    pod = pods[0]
    alice, bob, carol = people(3)
    room = await pod.direct(alice, bob)
    assert await remove(pod, alice, room, alice) == 403
    assert (await invite(pod, alice, room, carol)).status_code == 403
    assert (
        await pod.client.patch(f"/api/chat/rooms/{room}/", headers=alice.headers, json={"name": "x"})
    ).status_code == 403


async def test_additions_and_removals_under_traffic_leak_nothing(pods: tuple[Pod, Pod], people: People) -> None:
    alice, bob, carol = people(3)
    room = await pods[0].group(alice, bob)
    allowed: list[tuple[int, int]] = []
    async with pods[0].connect(alice) as a, pods[1].connect(bob) as b, pods[1].connect(carol) as c:

        async def talk(count: int) -> list[int]:
            return [(await a.say(room, "x"))["seq"] for _ in range(count)]

        for _ in range(10):
            await invite(pods[0], alice, room, carol)
            first = (await talk(5))[0]
            assert await remove(pods[0], alice, room, carol) == 204
            allowed.append((first, (await room_of(pods[0], alice, room))["last_seq"]))
            await talk(5)
        heard_by_bob = await b.messages(100)
        await c.quiet()
    assert [message["seq"] for message in heard_by_bob] == list(range(1, 101))
    heard = seqs(c)
    assert all(any(first <= seq <= last for first, last in allowed) for seq in heard), "carol heard what she must not"
    assert heard == sorted(set(heard))


async def room_of(pod: Pod, user: User, room: object) -> Any:
    return (await pod.get(f"/api/chat/users/{room}/", user)).json()


def seqs(client: Client) -> list[int]:
    """Of all messages that the client ever got."""
    return [frame["data"]["seq"] for frame in client.frames if frame["type"] == "chat.message"]
