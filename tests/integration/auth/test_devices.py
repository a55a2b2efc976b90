"""Push devices."""

import asyncio
from collections.abc import Awaitable
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest

from .conftest import PASSWORD, Auth, User, eventually


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


async def test_a_device_that_its_push_service_does_not_know_is_forgotten_and_told(auth: Auth) -> None:
    user = await auth.register()
    lost, kept = f"{user.username}:lost", f"{user.username}:kept"
    await put(user, lost)
    await put(user, kept)
    for _ in range(2):
        reply = await auth.api.post("/internal/devices/lost", json={"tokens": [lost, f"{user.username}:never-seen"]})
        assert reply.status_code == 204
    assert (await owner(auth, lost), await owner(auth, kept)) == (None, user.id)
    assert (await events(auth, user))[-1] == ("device.removed", lost)
    assert len(await events(auth, user)) == 3
    await put(user, lost)  # a client that has it all the same says so
    assert (await events(auth, user))[-1] == ("device.registered", lost)
    many = {"tokens": ["x"] * 51}
    assert (await auth.api.post("/internal/devices/lost", json=many)).status_code == 422


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


async def test_the_events_of_a_device_that_goes_to_and_fro_are_in_order(auth: Auth) -> None:
    users = [await auth.register() for _ in range(3)]
    token = f"{users[0].username}:x"
    statuses = await asyncio.gather(*(put(users[i % 3], token) for i in range(30)))
    assert set(statuses) == {204}
    for user in users:
        told = [kind for kind, _ in await events(auth, user)]
        alternating = ["device.registered", "device.removed"] * len(told)
        assert told == alternating[: len(told)]
        assert (len(told) % 2 == 1) == (await owner(auth, token) == user.id)


async def test_everything_that_changes_sessions_and_devices_may_happen_at_once(auth: Auth) -> None:
    users = [await auth.register() for _ in range(2)]
    token = f"{users[0].username}:x"
    for _ in range(4):
        devices = [await user.log_in() for user in users for _ in range(3)]
        first, second, third = devices[:3]
        statuses = await asyncio.gather(
            *(put(device, token) for device in devices),
            *(put(device, f"{token}{number}") for number, device in enumerate(devices)),
            status(second.call("POST", "/auth/logout")),
            status(third.call("POST", "/auth/logout", json={"all": True})),
            status(first.call("POST", "/auth/password", json={"current_password": PASSWORD, "new_password": PASSWORD})),
            status(first.call("DELETE", f"/auth/devices/{token}")),
            *(status(auth.refresh(device.refresh_token)) for device in devices),
        )
        assert set(statuses) <= {200, 204, 401, 403, 404}
    rows = await auth.sql("SELECT 1 FROM devices d JOIN sessions s ON s.id = d.session_id WHERE s.ended_at IS NOT NULL")
    assert rows == []


async def status(response: Awaitable[httpx.Response]) -> int:
    return (await response).status_code


async def test_whoever_tells_of_a_user_waits_for_whoever_holds_him(auth: Auth) -> None:
    """Else an event with the higher id could be committed, and sent, before one with the lower."""
    user = await auth.register()
    token = f"{user.username}:x"
    waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    for call in (put(user, token), status(user.call("DELETE", f"/auth/devices/{token}"))):
        connection = await asyncpg.connect(auth.settings.database_url)
        try:
            async with connection.transaction():
                await connection.execute("SELECT 1 FROM users WHERE id = $1 FOR NO KEY UPDATE", UUID(user.id))
                task = asyncio.ensure_future(call)
                await eventually(lambda: auth.sql(waiting))
                assert not task.done()
            assert await task == 204
        finally:
            await connection.close()
