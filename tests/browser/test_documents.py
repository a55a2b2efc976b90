"""The pages of the documents: calls can be tried, nothing is fetched from elsewhere, and everybody can read them."""

import json

import pytest

from devstack.background import Background
from tests.browser.conftest import PASSWORD, People
from tests.browser.test_accessibility import findings

pytestmark = pytest.mark.timeout(120)


async def test_a_call_can_be_tried_on_the_page(stack: Background, people: People) -> None:
    alice = await people.member(stack, "Alice")
    asked: list[str] = []
    alice.page.on("request", lambda request: asked.append(request.url))
    await alice.page.goto(f"{stack.gateway_url}/docs")
    await alice.page.get_by_role("button", name="/auth/login", exact=False).first.click()
    await alice.page.get_by_text("correct horse battery").first.wait_for()  # the example
    await alice.page.get_by_role("button", name="Try it out").click()
    body = json.dumps({"username": alice.username, "password": PASSWORD})
    await alice.page.locator("textarea.body-param__text").fill(body)
    await alice.page.get_by_role("button", name="Execute").click()
    await alice.page.locator(".live-responses-table").get_by_text(alice.username).first.wait_for()
    await alice.picture("docs")
    assert [url for url in asked if not url.startswith((stack.gateway_url, "data:"))] == []
    assert alice.complaints == []


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
async def test_frames_and_codes_are_readable(stack: Background, people: People, color_scheme: str) -> None:
    alice = await people.visit(stack, "Alice", color_scheme=color_scheme)
    for path, word in (("/docs/events", "chat.message"), ("/docs/errors", "token_expired"), ("/status", "ready")):
        await alice.page.goto(stack.gateway_url + path)
        await alice.page.get_by_text(word, exact=True).first.wait_for()
        assert await findings(alice) == []
        await alice.picture(f"{path.rpartition('/')[2]}-{color_scheme}")
    assert alice.complaints == []
