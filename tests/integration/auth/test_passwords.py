"""Changing the password."""

import asyncio
from typing import Any

import pytest

from .conftest import PASSWORD, Auth, User

NEW = "a quite different one"


async def change(user: User, **body: Any) -> tuple[int, str]:
    body = {"current_password": PASSWORD, "new_password": NEW, **body}
    response = await user.call("POST", "/auth/password", json=body)
    return response.status_code, response.json()["code"] if response.content else ""


async def test_the_new_password_is_good_and_the_old_one_is_not(auth: Auth) -> None:
    user = await auth.register()
    assert await change(user) == (204, "")
    for password, status in ((NEW, 200), (PASSWORD, 401)):
        response = await auth.api.post("/auth/login", json={"username": user.username, "password": password})
        assert response.status_code == status


async def test_every_other_session_ends_and_this_one_does_not(auth: Auth) -> None:
    user = await auth.register()
    others = [await user.log_in(), await user.log_in()]
    stranger = await auth.register()
    assert await change(user) == (204, "")
    assert (await user.call("GET", "/auth/me")).status_code == 200
    assert (await auth.refresh(user.refresh_token)).status_code == 200
    assert (await stranger.call("GET", "/auth/me")).status_code == 200
    for other in others:
        response = await other.call("GET", "/auth/me")
        assert (response.status_code, response.json()["code"]) == (401, "token_revoked")
        assert (await auth.refresh(other.refresh_token)).status_code == 401


async def test_a_wrong_current_password_changes_nothing(auth: Auth) -> None:
    user = await auth.register()
    other = await user.log_in()
    assert await change(user, current_password="wrong password") == (403, "wrong_password")
    assert (await other.call("GET", "/auth/me")).status_code == 200
    assert (await user.log_in()).id == user.id


@pytest.mark.parametrize("new", ["1234567", "x" * 129, "nul\x00nul\x00nul", None])
async def test_the_new_password_is_held_to_the_same_rules(auth: Auth, new: str | None) -> None:
    assert await change(await auth.register(), new_password=new) == (422, "invalid")


async def test_wrong_ones_are_counted_apart_from_logins(auth: Auth) -> None:
    user = await auth.register()
    for _ in range(10):
        await auth.api.post("/auth/login", json={"username": user.username, "password": "a stranger's guess"})
    assert await change(user) == (204, "")
    for _ in range(10):
        assert await change(user, current_password="wrong password") == (403, "wrong_password")
    assert await change(user, current_password=NEW) == (429, "too_many_failures")


async def test_of_two_changes_at_once_one_wins(auth: Auth) -> None:
    user = await auth.register()
    results = await asyncio.gather(*(change(user, new_password=f"new password {i}") for i in range(4)))
    assert sorted(results) == [(204, "")] + [(403, "wrong_password")] * 3
