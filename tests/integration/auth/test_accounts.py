"""Registering, logging in, who am I."""

import asyncio
from typing import Any
from unittest.mock import patch
from uuid import UUID

import argon2
import httpx
import pytest

from .conftest import PASSWORD, Auth, StartAuth

REPLY = {"access_token", "refresh_token", "token_type", "expires_in", "username", "user_id"}


async def log_in(auth: Auth, username: str, password: str = PASSWORD) -> httpx.Response:
    return await auth.api.post("/auth/login", json={"username": username, "password": password})


@pytest.mark.parametrize("path", ["/auth/register", "/register", "/auth/register/", "/register/"])
async def test_registering_gives_a_pair_of_tokens_and_nothing_else(auth: Auth, path: str) -> None:
    name = auth.name()
    response = await auth.api.post(path, json={"username": name, "password": PASSWORD, "email": f"{name}@example.org"})
    assert response.status_code == 201
    body = response.json()
    assert set(body) == REPLY
    assert (body["token_type"], body["expires_in"], body["username"]) == ("Bearer", 900, name)
    assert str(UUID(body["user_id"])) == body["user_id"]
    me = await auth.api.get("/auth/me", headers={"Authorization": f"Bearer {body['access_token']}"})
    assert me.status_code == 200
    assert me.json()["user_id"] == body["user_id"]
    assert me.json()["email"] == f"{name}@example.org"
    assert me.json()["display_name"] == name


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"username": "ab"}, "username"),
        ({"username": "a" * 51}, "username"),
        ({"username": "with space"}, "username"),
        ({"username": "newline\n"}, "username"),
        ({"username": "ümlaut"}, "username"),
        ({"username": "some@body"}, "username"),
        ({"username": 12345}, "username"),
        ({"username": None}, "username"),
        ({"password": "1234567"}, "password"),
        ({"password": "x" * 129}, "password"),
        ({"password": "nul\x00nul\x00nul"}, "password"),
        ({"password": ["a"] * 10}, "password"),
        ({"email": "nobody"}, "email"),
        ({"email": "a@b"}, "email"),
        ({"email": "two@at@example.org"}, "email"),
        ({"email": "bell\x07@example.org"}, "email"),
        ({"email": "x" * 250 + "@example.org"}, "email"),
        ({"display_name": "x" * 101}, "display_name"),
        ({"display_name": "two\nlines"}, "display_name"),
        ({"fcm_token": "not a token"}, "fcm_token"),
        ({"fcm_token": "x" * 1025}, "fcm_token"),
    ],
)
async def test_a_field_that_is_not_acceptable_is_named(auth: Auth, body: dict[str, Any], field: str) -> None:
    response = await auth.api.post("/auth/register", json={"username": auth.name(), "password": PASSWORD, **body})
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert [error["field"] for error in response.json()["errors"]] == [field]


async def test_unknown_fields_are_ignored_and_missing_ones_named(auth: Auth) -> None:
    assert (await auth.register(is_admin=True)).id
    response = await auth.api.post("/auth/register", json={"email": "a@example.org"})
    assert {error["field"] for error in response.json()["errors"]} == {"username", "password"}


