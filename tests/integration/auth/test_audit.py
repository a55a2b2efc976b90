"""The audit log and housekeeping."""

import logging
from typing import Any
from uuid import UUID

import pytest

from auth_service.housekeeping import Housekeeping
from chassis.migrations import Migrations
from chassis.postgres import Postgres

from .conftest import PASSWORD, Auth


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [vars(record) for record in caplog.records if record.name == "audit"]


async def test_every_security_event_is_one_line_without_secrets(auth: Auth, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    auth.api.headers["X-Forwarded-For"] = "203.0.113.77"
    user = await auth.register()
    session = await user.session_id()
    other = await user.log_in()
    await auth.api.post("/auth/login", json={"username": user.username, "password": "a wrong one"})
    await auth.api.post("/auth/login", json={"username": "my-secret-by-mistake", "password": "a wrong one"})
    await user.call("PUT", "/auth/devices", json={"token": "device-token-1"})
    await user.call("DELETE", "/auth/devices/device-token-1")
    await user.call("POST", "/auth/password", json={"current_password": "a wrong one", "new_password": "the next one"})
    await user.call("DELETE", f"/auth/sessions/{await other.session_id()}")
    await user.call("POST", "/auth/password", json={"current_password": PASSWORD, "new_password": "the next one"})
    second = (await auth.refresh(user.refresh_token)).json()["refresh_token"]
    third = (await auth.refresh(second)).json()["refresh_token"]
    await auth.refresh(user.refresh_token)
    for _ in range(10):
        await auth.api.post("/auth/login", json={"username": "my-secret-by-mistake", "password": "a wrong one"})

    told = lines(caplog)
    events = [line["event"] for line in told]
    assert events[:9] == [
        "registered",
        "logged_in",
        "login_failed",
        "login_failed",
        "device_registered",
        "device_removed",
        "password_change_failed",
        "session_ended",
        "password_changed",
    ]
    assert events[9] == "refresh_reused"
    assert events[-1] == "login_throttled"
    assert all(line["address"] == "203.0.113.77" for line in told)
    assert told[0]["session_id"] == UUID(session)
    assert told[2]["user_id"] == UUID(user.id)
    assert "user_id" not in told[3]

    everything = "\n".join(str(vars(record)) for record in caplog.records if record.name.startswith(("audit", "auth")))
    for secret in (PASSWORD, "a wrong one", "the next one", "by-mistake", "device-token"):
        assert secret not in everything
    for token in (user.access_token, user.refresh_token, second, third):
        assert token not in everything


async def test_a_logout_is_in_the_audit_log(auth: Auth, caplog: pytest.LogCaptureFixture) -> None:
    user = await auth.register()
    other = await user.log_in()
    caplog.set_level(logging.INFO)
    await other.call("POST", "/auth/logout")
    await user.call("POST", "/auth/logout", json={"all": True})
    assert [line["event"] for line in lines(caplog)] == ["logout", "logout_all"]


async def test_housekeeping_removes_what_has_expired_and_nothing_else(auth: Auth) -> None:
    old, fresh = await auth.register(), await auth.register()
    await old.call("PUT", "/auth/devices", json={"token": f"{old.username}:x"})
    gone, kept = UUID(await old.session_id()), UUID(await fresh.session_id())
    await auth.refresh(fresh.refresh_token)
    await auth.sql("UPDATE sessions SET expires_at = now() - interval '25 hours' WHERE id = $1", gone)
    await auth.sql("UPDATE refresh_tokens SET expires_at = now() - interval '1 s' WHERE used_at IS NOT NULL")
    postgres = Postgres(auth.settings.database_url, Migrations("auth_service"))
    await postgres.start()
    await Housekeeping(postgres).tidy()
    await postgres.stop()
    assert await auth.sql("SELECT 1 FROM sessions WHERE id = $1", gone) == []
    assert await auth.sql("SELECT 1 FROM refresh_tokens WHERE session_id = $1", gone) == []
    assert await auth.sql("SELECT 1 FROM devices WHERE user_id = $1", UUID(old.id)) == []
    assert len(await auth.sql("SELECT 1 FROM sessions WHERE id = $1", kept)) == 1
    assert len(await auth.sql("SELECT 1 FROM refresh_tokens WHERE session_id = $1", kept)) == 1
    types = await auth.sql("SELECT type FROM outbox WHERE key = $1 ORDER BY id", UUID(old.id))
    assert [row["type"] for row in types] == ["user.registered", "device.registered", "device.removed"]
