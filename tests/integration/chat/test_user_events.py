"""What `user.events` say of people reaches rooms, messages and open sockets."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from chassis.ids import uuid7
from chassis.times import rfc3339, utc_now
from chat_service.store.users import DELETED
from contracts.events import USER_DELETED, USER_REGISTERED, USER_UPDATED, Event
from tests.support.auth import FakeAuth, User
from tests.support.chat import Client, Pod, component, until

MakePeople = Callable[..., list[User]]
Pods = tuple[Pod, Pod]


def event(kind: str, user: User, **data: Any) -> Event:
    return Event(
        uuid7(), kind, 1, rfc3339(utc_now()) or "", {"user_id": str(user.id), "username": user.username, **data}
    )


def updated(user: User, name: str, avatar: str | None = None, ago: float = 0) -> Event:
    moment = rfc3339(utc_now() - timedelta(seconds=ago))
    return event(USER_UPDATED, user, display_name=name, avatar_url=avatar, updated_at=moment)


@pytest.fixture
def apply(pods: Pods) -> Callable[[Event], Any]:
    """Has the first pod apply an event, as its consumer would."""
    handle: Callable[[Event], Any] = component(pods[0], "user events")._handle
    return handle


async def message(client: Client, seq: int) -> dict[str, Any]:
    return await client.next("chat.message", lambda data: bool(data["seq"] == seq))


async def friend(pod: Pod, user: User, room: UUID) -> dict[str, Any]:
    return dict((await pod.get(f"/api/chat/users/{room}/", user)).json()["friend"])


async def test_a_new_name_and_picture_are_seen_at_once_on_every_pod(
    pods: Pods, people: MakePeople, apply: Callable[[Event], Any]
) -> None:
    one, two = pods
    alice, bob = people(2)
    room = await one.direct(alice, bob)
    async with two.connect(alice) as talking, two.connect(bob) as listening:
        await talking.say(room, "before")
        assert (await message(listening, 1))["user"]["full_name"] == alice.username
        await apply(updated(alice, "Alice the Great", "https://example.org/a.png"))
        changed = await listening.next("room.updated")
        assert changed["friend"]["full_name"] == "Alice the Great"
        assert changed["friend"]["avatar_url"] == "https://example.org/a.png"

        async def is_called_so() -> bool:
            seq = (await talking.say(room, "after"))["seq"]
            author = (await message(listening, seq))["user"]
            return bool(author["full_name"] == "Alice the Great" and author["avatar_url"])

        await until(is_called_so, "the new name in what she writes")
    assert (await friend(one, bob, room))["full_name"] == "Alice the Great"
    async with one.connect(alice) as again:
        assert again.ready["user"]["full_name"] == "Alice the Great"


async def test_an_older_word_changes_nothing(pods: Pods, people: MakePeople, apply: Callable[[Event], Any]) -> None:
    alice, bob = people(2)
    room = await pods[0].direct(alice, bob)
    later = updated(alice, "Later")
    for word in (later, updated(alice, "Earlier", ago=60), later, event(USER_REGISTERED, alice, display_name="First")):
        await apply(word)
        assert (await friend(pods[0], bob, room))["full_name"] == "Later"


async def test_auth_is_not_asked_for_somebody_whom_events_have_told_of(
    pods: Pods, people: MakePeople, apply: Callable[[Event], Any], auth: FakeAuth
) -> None:
    alice, bob, carol = people(3)
    await apply(event(USER_REGISTERED, bob, display_name="Bob"))
    await apply(updated(carol, "Carol"))  # a word of the profile may come before that of the registration
    auth.asked.clear()
    for user, name in ((bob, "Bob"), (carol, "Carol")):
        room = await pods[0].direct(alice, user)
        assert (await friend(pods[0], alice, room))["full_name"] == name
    assert not [question for question in auth.asked if str(alice.id) not in question]


async def test_who_is_gone_leaves_his_messages_and_nothing_else(
    pods: Pods, people: MakePeople, apply: Callable[[Event], Any], auth: FakeAuth
) -> None:
    one, two = pods
    alice, bob, carol = people(3)
    direct = await one.direct(alice, bob)
    group = await one.group(alice, bob, carol)
    for room in (direct, group):
        body = {"room": str(room), "message": "what I said stays"}
        assert (await one.post("/api/chat/messages/", alice, body)).status_code == 201
    await apply(updated(alice, "Alice", "https://example.org/a.png"))
    del auth.users[alice.id]
    gone = event(USER_DELETED, alice)
    async with two.connect(bob) as listening:
        for _ in range(2):  # it may come again
            await apply(gone)
        shown = (await listening.next("room.updated"))["friend"]
        assert (shown["full_name"], shown["username"]) == (DELETED, DELETED)
        assert "avatar_url" not in shown
    for room in (direct, group):
        (message,) = (await two.get(f"/api/chat/{room}/messages/", bob)).json()["results"]
        assert (message["content"], message["user"]["username"]) == ("what I said stays", DELETED)
        assert alice.username not in str(message)
    assert (await friend(one, bob, direct))["id"] == str(alice.id)
    for word in (updated(alice, "Back again"), event(USER_REGISTERED, alice, display_name="Back again")):
        await apply(word)
        assert (await friend(one, bob, direct))["full_name"] == DELETED
    for text in (alice.username, str(alice.id)):
        again = await one.post("/api/chat/rooms/", carol, {"type": "direct", "user": text})
        assert (again.status_code, again.json()["code"]) == (404, "user_not_found")


async def test_who_is_gone_leaves_his_groups_to_others(
    pods: Pods, people: MakePeople, apply: Callable[[Event], Any]
) -> None:
    one, two = pods
    alice, bob, carol = people(3)
    group = await one.group(alice, bob, carol)
    await apply(event(USER_DELETED, alice))
    renamed = await one.client.patch(f"/api/chat/rooms/{group}/", headers=bob.headers, json={"name": "ours now"})
    assert renamed.status_code == 200  # the oldest member inherits it
    body = {"room": str(group), "message": "hello?"}
    assert (await two.post("/api/chat/messages/", carol, body)).status_code == 201


async def test_who_was_never_here_is_gone_too(
    pods: Pods, people: MakePeople, apply: Callable[[Event], Any], auth: FakeAuth
) -> None:
    alice, bob = people(2)
    del auth.users[alice.id]
    await apply(event(USER_DELETED, alice))
    await apply(event(USER_REGISTERED, alice, display_name="Alice"))  # the broker has sent it again
    refused = await pods[0].post("/api/chat/rooms/", bob, {"type": "direct", "user": str(alice.id)})
    assert refused.status_code == 404
