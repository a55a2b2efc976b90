"""The picture of the client in the README, taken of the demo: `python -m tests.browser.picture`."""

import asyncio
import tempfile
from pathlib import Path

from playwright.async_api import Browser, Page, ViewportSize, async_playwright

import devstack
from devstack import web
from devstack.demo import scenery
from devstack.demo.story import PASSWORD
from parley_client import Parley
from tests.browser.chromium import find
from tests.e2e.conftest import running

PICTURE = Path(devstack.__file__).parents[1] / "docs" / "client.png"
SIZE: ViewportSize = {"width": 1040, "height": 640}


async def sign_in(browser: Browser, url: str, name: str) -> Page:
    """One of the people, with the team's room open."""
    page = await (await browser.new_context(viewport=SIZE, locale="en-GB")).new_page()
    await page.goto(url)
    await page.get_by_label("Username or e-mail").fill(name)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in", exact=True).click()
    await page.get_by_role("navigation").get_by_role("button", name="Analytical team").click()
    await page.get_by_text("GIVING BREAK").last.wait_for()
    return page


async def take(url: str) -> None:
    """Ada reads while Grace writes."""
    async with Parley(url) as parley:
        await scenery.build(parley)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=find(), args=["--no-sandbox"])
        grace, ada = [await sign_in(browser, url, name) for name in ("grace", "ada")]
        await ada.get_by_label("Message to").fill("That is all I ever wanted of a machine.")
        await ada.keyboard.press("Enter")
        await ada.get_by_role("img", name="read").last.wait_for()
        await grace.get_by_label("Message to").press_sequentially("It is")
        await ada.get_by_text("Grace Hopper is typing").wait_for()
        await ada.evaluate("document.activeElement.blur()")
        await ada.mouse.move(700, 600)
        await ada.screenshot(path=PICTURE)
        await browser.close()


def main() -> None:
    """Start a platform, take the picture, stop it."""
    web.build()
    with running(Path(tempfile.mkdtemp(prefix="parley-picture-")), RATE_LIMITS="off") as stack:
        asyncio.run(take(stack.gateway_url))


if __name__ == "__main__":
    main()
