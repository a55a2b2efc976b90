"""Push devices."""

from typing import Any
from uuid import UUID

import httpx
import pytest

from .conftest import Auth, User


async def put(user: User, token: str, **more: Any) -> int:
    return (await user.call("PUT", "/auth/devices", json={"token": token, "platform": "fcm", **more})).status_code


async def events(auth: Auth, user: User) -> list[tuple[str, str]]:
    rows = await auth.sql("SELECT payload FROM outbox WHERE key = $1 ORDER BY id", UUID(user.id))
    told = [httpx.Response(200, content=row["payload"]).json() for row in rows]
    return [(event["type"], event["data"]["token"]) for event in told if event["type"].startswith("device.")]


async def owner(auth: Auth, token: str) -> str | None:
    rows = await auth.sql("SELECT user_id FROM devices WHERE token = $1", token)
    return str(rows[0]["user_id"]) if rows else None


async def test_a_device_is_stored_and_told_once(auth: Auth) -> None:
    user = await auth.register()
    token = f"{user.username}:APA91b-x_y"
    assert await put(user, token) == 204
    assert await put(user, token) == 204
    assert await owner(auth, token) == user.id
    assert await events(auth, user) == [("device.registered", token)]


async def test_a_device_is_removed_by_its_owner_only(auth: Auth) -> None:
    user, stranger = await auth.register(), await auth.register()
    token = f"{user.username}:x"
    await put(user, token)
    assert (await stranger.call("DELETE", f"/auth/devices/{token}")).status_code == 404
    assert (await user.call("DELETE", f"/auth/devices/{token}")).status_code == 204
    assert (await user.call("DELETE", f"/auth/devices/{token}")).status_code == 404
    assert await owner(auth, token) is None
    assert await events(auth, user) == [("device.registered", token), ("device.removed", token)]


async def test_a_device_belongs_to_whoever_used_it_last(auth: Auth) -> None:
    first, second = await auth.register(), await auth.register()
    token = f"{first.username}:x"
    await put(first, token)
    assert await put(second, token) == 204
    assert await owner(auth, token) == second.id
    assert await events(auth, first) == [("device.registered", token), ("device.removed", token)]
    assert await events(auth, second) == [("device.registered", token)]


async def test_a_device_ends_with_its_session(auth: Auth) -> None:
    user = await auth.register()
    other = await user.log_in()
    mine, others = f"{user.username}:mine", f"{user.username}:other"
    await put(user, mine)
    await put(other, others)
    await user.call("DELETE", f"/auth/sessions/{await other.session_id()}")
    assert await owner(auth, mine) == user.id
    assert await owner(auth, others) is None
    assert ("device.removed", others) in await events(auth, user)
    await user.call("POST", "/auth/logout", json={"all": True})
    assert await owner(auth, mine) is None


async def test_the_device_that_was_silent_longest_gives_way(auth: Auth) -> None:
    user = await auth.register()
    for number in range(22):
        await put(user, f"{user.username}:{number}")
    rows = await auth.sql("SELECT token FROM devices WHERE user_id = $1", UUID(user.id))
    assert {row["token"] for row in rows} == {f"{user.username}:{number}" for number in range(2, 22)}


@pytest.mark.parametrize("token", ["", "with space", "sl/ash", "x" * 1025, "newline\n", "ümlaut", 7, None])
async def test_what_cannot_be_a_token_is_refused(auth: Auth, token: Any) -> None:
    assert await put(await auth.register(), token) == 422


async def test_another_platform_is_refused(auth: Auth) -> None:
    assert await put(await auth.register(), "x", platform="carrier-pigeon") == 422
    assert (await (await auth.register()).call("DELETE", "/auth/devices/a%20b")).status_code == 404
