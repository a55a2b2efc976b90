"""No finding of axe that matters, in either theme, wide or on a phone; and everything by keyboard alone."""

import json
from pathlib import Path

import pytest

from devstack.background import Background
from tests.browser.conftest import PASSWORD, PHONE, WIDE, People, Person

pytestmark = pytest.mark.timeout(120)

AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
SERIOUS = {"serious", "critical"}


async def findings(person: Person) -> list[str]:
    """What axe finds on the page as it is now."""
    await person.page.evaluate(AXE.read_text())
    result = await person.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    assert len(result["passes"]) > 5, "axe did not look"
    return [
        json.dumps([finding["id"], finding["help"], [node["html"][:200] for node in finding["nodes"]]])
        for finding in result["violations"]
        if finding["impact"] in SERIOUS
    ]


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "phone"])
async def test_no_page_has_a_serious_finding(
    stack: Background, people: People, color_scheme: str, viewport: dict[str, int]
) -> None:
    words = f"{color_scheme}-{viewport['width']}"
    options = {"color_scheme": color_scheme, "viewport": viewport}
    alice = await people.visit(stack, "Alice", **options)
    await alice.page.get_by_role("heading", name="Sign in to Parley").wait_for()
    assert await findings(alice) == []
    await alice.picture(f"door-{words}")
    await alice.register()
    assert await findings(alice) == []
    await alice.picture(f"empty-{words}")
    bob = await people.member(stack, "Bob")
    await alice.page.get_by_role("navigation").get_by_role("button", name="New chat").click()
    await alice.page.get_by_label("Who?").fill(bob.username)
    assert await findings(alice) == []
    await alice.picture(f"new-chat-{words}")
    await alice.page.get_by_role("button", name="Begin").click()
    await alice.say("Hello")
    await alice.sees("Hello")
    await bob.open_room("Alice")
    await bob.say(
        "A longer answer, which needs more than one line on a small screen, and has a second one:\nhere it is."
    )
    await alice.page.get_by_role("img", name="read").wait_for()
    assert await findings(alice) == []
    await alice.picture(f"room-{words}")


async def test_everything_can_be_done_by_keyboard(stack: Background, people: People) -> None:
    bob = await people.member(stack, "Bob")
    alice = await people.visit(stack, "Alice")
    keyboard = alice.page.keyboard
    await alice.page.get_by_label("Username or e-mail").wait_for()

    async def to(name: str) -> None:
        for _ in range(30):
            focused = await alice.page.evaluate(
                "(e => e.ariaLabel ?? e.labels?.[0]?.innerText ?? e.innerText ?? '')(document.activeElement)"
            )
            if focused.strip().startswith(name):
                return
            await keyboard.press("Tab")
        raise AssertionError(f"{name} cannot be reached")

    await to("Create an account")
    await keyboard.press("Enter")
    for label, text in (("Username", alice.username), ("Display name", "Alice"), ("Password", PASSWORD)):
        await to(label)
        await keyboard.type(text)
    await keyboard.press("Enter")
    await alice.page.get_by_role("navigation", name="Rooms").wait_for()
    await to("New chat")
    await keyboard.press("Enter")
    await to("Who?")
    await keyboard.type(bob.username)
    await keyboard.press("Enter")
    await alice.writing_place().wait_for()
    await to("Message to")
    await keyboard.type("by keyboard")
    await keyboard.press("Enter")
    await alice.sees("by keyboard")
    await to("New group")
    await keyboard.press("Enter")
    await alice.page.get_by_role("dialog").wait_for()
    await keyboard.press("Escape")
    await alice.page.get_by_role("dialog").wait_for(state="detached")
