"""Deleting an account, and what is left of it: nothing that says whose it was."""

import asyncio
from typing import Any
from uuid import UUID

import httpx
import pytest
from redis.asyncio import Redis

from auth_service.user_events import UserEvents
from chassis.ids import uuid7
from chassis.migrations import Migrations
from chassis.postgres import Postgres
from chassis.times import rfc3339, utc_now
from contracts import keys
from contracts.events import USER_UPDATED, Event
from tests.support.mail import mail_server, token_in

from .conftest import PASSWORD, Auth, StartAuth, User


async def delete(user: User, password: str | None = PASSWORD) -> tuple[int, str]:
    body = {} if password is None else {"json": {"password": password}}
    response = await user.call("DELETE", "/auth/me", **body)
    return response.status_code, response.json()["code"] if response.content else ""


async def left_of(auth: Auth, *words: str) -> list[str]:
    """The rows of all tables that have one of these words in them."""
    tables = await auth.sql("SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'")
    found = []
    for table in [row["name"] for row in tables]:
        rows = await auth.sql(f"SELECT t::text AS row FROM {table} t")
        found += [row["row"] for row in rows if any(word in row["row"] for word in words)]
    return found


async def test_nothing_is_left_that_says_whose_it_was(start_auth: StartAuth, redis_client: "Redis") -> None:
    async with mail_server() as mails, start_auth(smtp_url=mails.url) as auth:
        auth.api.headers.update({"X-Forwarded-For": "203.0.113.50", "User-Agent": "tell-tale"})
        name = auth.name()
        email = f"{name.lower()}@example.org"
        user = await auth.register(username=name, email=email, display_name="Tell Tale")
        other = await user.log_in()
        await user.call("PUT", "/auth/devices", json={"token": f"{name}:device"})
        await auth.api.post("/auth/password/reset", json={"email": email})
        token = token_in(await mails.wait(email, 2))
        session = await other.session_id()
        assert await delete(user) == (204, "")
        assert await left_of(auth, name, email, "tell-tale", "Tell Tale", "203.0.113.50") == []
        assert await redis_client.keys("parley:login-*:[iu]:*") == []
        for gone in (user, other):
            refused = await gone.call("GET", "/auth/me")
            assert (refused.status_code, refused.json()["code"]) == (401, "token_revoked")
            assert (await auth.refresh(gone.refresh_token)).status_code == 401
        assert await redis_client.exists(keys.revoked_session(UUID(session)))
        login = {"username": name, "password": PASSWORD}
        assert (await auth.api.post("/auth/login", json=login)).json()["code"] == "invalid_credentials"
        body = {"token": token, "new_password": "another password"}
        response = await auth.api.post("/auth/password/reset/confirm", json=body)
        assert response.json()["code"] == "link_invalid"
        events = await auth.sql("SELECT type FROM outbox WHERE key = $1 ORDER BY id", UUID(user.id))
        assert [event["type"] for event in events] == ["user.deleted"]  # what else was said goes with it
        assert (await auth.api.get(f"/internal/users?id={user.id}")).json() == {"users": []}


async def test_it_takes_the_password(auth: Auth) -> None:
    user = await auth.register()
    assert await delete(user, None) == (422, "invalid")
    for _ in range(10):
        assert await delete(user, "a wrong one") == (403, "wrong_password")
    assert await delete(user) == (429, "too_many_failures")
    assert (await user.call("GET", "/auth/me")).status_code == 200


async def test_the_address_is_free_at_once_and_the_name_after_a_while(auth: Auth) -> None:
    name = auth.name()
    user = await auth.register(username=name, email=f"{name}@example.org")
    assert await delete(user) == (204, "")
    body = {"username": name.upper(), "password": PASSWORD}
    refused = await auth.api.post("/auth/register", json=body)
    assert (refused.status_code, refused.json()["code"]) == (409, "username_taken")
    assert (await auth.register(email=f"{name}@example.org")).id != user.id
    await auth.sql("UPDATE retired_usernames SET until = now()")
    assert (await auth.register(username=name)).id != user.id