@pytest.mark.parametrize("path", ["/auth/register", "/auth/login", "/auth/refresh"])
async def test_a_body_that_is_no_json_object_is_refused(auth: Auth, path: str) -> None:
    kind = {"Content-Type": "application/json"}
    for content, headers, status in [
        (b'{"username": "x', kind, 400),
        (b"\xff\xfe", kind, 400),
        (b'{"username": "\\ud800"}', kind, 400),
        (b"", kind, 400),
        (b"[]", kind, 422),
        (b'"text"', kind, 422),
        (b"username=x&password=y", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
        (b"{}", {}, 415),
        (b'{"username": "' + b"x" * 70_000 + b'"}', kind, 413),
    ]:
        response = await auth.api.post(path, content=content, headers=headers)
        assert response.status_code == status, (content[:40], response.text)
        assert response.headers["content-type"] == "application/problem+json"


async def test_a_username_is_taken_whatever_its_case(auth: Auth) -> None:
    user = await auth.register()
    for name in (user.username, user.username.upper(), user.username.lower()):
        response = await auth.api.post("/auth/register", json={"username": name, "password": PASSWORD})
        assert (response.status_code, response.json()["code"]) == (409, "username_taken")


async def test_an_address_is_taken_whatever_its_case(auth: Auth) -> None:
    await auth.register(email="First.Last@Example.org")
    body = {"username": auth.name(), "password": PASSWORD, "email": "first.last@example.ORG"}
    response = await auth.api.post("/auth/register", json=body)
    assert (response.status_code, response.json()["code"]) == (409, "email_taken")


async def test_of_many_who_register_one_name_at_once_one_gets_it(auth: Auth) -> None:
    name = auth.name()
    bodies = [{"username": name if i % 2 else name.upper(), "password": PASSWORD} for i in range(12)]
    responses = await asyncio.gather(*(auth.api.post("/auth/register", json=body) for body in bodies))
    assert sorted(response.status_code for response in responses) == [201] + [409] * 11
    assert {response.json()["code"] for response in responses if response.status_code == 409} == {"username_taken"}
    assert len(await auth.sql("SELECT 1 FROM users WHERE lower(username) = $1", name.lower())) == 1


async def test_of_many_who_register_one_address_at_once_one_gets_it(auth: Auth) -> None:
    email = f"{auth.name()}@example.org"
    bodies = [{"username": auth.name(), "password": PASSWORD, "email": email} for _ in range(12)]
    responses = await asyncio.gather(*(auth.api.post("/auth/register", json=body) for body in bodies))
    assert sorted(response.status_code for response in responses) == [201] + [409] * 11
    assert {response.json()["code"] for response in responses if response.status_code == 409} == {"email_taken"}


async def test_a_registration_that_fails_leaves_nothing(auth: Auth) -> None:
    name = auth.name()
    with patch("auth_service.accounts.store_device", side_effect=RuntimeError("in the last step")):
        body = {"username": name, "password": PASSWORD, "fcm_token": f"fcm-{name}"}
        response = await auth.api.post("/auth/register", json=body)
    assert response.status_code == 500
    assert await auth.sql("SELECT 1 FROM users WHERE username = $1", name) == []
    assert await auth.sql("SELECT 1 FROM outbox WHERE payload->'data'->>'username' = $1", name) == []


async def test_registering_is_told_to_others_in_the_same_transaction(auth: Auth) -> None:
    user = await auth.register(email="ada@example.org", display_name=" Ada Lovelace ", fcm_token="fcm:ada")
    rows = await auth.sql("SELECT type, payload FROM outbox WHERE key = $1 ORDER BY id", UUID(user.id))
    assert [row["type"] for row in rows] == ["user.registered", "device.registered"]
    events = [httpx.Response(200, content=row["payload"]).json() for row in rows]
    assert events[0]["data"] == {
        "user_id": user.id,
        "username": user.username,
        "display_name": "Ada Lovelace",
        "created_at": events[0]["data"]["created_at"],
    }
    assert events[1]["data"]["token"] == "fcm:ada"
    assert events[0]["version"] == 1
    assert events[0]["occurred_at"].endswith("Z")


@pytest.mark.parametrize("path", ["/auth/login", "/login", "/login/"])
async def test_logging_in_gives_the_same_body_as_registering(auth: Auth, path: str) -> None:
    user = await auth.register()
    response = await auth.api.post(path, json={"username": user.username, "password": PASSWORD})
    assert response.status_code == 200
    assert set(response.json()) == REPLY
    assert response.json()["user_id"] == user.id


async def test_the_username_may_be_in_another_case_or_the_address(auth: Auth) -> None:
    user = await auth.register(email="Grace@Example.org")
    for name in (user.username.upper(), user.username.lower(), "grace@example.org", "GRACE@EXAMPLE.ORG"):
        response = await log_in(auth, name)
        assert (response.status_code, response.json().get("username")) == (200, user.username)


async def test_a_letter_that_only_looks_the_same_is_another_name(auth: Auth) -> None:
    await auth.register(username="kelvin-1")
    assert (await log_in(auth, "kelvin-1")).status_code == 200
    assert (await log_in(auth, "\N{KELVIN SIGN}elvin-1")).status_code == 401


async def test_an_unknown_user_and_a_wrong_password_are_the_same_answer(auth: Auth) -> None:
    user = await auth.register(email="known@example.org")
    answers = []
    for name, password in [
        (user.username, "wrong password"),
        ("known@example.org", "wrong password"),
        ("nobody-of-that-name", PASSWORD),
        ("nobody@example.org", PASSWORD),
        ("", ""),
        ("\N{PILE OF POO}", "short"),
    ]:
        response = await log_in(auth, name, password)
        body = response.json()
        body.pop("request_id")
        answers.append((response.status_code, response.headers["www-authenticate"], body))
    assert answers[0][0] == 401
    assert answers[0][2]["code"] == "invalid_credentials"
    assert all(answer == answers[0] for answer in answers)


async def test_an_unknown_user_costs_the_same_hash(auth: Auth) -> None:
    user = await auth.register()
    seen = []
    verify = argon2.PasswordHasher.verify

    def spy(self: argon2.PasswordHasher, stored: str, password: bytes) -> bool:
        seen.append(argon2.extract_parameters(stored))
        return verify(self, stored, password)

    with patch.object(argon2.PasswordHasher, "verify", spy):
        await log_in(auth, user.username, "wrong password")
        await log_in(auth, "nobody-of-that-name", "wrong password")
    assert len(seen) == 2
    assert seen[0] == seen[1]


async def test_a_password_may_be_any_128_characters(auth: Auth) -> None:
    for password in ("\N{GRINNING FACE}" * 128, "密码 と パスワード \u00a0", '"\\\t\u2028\u200d; --', "x" * 128):
        name = auth.name()
        response = await auth.api.post("/auth/register", json={"username": name, "password": password})
        assert response.status_code == 201, response.text
        assert (await log_in(auth, name, password)).status_code == 200
        assert (await log_in(auth, name, password[:-1])).status_code == 401


async def test_a_password_is_the_same_from_another_keyboard(auth: Auth) -> None:
    name = auth.name()
    composed, decomposed = "caf\u00e9 au lait", "cafe\u0301 au lait"
    await auth.api.post("/auth/register", json={"username": name, "password": composed})
    assert (await log_in(auth, name, decomposed)).status_code == 200


async def test_nothing_is_hashed_for_a_password_that_is_too_long(auth: Auth) -> None:
    user = await auth.register()
    with (
        patch.object(argon2.PasswordHasher, "verify", side_effect=AssertionError),
        patch.object(argon2.PasswordHasher, "hash", side_effect=AssertionError),
    ):
        assert (await log_in(auth, user.username, "x" * 129)).status_code == 422
        body = {"username": auth.name(), "password": "x" * 129}
        assert (await auth.api.post("/auth/register", json=body)).status_code == 422
        body = {"current_password": "x" * 129, "new_password": "y" * 129}
        assert (await user.call("POST", "/auth/password", json=body)).status_code == 422


async def test_a_hash_of_other_parameters_is_replaced_at_the_next_login(auth: Auth, start_auth: StartAuth) -> None:
    user = await auth.register()
    query = "SELECT password_hash, credentials_version FROM users WHERE id = $1"
    before = (await auth.sql(query, UUID(user.id)))[0]
    async with start_auth(argon2_memory_kib=128) as stronger:
        assert (await log_in(stronger, user.username)).status_code == 200
        after = (await auth.sql(query, UUID(user.id)))[0]
        assert argon2.extract_parameters(after["password_hash"]).memory_cost == 128
        assert argon2.extract_parameters(before["password_hash"]).memory_cost == 64
        assert after["credentials_version"] == before["credentials_version"]
        assert (await log_in(stronger, user.username)).status_code == 200


async def test_many_logins_of_one_user_with_an_old_hash_all_succeed(auth: Auth, start_auth: StartAuth) -> None:
    user = await auth.register()
    async with start_auth(argon2_memory_kib=128, rate_limits="off") as stronger:
        responses = await asyncio.gather(*(log_in(stronger, user.username) for _ in range(12)))
    assert [response.status_code for response in responses] == [200] * 12


async def test_logins_beyond_the_queue_are_refused_at_once(start_auth: StartAuth) -> None:
    async with start_auth(argon2_memory_kib=32 * 1024, hashing_threads=1, hashing_queue=1, rate_limits="off") as auth:
        responses = await asyncio.gather(*(log_in(auth, f"nobody-{i}") for i in range(20)))
    statuses = [response.status_code for response in responses]
    assert set(statuses) == {401, 503}
    assert statuses.count(401) >= 2
    shed = next(response for response in responses if response.status_code == 503)
    assert shed.headers["retry-after"] == "1"
    assert shed.json()["code"] == "busy"


async def test_a_login_that_overtakes_a_password_change_gets_no_session(auth: Auth) -> None:
    user = await auth.register()
    verify = argon2.PasswordHasher.verify
    changed = asyncio.Event()

    async def change() -> None:
        body = {"current_password": PASSWORD, "new_password": "another password"}
        assert (await user.call("POST", "/auth/password", json=body)).status_code == 204
        changed.set()

    loop = asyncio.get_running_loop()
    first = True

    def slow(self: argon2.PasswordHasher, stored: str, password: bytes) -> bool:
        nonlocal first
        if first:
            first = False
            asyncio.run_coroutine_threadsafe(change(), loop).result(10)
        return verify(self, stored, password)

    with patch.object(argon2.PasswordHasher, "verify", slow):
        response = await log_in(auth, user.username)
    assert changed.is_set()
    assert (response.status_code, response.json()["code"]) == (401, "invalid_credentials")
