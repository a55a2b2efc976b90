"""The links of mails, opened in a browser: an address is confirmed, a forgotten password replaced."""

import re
from typing import Any

import httpx
import pytest

from devstack.background import Background
from tests.browser.conftest import PASSWORD, People, Person
from tests.e2e.test_mail import mail_to

pytestmark = pytest.mark.timeout(120)
LINK = re.compile(r"http\S+#token=[\w-]+")


async def link_in(stack: Background, address: str, count: int = 1) -> str:
    """The link of the latest of so many mails."""
    async with httpx.AsyncClient(timeout=30, trust_env=False) as client:
        found = LINK.search((await mail_to(stack, client, address, count))["text"])
    assert found is not None
    return found[0]


async def me(stack: Background, person: Person, password: str) -> Any:
    """What auth says of who logs in with that password; None if he cannot."""
    async with httpx.AsyncClient(base_url=stack.gateway_url, timeout=30, trust_env=False) as client:
        reply = await client.post("/auth/login", json={"username": person.username, "password": password})
        if reply.status_code != 200:
            return None
        token = {"Authorization": f"Bearer {reply.json()['access_token']}"}
        return (await client.get("/auth/me", headers=token)).json()


async def test_a_link_confirms_an_address_and_another_one_replaces_a_forgotten_password(
    stack: Background, people: People
) -> None:
    alice = await people.visit(stack, "Alice")
    address, page = f"{alice.username}@example.org", alice.page
    await page.get_by_role("button", name="Create an account").click()
    await page.get_by_label("Username").fill(alice.username)
    await page.get_by_label("E-mail").fill(address)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Create account").click()
    await page.get_by_role("navigation", name="Rooms").wait_for()

    link = await link_in(stack, address)
    await page.goto(link)
    assert (await me(stack, alice, PASSWORD))["email_verified"] is False, "looking at a link is not using it"
    await page.get_by_role("button", name="Confirm").click()
    await page.get_by_role("heading", name="Your address is confirmed").wait_for()
    assert (await me(stack, alice, PASSWORD))["email_verified"] is True
    assert "token" not in page.url
    await page.get_by_role("link", name="Go to Parley").click()
    await page.get_by_role("navigation", name="Rooms").wait_for()

    other = await people.visit(stack, "Alice elsewhere")
    await other.page.get_by_role("link", name="Forgot your password?").click()
    await other.page.get_by_label("E-mail").fill(address)
    await other.page.get_by_role("button", name="Send me a link").click()
    await other.page.get_by_role("heading", name="Look into your mail").wait_for()
    link = await link_in(stack, address, 2)
    await other.page.goto(link)
    await other.page.get_by_label("New password", exact=True).fill("password")
    await other.page.get_by_role("button", name="Change the password").click()
    await other.page.get_by_role("alert").wait_for()
    await other.page.get_by_label("New password", exact=True).fill(f"another {PASSWORD}")
    await other.page.get_by_role("button", name="Change the password").click()
    await other.page.get_by_role("heading", name="Your password is changed").wait_for()
    assert "token" not in other.page.url
    assert await me(stack, alice, PASSWORD) is None
    assert await me(stack, alice, f"another {PASSWORD}") is not None
    await page.get_by_role("heading", name="Sign in").wait_for()  # the first browser was signed out

    await other.page.goto("about:blank")
    await other.page.goto(link)
    await other.page.get_by_label("New password", exact=True).fill(f"a third {PASSWORD}")
    await other.page.get_by_role("button", name="Change the password").click()
    await other.page.get_by_text("This link has been used").wait_for()
    await other.page.get_by_role("link", name="Ask for a new link").click()
    await other.page.get_by_role("heading", name="Forgot your password?").wait_for()
