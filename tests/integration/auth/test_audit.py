"""The audit log and housekeeping."""

import json
import logging
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from auth_service import keys
from auth_service.audit import EVENTS, record
from auth_service.housekeeping import Housekeeping
from chassis.logs import JsonFormatter
from chassis.migrations import Migrations
from chassis.postgres import Postgres
from devstack.mail.sink import Caught
from tests.support.mail import MailServer, mail_server, token_in

from .conftest import PASSWORD, Auth, StartAuth, eventually

GUESS, NEXT = "a guess of it", "the next one of these"
NOBODY = "00000000-0000-7000-8000-000000000000"
FIELDS = {"time", "level", "logger", "message", "service", "pod", "event", "user_id", "session_id", "address", "detail"}
FIELDS |= {"request_id"}


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


ELSEWHERE = {"identity_linked"}  # at a real provider, see test_oauth


async def test_there_is_a_line_for_every_kind_of_security_event(
    start_auth: StartAuth, redis_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    keys_file = tmp_path / "keys.json"
    keys.create(keys_file)
    provider = json.dumps({"away": {"issuer": "http://127.0.0.1:1", "client_id": "parley"}})
    async with mail_server() as mails:
        settings = {"smtp_url": mails.url, "oauth_providers": provider, "signing_keys_file": str(keys_file)}
        async with start_auth(**settings, login_failures=2) as auth:
            await _everything(auth, mails, keys_file)
    formatter = JsonFormatter("auth", "auth-0")
    told = [json.loads(formatter.format(record)) for record in caplog.records if record.name == "audit"]
    assert {line["event"] for line in told} == set(EVENTS) - ELSEWHERE
    for line in told:
        assert line["message"] == line["event"]
        assert line["level"] == "info"
        assert set(line) <= FIELDS, line
        UUID(line.get("user_id", NOBODY))
        UUID(line.get("session_id", NOBODY))
    without_address = {line["event"] for line in told if "address" not in line}
    assert without_address == {"device_lost", "keys_rotated", "oauth_failed"}, "others come from a client"
    everything = "".join(str(vars(record)) for record in caplog.records if record.name.startswith(("audit", "auth")))
    links = [token_in(mail) for mail in mails.mails if "#token=" in mail.text]
    assert links
    for secret in (PASSWORD, GUESS, NEXT, "device-token", "@example.org", *links):
        assert secret not in everything


async def _everything(auth: Auth, mails: MailServer, keys_file: Path) -> None:
    """One event of each kind, at least."""
    address = f"{auth.name().lower()}@example.org"
    user, other, third = await auth.register(email=address), await auth.register(), await auth.register()
    guess = {"current_password": GUESS, "new_password": NEXT}
    wrong = {"username": third.username, "password": GUESS}
    answers = [
        await user.call("POST", "/auth/email/verify"),
        await user.call("PUT", "/auth/devices", json={"token": "device-token-1"}),
        await user.call("DELETE", "/auth/devices/device-token-1"),
        await user.call("PUT", "/auth/devices", json={"token": "device-token-2"}),
        await auth.api.post("/internal/devices/lost", json={"tokens": ["device-token-2"]}),
        await auth.api.post("/auth/email/verify/confirm", json={"token": token_in(await mails.wait(address))}),
        await user.call("GET", "/auth/me/export"),
        await user.call("DELETE", f"/auth/sessions/{await (await user.log_in()).session_id()}"),
        await user.call("PUT", "/auth/email", json={"password": PASSWORD, "email": f"new-{address}"}),
        await user.call("PUT", "/auth/email", json={"password": GUESS, "email": f"new-{address}"}),
        await user.call("DELETE", "/auth/me", json={"password": GUESS}),
        await other.call("POST", "/auth/password", json={"current_password": PASSWORD, "new_password": NEXT}),
        await other.call("POST", "/auth/password", json=guess),
        await other.call("POST", "/auth/password", json=guess),
        await other.call("POST", "/auth/password", json=guess),
        await auth.api.post("/auth/login", json=wrong),
        await auth.api.post("/auth/login", json=wrong),
        await auth.api.post("/auth/login", json=wrong),
        await auth.api.post("/auth/password/reset", json={"email": address}),
    ]
    expected = [202, 204, 204, 204, 204, 204, 200, 204, 202, 403, 403, 204, 403, 403, 429, 401, 401, 429, 202]
    assert [answer.status_code for answer in answers] == expected

    def to_reset() -> list[Caught]:
        """The mails that lead to a new password."""
        return [mail for mail in mails.to(address) if "/reset-password#token=" in mail.text]

    async def came() -> bool:
        return bool(to_reset())

    await eventually(came, seconds=30)
    token = token_in(to_reset()[0])
    linked = "INSERT INTO identities (provider, subject, user_id) VALUES ('away', 'subject', $1)"
    await auth.sql(linked, UUID(third.id))
    refreshed = (await auth.refresh(third.refresh_token)).json()["refresh_token"]
    await auth.refresh(refreshed)
    answers = [
        await auth.api.post("/auth/password/reset/confirm", json={"token": token, "new_password": NEXT}),
        await third.call("DELETE", "/auth/identities/away"),
        await auth.api.get("/auth/oauth/away"),
        await auth.refresh(third.refresh_token),
        await other.call("POST", "/auth/logout"),
    ]
    assert [answer.status_code for answer in answers] == [204, 204, 303, 401, 204]
    gone = await auth.register()
    assert (await gone.call("POST", "/auth/logout", json={"all": True})).status_code == 204
    gone = await auth.register()
    assert (await gone.call("DELETE", "/auth/me", json={"password": PASSWORD})).status_code == 204
    before = (await auth.api.get("/.well-known/jwks.json")).content
    keys.rotate(keys_file)

    async def seen() -> bool:
        return (await auth.api.get("/.well-known/jwks.json")).content != before

    await eventually(seen, seconds=30)


def test_an_event_that_nobody_knows_cannot_be_recorded() -> None:
    with pytest.raises(ValueError, match="no such event"):
        record("something_else")


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
