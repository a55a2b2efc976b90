"""Mail, through the gateway and from the page on which the devstack shows it."""

import asyncio
import time
from typing import Any

import httpx

from devstack.background import Background
from tests.e2e.people import PASSWORD, SECONDS, Platform
from tests.e2e.shapes import is_problem
from tests.support.mail import TOKEN


async def mail_to(stack: Background, client: httpx.AsyncClient, address: str, count: int = 1) -> dict[str, Any]:
    """The latest of `count` mails to an address, once they have come."""
    deadline = time.monotonic() + SECONDS
    while True:
        mails = (await client.get(f"{stack.urls['mail']}/mails.json")).json()["mails"]
        found = [mail for mail in mails if mail["recipients"] == [address]]
        if len(found) >= count:
            return dict(found[count - 1])
        assert time.monotonic() < deadline, mails
        await asyncio.sleep(0.02)


async def test_an_address_is_verified_and_a_forgotten_password_replaced(
    stack: Background, platform: Platform, client: httpx.AsyncClient
) -> None:
    address = f"{time.time_ns()}@example.org"
    alice = await platform.register("alice", email=address)
    mail = await mail_to(stack, client, address)
    link = TOKEN.search(mail["text"])
    assert link is not None
    assert f"{platform.url}/verify-email#token=" in mail["text"]
    page = (await client.get(stack.urls["mail"])).text
    assert f'<a href="{platform.url}/verify-email#token={link[1]}">' in page
    confirmed = await platform.call("POST", "/auth/email/verify/confirm", {"token": link[1]})
    assert confirmed.status_code == 204
    assert (await alice.get("/auth/me"))["email_verified"] is True

    async with alice.connected() as socket:
        assert (await platform.call("POST", "/auth/password/reset", {"email": address})).status_code == 202
        link = TOKEN.search((await mail_to(stack, client, address, 2))["text"])
        assert link is not None
        body = {"token": link[1], "new_password": "quite another password"}
        assert (await platform.call("POST", "/auth/password/reset/confirm", body)).status_code == 204
        assert await socket.closed() == 4401
    is_problem(await alice.call("GET", "/auth/me"), 401, "token_revoked")
    for password, status in ((PASSWORD, 401), ("quite another password", 200)):
        login = {"username": alice.username, "password": password}
        assert (await platform.call("POST", "/auth/login", login)).status_code == status


async def test_the_page_of_mails_answers_to_its_own_name_only(stack: Background, client: httpx.AsyncClient) -> None:
    for path in ("/", "/mails.json"):
        assert (await client.get(stack.urls["mail"] + path)).status_code == 200
        assert (await client.get(stack.urls["mail"] + path, headers={"Host": "evil.example"})).status_code == 403
