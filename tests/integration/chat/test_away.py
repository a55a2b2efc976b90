"""What was said while somebody was away arrives when he is back, and his counts say how much he has not read."""

from collections.abc import Callable
from typing import Any

from tests.support.auth import User
from tests.support.chat import Client, Pod, until

People = Callable[[int], list[User]]


async def unread(pod: Pod, user: User) -> dict[str, int]:
    """The unread messages of each of his rooms."""
    rooms = (await pod.get("/api/chat/users/", user)).json()["results"]
    assert all(room["unread_count"] == room["last_seq"] - room["read_seq"] for room in rooms)
    return {room["id"]: room["unread_count"] for room in rooms}


async def say(pod: Pod, user: User, room: str, text: str) -> int:
    """Say something over HTTP; its seq."""
    response = await pod.post("/api/chat/messages/", user, {"room": room, "message": text})
    assert response.status_code == 201
    seq: int = response.json()["seq"]
    return seq


async def heard(client: Client, count: int) -> list[tuple[str, int, str]]:
    """So many messages: room, seq, text; ordered by room."""
    return sorted((m["room"], m["seq"], m["content"]) for m in await client.messages(count))


async def test_what_was_said_while_somebody_was_away_arrives_and_counts_as_unread(
    pods: tuple[Pod, Pod], people: People
) -> None:
    alice, bob, carol = people(3)
    direct, group = str(await pods[0].direct(alice, bob)), str(await pods[0].group(alice, bob, carol))
    async with pods[1].connect(bob) as b:
        epoch = b.ready["epoch"]
        for room in (direct, group):
            await say(pods[0], alice, room, "before")
        assert len(await heard(b, 2)) == 2
        for room in (direct, group):
            await b.send("chat.read", room=room)
        await until(lambda: all_read(pods[0], bob), "both rooms read")

    await say(pods[0], alice, direct, "one")
    await say(pods[1], alice, direct, "two")
    async with pods[0].connect(carol) as c:
        await c.say(group, "three")  # type: ignore[arg-type]
    new = str(await pods[0].group(carol, bob))  # a room of which he does not know yet
    await say(pods[0], carol, new, "four")
    missed = {direct: 2, group: 1, new: 1}
    assert await unread(pods[1], bob) == missed

    async with pods[0].connect(bob, f"&resume={direct}:1:0,{group}:1:0&epoch={epoch}") as b:
        assert {room["id"]: room["last_seq"] - room["read_seq"] for room in b.ready["rooms"]} == missed
        assert await heard(b, 3) == sorted([(direct, 2, "one"), (direct, 3, "two"), (group, 2, "three")])
        await b.send("room.join", room=new)
        history = await b.next("chat.history")
        assert [(m["seq"], m["content"]) for m in history["messages"]] == [(1, "four")]
        assert await unread(pods[0], bob) == missed  # to receive is not to read
        async with pods[1].connect(bob, f"&room={direct}") as another:  # a device that knows nothing
            shown = await another.next("chat.history")
            assert [m["content"] for m in shown["messages"]] == ["before", "one", "two"]
        await b.send("chat.read", room=direct, seq=2)
        await until(lambda: counts(pods[1], bob, {**missed, direct: 1}), "one of two read")
        assert await say(pods[1], alice, direct, "live") == 4
        assert await heard(b, 1) == [(direct, 4, "live")]
        assert await unread(pods[0], bob) == {**missed, direct: 2}


async def all_read(pod: Pod, user: User) -> bool:
    """Whether nothing is unread."""
    return not any((await unread(pod, user)).values())


async def counts(pod: Pod, user: User, expected: dict[str, Any]) -> bool:
    """Whether so much is unread."""
    return await unread(pod, user) == expected
