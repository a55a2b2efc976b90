"""A platform with the web client, and people in browsers of their own."""

import os
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from devstack import web
from devstack.background import Background
from devstack.installers import NotInstalled
from tests.browser.chromium import Missing, find
from tests.e2e.conftest import running

try:
    from playwright.async_api import Browser, Page, async_playwright
except ImportError as error:  # it is installed by `make test-browser` only
    pytest.skip(f"Playwright is not installed: {error}", allow_module_level=True)

PICTURES = Path(__file__).parents[2] / ".cache" / "browser"
PATIENCE = 10_000  # milliseconds
PASSWORD = "correct horse battery staple"
WIDE, PHONE = {"width": 1100, "height": 720}, {"width": 390, "height": 800}


def missing(reason: str) -> None:
    """Skip for that reason; in CI, fail."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def client_built() -> None:
    """The web client, as the gateway serves it."""
    try:
        web.build()
    except NotInstalled as reason:
        missing(f"no web client: {reason}")


@pytest.fixture(scope="session")
def stack(client_built: None) -> Iterator[Background]:
    """The platform."""
    with running(Path(tempfile.mkdtemp(prefix="parley-browser-")), RATE_LIMITS="off") as stack:
        yield stack


@pytest.fixture(scope="session")
def short_stack(client_built: None) -> Iterator[Background]:
    """One whose access tokens live for six seconds."""
    with running(
        Path(tempfile.mkdtemp(prefix="parley-browser-")), RATE_LIMITS="off", ACCESS_TOKEN_SECONDS="6"
    ) as stack:
        yield stack


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """Chromium."""
    try:
        path = find()
    except Missing as reason:
        missing(str(reason))
        raise
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        await browser.close()


class Person:
    """Somebody in a browser of his own."""

    def __init__(self, page: Page, name: str) -> None:
        self.page = page
        self.name = name
        self.username = f"{name.lower()}.{uuid.uuid4().hex[:8]}"
        self.complaints: list[str] = []
        page.on("console", lambda message: self._note(message.type, message.text))
        page.on("pageerror", lambda error: self._note("error", str(error)))
        page.set_default_timeout(PATIENCE)

    def _note(self, kind: str, text: str) -> None:
        if kind == "error":
            self.complaints.append(text)

    async def register(self) -> None:
        """Make an account, by what the first page offers."""
        await self.page.get_by_role("button", name="Create an account").click()
        await self.page.get_by_label("Username").fill(self.username)
        await self.page.get_by_label("Display name").fill(self.name)
        await self.page.get_by_label("Password").fill(PASSWORD)
        await self.page.get_by_role("button", name="Create account").click()
        await self.page.get_by_role("navigation", name="Rooms").wait_for()

    async def begin_chat(self, other: "Person") -> None:
        """Open the room with somebody."""
        await self.page.get_by_role("navigation").get_by_role("button", name="New chat").click()
        await self.page.get_by_label("Who?").fill(other.username)
        await self.page.get_by_role("button", name="Begin").click()
        await self.writing_place().wait_for()

    async def open_room(self, name: str) -> None:
        """Open a room from the list."""
        await self.page.get_by_role("navigation").get_by_role("button", name=name).click()
        await self.writing_place().wait_for()

    def writing_place(self) -> Any:
        """Where one writes."""
        return self.page.get_by_label("Message to")

    async def say(self, text: str) -> None:
        """Write, and press Enter."""
        await self.writing_place().fill(text)
        await self.writing_place().press("Enter")

    async def sees(self, text: str) -> None:
        """Wait until a message is shown."""
        await self.page.get_by_role("log").get_by_text(text, exact=True).wait_for()

    async def messages(self) -> list[str]:
        """All messages that are shown, in order."""
        return list(await self.page.get_by_role("log").locator(".content").all_inner_texts())

    async def picture(self, name: str) -> None:
        """Keep what is shown, to be looked at."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        await self.page.screenshot(path=PICTURES / f"{name}.png")


class People:
    """Opens browsers for people."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser

    async def visit(self, stack: Background, name: str, **options: Any) -> Person:
        """Somebody who has opened the first page."""
        return await self.newcomer(stack.gateway_url, name, **options)

    async def newcomer(self, url: str, name: str, **options: Any) -> Person:
        """Somebody who has opened the page at an address."""
        context = await self._browser.new_context(**{"viewport": WIDE, **options})
        person = Person(await context.new_page(), name)
        await person.page.goto(url)
        return person

    async def member(self, stack: Background, name: str, **options: Any) -> Person:
        """Somebody with an account."""
        person = await self.visit(stack, name, **options)
        await person.register()
        return person


@pytest.fixture
def people(browser: Browser) -> People:
    """See People."""
    return People(browser)