async def test_how_long_a_name_is_kept_is_a_setting(start_auth: StartAuth) -> None:
    async with start_auth(retired_username_seconds=0) as auth:
        user = await auth.register()
        assert await delete(user) == (204, "")
        assert (await auth.register(username=user.username)).id != user.id


async def test_of_many_deletions_at_once_each_is_done_and_one_tells(auth: Auth) -> None:
    user = await auth.register()
    results = await asyncio.gather(*(delete(user) for _ in range(5)))
    assert {status for status, _ in results} <= {204, 401}
    assert (204, "") in results
    events = await auth.sql("SELECT type FROM outbox WHERE key = $1", UUID(user.id))
    assert [event["type"] for event in events] == ["user.deleted"]


async def test_whoever_logs_in_meanwhile_does_not_outlive_the_account(auth: Auth) -> None:
    for _ in range(5):
        user = await auth.register()
        body = {"username": user.username, "password": PASSWORD}
        logins = [auth.api.post("/auth/login", json=body) for _ in range(4)]
        responses: list[Any] = await asyncio.gather(*logins[:2], delete(user), *logins[2:])
        for response in responses:
            if isinstance(response, httpx.Response) and response.status_code == 200:
                headers = {"Authorization": f"Bearer {response.json()['access_token']}"}
                assert (await auth.api.get("/auth/me", headers=headers)).status_code == 401


# --- the name that is shown ------------------------------------------------------------------------------------------


async def test_an_account_carries_the_name_that_its_profile_has(auth: Auth) -> None:
    user = await auth.register()
    postgres = Postgres(auth.settings.database_url, Migrations("auth_service"))
    await postgres.start()
    apply = UserEvents(postgres).apply

    def word(name: str, moment: str) -> Event:
        data = {"user_id": user.id, "username": user.username, "display_name": name, "updated_at": moment}
        return Event(uuid7(), USER_UPDATED, 1, moment, data)

    early, late = "2026-01-01T00:00:00.000000Z", rfc3339(utc_now()) or ""
    for name, moment, shown in (
        ("Late", late, "Late"),
        ("Early", early, "Late"),
        ("x" * 200, "2099-01-01T00:00:00Z", "x" * 100),
    ):
        await apply(word(name, moment))
        assert (await user.call("GET", "/auth/me")).json()["display_name"] == shown
        users = (await auth.api.get(f"/internal/users?id={user.id}")).json()["users"]
        assert users[0]["display_name"] == shown
    with pytest.raises(ValueError):
        await apply(Event(uuid7(), USER_UPDATED, 1, late, {"user_id": user.id}))
    await postgres.stop()


# --- export ----------------------------------------------------------------------------------------------------------


async def test_an_export_has_everything_but_secrets(auth: Auth) -> None:
    user = await auth.register(email=f"{auth.name()}@example.org")
    await user.call("PUT", "/auth/devices", json={"token": f"{user.username}:x"})
    other = await user.log_in()
    await other.call("POST", "/auth/logout")
    response = await user.call("GET", "/auth/me/export")
    assert response.status_code == 200
    assert "attachment" in response.headers["content-disposition"]
    document = response.json()
    assert document["missing"] == ["profile", "chat"]
    assert document["account"]["username"] == user.username
    assert document["account"]["has_password"] is True
    assert [device["token"] for device in document["devices"]] == [f"{user.username}:x"]
    assert [session["end_reason"] for session in document["sessions"]] == [None, "logout"]
    assert (document["identities"], document["messages"]) == ([], [])
    for secret in ("argon2", "hash", "credentials_version", user.refresh_token):
        assert secret not in response.text.replace("has_password", "")


async def test_exports_are_counted(start_auth: StartAuth) -> None:
    async with start_auth(exports_per_day=2) as auth:
        user = await auth.register()
        statuses = [(await user.call("GET", "/auth/me/export")).status_code for _ in range(3)]
        assert statuses == [200, 200, 429]


async def test_an_export_is_whole_or_none(start_auth: StartAuth) -> None:
    async with start_auth(profile_url="http://127.0.0.1:1", chat_url="http://127.0.0.1:1") as auth:
        refused = await (await auth.register()).call("GET", "/auth/me/export")
        assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
        assert "retry-after" in refused.headers
