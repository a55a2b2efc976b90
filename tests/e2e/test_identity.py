"""Who somebody is, in all services at once: what he is called, everything stored of him, and that he is gone."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from tests.e2e.people import PASSWORD, SECONDS, Person, Platform
from tests.e2e.shapes import is_problem, is_shaped, listed, shaped, text, uuid

WITHIN_SECONDS = 1.0
PICTURE = "https://example.org/alice.png"
DELETED = "deleted user"


async def until(condition: Callable[[], Awaitable[bool]]) -> float:
    """Wait until it is so; how long that took, in seconds."""
    began = time.monotonic()
    while not await condition():
        assert time.monotonic() - began < SECONDS
        await asyncio.sleep(0.01)
    return time.monotonic() - began


async def friend(person: Person, room: str) -> dict[str, Any]:
    """The other one of a direct room."""
    return dict((await person.get(f"/api/chat/users/{room}/"))["friend"])


async def test_a_new_name_and_picture_reach_chat_within_a_second(alice: Person, bob: Person) -> None:
    room = await alice.direct(bob)
    took = []
    async with bob.connected() as socket:
        for number in range(3):
            change = {"displayName": f"Alice {number}", "avatarUrl": PICTURE}
            assert (await alice.call("PATCH", "/profiles/me", change)).status_code == 200
            began = time.monotonic()
            friend_now = (await socket.next("room.updated"))["friend"]
            took.append(time.monotonic() - began)
            assert (friend_now["full_name"], friend_now["avatar_url"]) == (change["displayName"], PICTURE)
        await alice.say(room, "it is me")
        message = await socket.next("chat.message")
        assert (message["user"]["full_name"], message["user"]["avatar_url"]) == ("Alice 2", PICTURE)
    assert sorted(took)[1] < WITHIN_SECONDS, took

    async def auth_knows() -> bool:
        return bool((await alice.get("/auth/me"))["display_name"] == "Alice 2")

    await until(auth_knows)


async def test_everything_stored_of_a_user_is_his_to_have(platform: Platform, bob: Person) -> None:
    alice = await platform.register("alice", email=f"{time.time_ns()}@example.org")
    direct, group = await alice.direct(bob), await alice.group("ours", bob)
    assert (await alice.call("PATCH", "/profiles/me", {"preferences": {"theme": "dark"}})).status_code == 200
    for number in range(3):
        await alice.say(direct, f"to bob {number}")
        await alice.say(group, f"to all {number}")
    await bob.say(direct, "bob's own words")
    assert (await alice.call("DELETE", f"/api/chat/rooms/{group}/members/{alice.id}/")).status_code == 204
    document = await alice.get("/auth/me/export")
    message = {"room": uuid, "content": text, "created_at": text}
    is_shaped(document, {"exported_at": text, "missing": listed(text), "messages": listed(shaped(message))})
    assert document["missing"] == []
    assert document["account"]["email"] == (await alice.get("/auth/me"))["email"]
    assert document["profile"]["preferences"] == {"theme": "dark"}
    assert {(room["id"], room["left_at"] is None) for room in document["rooms"]} == {(direct, True), (group, False)}
    assert sorted(found["content"] for found in document["messages"]) == sorted(
        f"to {whom} {number}" for whom in ("all", "bob") for number in range(3)
    )
    assert "bob's own words" not in str(document)


async def test_who_deletes_his_account_is_gone_everywhere_and_his_messages_stay(
    platform: Platform, alice: Person, bob: Person
) -> None:
    carol = await platform.register("carol")
    room, group = await alice.direct(bob), await alice.group("hers", bob, carol)
    await alice.say(room, "what I said")
    await alice.call("PUT", "/auth/devices", {"token": f"device-{alice.username}"})
    await alice.call("PATCH", "/profiles/me", {"statusMessage": "still here"})
    assert (await bob.get(f"/profiles/{alice.id}"))["statusMessage"] == "still here"
    is_problem(await alice.call("DELETE", "/auth/me", {"password": "not this one"}), 403, "wrong_password")
    async with alice.connected() as hers, bob.connected() as his:
        assert (await alice.call("DELETE", "/auth/me", {"password": PASSWORD})).status_code == 204
        assert await hers.closed() == 4401
        shown = await his.next("room.updated", lambda data: data["id"] == room)
        assert (shown["friend"]["full_name"], shown["friend"]["username"]) == (DELETED, DELETED)

    async def profile_is_gone() -> bool:
        return (await bob.call("GET", f"/profiles/{alice.id}")).status_code == 404

    await until(profile_is_gone)
    is_problem(await alice.call("GET", "/auth/me"), 401, "token_revoked")
    is_problem(await bob.call("GET", f"/users/show?username={alice.username}"), 404, "not_found")
    assert (await bob.get(f"/profiles?search={alice.username}"))["results"] == []
    is_problem(
        await carol.call("POST", "/api/chat/rooms/", {"type": "direct", "user": alice.username}), 404, "user_not_found"
    )
    history = await bob.get(f"/api/chat/{room}/messages/")
    assert [(one["content"], one["user"]["full_name"]) for one in history["results"]] == [("what I said", DELETED)]
    assert alice.username not in str(history)
    assert (await friend(bob, room))["id"] == alice.id

    async def bob_owns_the_group() -> bool:
        return (await bob.call("PATCH", f"/api/chat/rooms/{group}/", {"name": "ours"})).status_code == 200

    await until(bob_owns_the_group)
