"""Verifying an address, changing it, and getting back into an account by it."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.support.mail import MailServer, mail_server, token_in
from tests.support.serving import free_ports

from .conftest import PASSWORD, Auth, Link, StartAuth, User, eventually

NEW = "a quite different one"


@pytest.fixture
async def mails() -> AsyncIterator[MailServer]:
    """The mail server."""
    async with mail_server() as server:
        yield server


@pytest.fixture
async def auth(start_auth: StartAuth, mails: MailServer) -> AsyncIterator[Auth]:
    """An auth service that sends mail there."""
    async with start_auth(smtp_url=mails.url, public_url="https://chat.example.org/") as running:
        yield running


def address_of(name: str) -> str:
    return f"{name.lower()}@example.org"


async def with_email(auth: Auth) -> tuple[User, str]:
    """Somebody with an address."""
    name = auth.name()
    return await auth.register(username=name, email=address_of(name)), address_of(name)


async def verified(auth: Auth, mails: MailServer) -> tuple[User, str]:
    """Somebody with an address that is verified."""
    user, email = await with_email(auth)
    assert (await confirm(auth, token_in(await mails.wait(email)))).status_code == 204
    return user, email


async def confirm(auth: Auth, token: str) -> httpx.Response:
    return await auth.api.post("/auth/email/verify/confirm", json={"token": token})


async def ask_for_reset(auth: Auth, email: str) -> httpx.Response:
    return await auth.api.post("/auth/password/reset", json={"email": email})


async def reset(auth: Auth, token: str, password: str = NEW) -> httpx.Response:
    return await auth.api.post("/auth/password/reset/confirm", json={"token": token, "new_password": password})


async def can_log_in(auth: Auth, user: User, password: str) -> bool:
    response = await auth.api.post("/auth/login", json={"username": user.username, "password": password})
    return response.status_code == 200


async def me(user: User) -> dict[str, Any]:
    response = await user.call("GET", "/auth/me")
    assert response.status_code == 200, response.text
    return dict(response.json())


# --- verification ----------------------------------------------------------------------------------------------------


async def test_who_registers_with_an_address_gets_a_link_that_verifies_it(auth: Auth, mails: MailServer) -> None:
    user, email = await with_email(auth)
    assert (await me(user))["email_verified"] is False
    mail = await mails.wait(email)
    assert mail.subject == "Confirm your e-mail address"
    assert user.username in mail.text
    assert f"https://chat.example.org/verify-email#token={token_in(mail)}" in mail.text
    assert (await confirm(auth, token_in(mail))).status_code == 204
    assert (await me(user))["email_verified"] is True


async def test_a_link_is_good_once(auth: Auth, mails: MailServer) -> None:
    _, email = await with_email(auth)
    token = token_in(await mails.wait(email))
    responses = await asyncio.gather(*(confirm(auth, token) for _ in range(5)))
    assert sorted(response.status_code for response in responses) == [204] + [422] * 4
    assert {r.json()["code"] for r in responses if r.status_code == 422} == {"link_invalid"}


async def test_a_link_expires(auth: Auth, mails: MailServer) -> None:
    user, email = await with_email(auth)
    token = token_in(await mails.wait(email))
    await auth.sql("UPDATE email_tokens SET expires_at = now() WHERE user_id = $1", UUID(user.id))
    assert (await confirm(auth, token)).json()["code"] == "link_invalid"
    assert (await me(user))["email_verified"] is False


async def test_a_link_for_one_purpose_is_none_for_another(auth: Auth, mails: MailServer) -> None:
    user, email = await with_email(auth)
    token = token_in(await mails.wait(email))
    assert (await reset(auth, token)).json()["code"] == "link_invalid"
    assert await can_log_in(auth, user, PASSWORD)


async def test_the_link_can_be_sent_again_until_the_address_is_verified(auth: Auth, mails: MailServer) -> None:
    user, email = await with_email(auth)
    await mails.wait(email)
    assert (await user.call("POST", "/auth/email/verify")).status_code == 202
    assert (await confirm(auth, token_in(await mails.wait(email, 2)))).status_code == 204
    again = await user.call("POST", "/auth/email/verify")
    assert (again.status_code, again.json()["code"]) == (409, "email_verified")
    without = await (await auth.register()).call("POST", "/auth/email/verify")
    assert (without.status_code, without.json()["code"]) == (409, "no_email")


# --- another address -------------------------------------------------------------------------------------------------


async def change(user: User, email: str, password: str = PASSWORD) -> httpx.Response:
    return await user.call("PUT", "/auth/email", json={"email": email, "password": password})


async def test_a_new_address_counts_once_its_link_was_used_and_the_old_one_is_told(
    auth: Auth, mails: MailServer
) -> None:
    user, old = await verified(auth, mails)
    new = f"new.{old}"
    assert (await ask_for_reset(auth, old)).status_code == 202
    way_back = token_in(await mails.wait(old, 2))
    assert (await change(user, new)).status_code == 202
    mail = await mails.wait(new)
    assert (await me(user))["email"] == old
    assert (await confirm(auth, token_in(mail))).status_code == 204
    assert ((await me(user))["email"], (await me(user))["email_verified"]) == (new, True)
    assert (await mails.wait(old, 3)).subject == "Your e-mail address was changed"
    assert (await reset(auth, way_back)).json()["code"] == "link_invalid"


async def test_a_new_address_takes_the_password(auth: Auth, mails: MailServer) -> None:
    user, email = await verified(auth, mails)
    refused = await change(user, "other@example.org", "not the password")
    assert (refused.status_code, refused.json()["code"]) == (403, "wrong_password")
    assert (await change(user, "no address")).status_code == 422
    assert (await me(user))["email"] == email


async def test_proof_beats_a_claim_and_nothing_beats_proof(auth: Auth, mails: MailServer) -> None:
    squatter, email = await with_email(auth)
    owner, rival = await auth.register(), await auth.register()
    squatters_token = token_in(await mails.wait(email))
    await change(owner, email)
    owners = token_in(await mails.wait(email, 2))
    await change(rival, email)
    rivals = token_in(await mails.wait(email, 3))
    assert (await confirm(auth, owners)).status_code == 204
    assert (await me(owner))["email"] == email
    assert (await me(squatter))["email"] is None
    for late in (rivals, squatters_token):
        response = await confirm(auth, late)
        assert (response.status_code, response.json()["code"]) == (409, "email_taken")
    assert (await me(owner))["email"] == email


# --- a new password --------------------------------------------------------------------------------------------------


async def test_a_reset_sets_the_password_ends_every_session_and_verifies_the_address(
    auth: Auth, mails: MailServer
) -> None:
    user, email = await with_email(auth)
    other = await user.log_in()
    await mails.wait(email)
    assert (await ask_for_reset(auth, email.upper())).status_code == 202
    mail = await mails.wait(email.upper())
    assert f"https://chat.example.org/reset-password#token={token_in(mail)}" in mail.text
    assert (await reset(auth, token_in(mail))).status_code == 204
    assert await can_log_in(auth, user, NEW)
    assert not await can_log_in(auth, user, PASSWORD)
    for session in (user, other):
        refused = await session.call("GET", "/auth/me")
        assert (refused.status_code, refused.json()["code"]) == (401, "token_revoked")
        assert (await auth.refresh(session.refresh_token)).status_code == 401
    assert (await mails.wait(email, 2)).subject == "Your password was changed"
    body = {"username": user.username, "password": NEW}
    token = (await auth.api.post("/auth/login", json=body)).json()["access_token"]
    assert (await auth.api.get("/auth/me", headers={"Authorization": f"Bearer {token}"})).json()["email_verified"]
    assert (await reset(auth, token_in(mail))).json()["code"] == "link_invalid"


async def test_an_unknown_address_makes_no_difference(start_auth: StartAuth, mails: MailServer) -> None:
    (port,) = free_ports(1)
    async with start_auth(smtp_url=f"smtp://127.0.0.1:{port}?starttls=never") as auth:
        _, email = await with_email(auth)
        answers = [await ask_for_reset(auth, address) for address in (email, f"nobody.{email}")]
        assert [answer.status_code for answer in answers] == [202, 202]
        assert answers[0].content == answers[1].content == b""
        different = {"x-request-id", "date"}
        heads = [{k: v for k, v in a.headers.items() if k not in different} for a in answers]
        assert heads[0] == heads[1]
        # The same was done for both: the sender finds out whether there is such an account, not the request.
        rows = await auth.sql(
            "SELECT user_id FROM mails WHERE kind = 'reset_password' AND recipient LIKE '%' || $1", email
        )
        assert [row["user_id"] for row in rows] == [None, None]
        async with mail_server(port) as server:
            await server.wait(email, 2)

            async def is_empty() -> bool:
                return await auth.sql("SELECT 1 FROM mails WHERE recipient LIKE '%' || $1", email) == []

            await eventually(is_empty)
            assert server.to(f"nobody.{email}") == []


async def test_a_weak_new_password_does_not_use_the_link_up(auth: Auth, mails: MailServer) -> None:
    _, email = await verified(auth, mails)
    await ask_for_reset(auth, email)
    token = token_in(await mails.wait(email, 2))
    for password, code in (
        ("password123", "common_password"),
        (email.upper(), "common_password"),
        ("short", "invalid"),
    ):
        refused = await reset(auth, token, password)
        assert (refused.status_code, refused.json()["code"]) == (422, code)
    assert (await reset(auth, token)).status_code == 204


async def test_a_changed_password_makes_links_worthless(auth: Auth, mails: MailServer) -> None:
    user, email = await verified(auth, mails)
    await ask_for_reset(auth, email)
    token = token_in(await mails.wait(email, 2))
    body = {"current_password": PASSWORD, "new_password": NEW}
    assert (await user.call("POST", "/auth/password", json=body)).status_code == 204
    assert (await mails.wait(email, 3)).subject == "Your password was changed"
    assert (await reset(auth, token, "yet another one")).json()["code"] == "link_invalid"


async def test_a_reset_opens_an_account_that_was_closed_by_guessing(auth: Auth, mails: MailServer) -> None:
    user, email = await verified(auth, mails)
    for _ in range(11):
        await can_log_in(auth, user, "a stranger's guess")
    assert not await can_log_in(auth, user, PASSWORD)
    await ask_for_reset(auth, email)
    assert (await reset(auth, token_in(await mails.wait(email, 2)))).status_code == 204
    assert await can_log_in(auth, user, NEW)


# --- the way of a mail -----------------------------------------------------------------------------------------------


async def test_no_secret_of_a_link_is_stored(auth: Auth, mails: MailServer) -> None:
    _, email = await with_email(auth)
    token = token_in(await mails.wait(email))
    for table in ("mails", "email_tokens", "users", "outbox"):
        rows = await auth.sql(f"SELECT t::text AS row FROM {table} t")
        assert all(token not in row["row"] for row in rows)


async def test_requests_do_not_wait_for_a_mail_server_that_hangs(start_auth: StartAuth, mails: MailServer) -> None:
    link = Link(mails.url)
    await link.heal()
    link.freeze()
    async with start_auth(smtp_url=link.url) as auth:
        began = time.monotonic()
        user, email = await with_email(auth)
        assert (await ask_for_reset(auth, email)).status_code == 202
        assert (await user.call("GET", "/auth/me")).status_code == 200
        assert time.monotonic() - began < 5
        await link.heal()
        await mails.wait(email, 2)
    await link.cut()


async def test_a_mail_survives_the_process_that_was_to_send_it(start_auth: StartAuth) -> None:
    (port,) = free_ports(1)
    async with start_auth(smtp_url=f"smtp://127.0.0.1:{port}?starttls=never") as auth:
        user, email = await with_email(auth)
        waiting = await auth.sql("SELECT attempts FROM mails WHERE user_id = $1", UUID(user.id))
        assert len(waiting) == 1
    async with mail_server(port) as server, start_auth(smtp_url=server.url):
        await server.wait(email)


async def test_several_processes_send_a_mail_once(start_auth: StartAuth, mails: MailServer) -> None:
    async with start_auth(smtp_url=mails.url) as auth, start_auth(smtp_url=mails.url), start_auth(smtp_url=mails.url):
        emails = [(await with_email(auth))[1] for _ in range(10)]
        for email in emails:
            await mails.wait(email)

        async def is_empty() -> bool:
            return await auth.sql("SELECT 1 FROM mails WHERE recipient = ANY($1)", emails) == []

        await eventually(is_empty)
    assert [len(mails.to(email)) for email in emails] == [1] * 10


async def test_an_address_that_is_refused_holds_nobody_up(auth: Auth, mails: MailServer) -> None:
    mails.answers = ["550 no such mailbox"]
    user, _ = await with_email(auth)
    _, second = await with_email(auth)
    await mails.wait(second)
    assert await auth.sql("SELECT 1 FROM mails WHERE user_id = $1", UUID(user.id)) == []
    text = (await auth.api.get("/metrics")).text
    assert 'parley_auth_mails_total{kind="verify_email",outcome="refused"} 1.0' in text


async def test_a_mailbox_that_is_full_gets_its_mail_later(auth: Auth, mails: MailServer) -> None:
    mails.answers = ["450 later"]
    _, first = await with_email(auth)
    _, second = await with_email(auth)
    await mails.wait(second)
    await mails.wait(first)


async def test_a_mail_that_could_not_be_sent_in_time_is_given_up(start_auth: StartAuth) -> None:
    (port,) = free_ports(1)
    async with start_auth(smtp_url=f"smtp://127.0.0.1:{port}?starttls=never") as auth:
        user, _ = await with_email(auth)
        await auth.sql("UPDATE mails SET expires_at = now() WHERE user_id = $1", UUID(user.id))
    async with mail_server(port) as server, start_auth(smtp_url=server.url) as auth:

        async def is_gone() -> bool:
            return await auth.sql("SELECT 1 FROM mails WHERE user_id = $1", UUID(user.id)) == []

        await eventually(is_gone)
        assert not server.mails


async def test_nothing_is_said_in_the_clear_where_encryption_is_required(
    start_auth: StartAuth, mails: MailServer
) -> None:
    async with start_auth(smtp_url=f"smtp://127.0.0.1:{mails.port}") as auth:
        user, _ = await with_email(auth)

        async def was_tried() -> bool:
            return 'parley_dependency_errors_total{dependency="smtp"}' in (await auth.api.get("/metrics")).text

        await eventually(was_tried)
        assert len(await auth.sql("SELECT 1 FROM mails WHERE user_id = $1", UUID(user.id))) == 1
        assert not mails.mails


async def test_without_a_mail_server_everything_else_goes_on(start_auth: StartAuth) -> None:
    async with start_auth() as auth:
        user, email = await with_email(auth)
        assert await auth.sql("SELECT 1 FROM mails WHERE user_id = $1", UUID(user.id)) == []
        for response in (
            await user.call("POST", "/auth/email/verify"),
            await change(user, email),
            await ask_for_reset(auth, email),
        ):
            assert (response.status_code, response.json()["code"]) == (503, "no_mail")


# --- limits ----------------------------------------------------------------------------------------------------------


async def test_an_address_gets_so_many_links_an_hour_whether_or_not_it_is_known(auth: Auth, mails: MailServer) -> None:
    _, email = await with_email(auth)
    for address in (email, f"nobody.{email}"):
        answers = [await ask_for_reset(auth, address) for _ in range(6)]
        assert [answer.status_code for answer in answers] == [202] * 5 + [429]
        assert answers[-1].json()["code"] == "rate_limited"
        assert 3500 < int(answers[-1].headers["retry-after"]) <= 3600


async def test_a_user_and_a_client_address_have_so_many_mails_an_hour(start_auth: StartAuth, mails: MailServer) -> None:
    async with start_auth(smtp_url=mails.url, mails_per_hour_and_address=8) as auth:
        user, email = await with_email(auth)
        answers = [await change(user, f"{n}.{email}") for n in range(6)]
        assert [answer.status_code for answer in answers] == [202] * 5 + [429]
        here = [await ask_for_reset(auth, f"{n}.{email}") for n in range(3)]
        assert [answer.status_code for answer in here] == [202, 202, 429]
        auth.api.headers["X-Forwarded-For"] = "203.0.113.9"
        assert (await ask_for_reset(auth, f"9.{email}")).status_code == 202
