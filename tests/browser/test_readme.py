"""Somebody who knows nothing but the README: its commands in a shell, its steps in a browser, one after the other."""

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import devstack
from devstack.ports import Ports
from tests.browser.conftest import PASSWORD, People, Person

pytestmark = pytest.mark.timeout(180)

ROOT = Path(devstack.__file__).parents[1]
README = (ROOT / "README.md").read_text()
SECONDS = 90


def section(heading: str) -> str:
    """The text below a heading."""
    return README.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def command(heading: str) -> str:
    """The first line of its first shell block."""
    found = re.search(r"^```sh\n(.*?)( +#.*)?$", section(heading), re.MULTILINE)
    assert found is not None
    return found[1]


@pytest.fixture
def surroundings(tmp_path: Path) -> dict[str, str]:
    """A shell in which everything was installed already, a port that is free, and a place of one's own."""
    venv = tmp_path / "venv"
    venv.mkdir()
    for name in ("bin", "lib", "pyvenv.cfg"):
        (venv / name).symlink_to(Path(sys.prefix) / name)
    for stamp in (".build", ".run", ".node"):
        (venv / stamp).touch()
    port = str(Ports().choose())
    return {**os.environ, "VENV": str(venv), "PORT": port, "DATA_DIR": str(tmp_path / "data"), "RATE_LIMITS": "on"}


@contextlib.contextmanager
def running(line: str, until: str, surroundings: dict[str, str]) -> Iterator[str]:
    """A command, as soon as it has said something; ended by Ctrl-C. Gives all that it said until then."""
    process = subprocess.Popen(
        ["sh", "-c", f"exec {line}"],
        cwd=ROOT,
        env=surroundings,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # as in a terminal of its own, whose Ctrl-C reaches all that runs in it
    )
    assert process.stdout is not None
    said = ""
    try:
        while until not in said:
            heard = process.stdout.readline()
            assert heard, said
            said += heard
        yield said
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=SECONDS)


async def press(person: Person, name: str) -> None:
    """Press a button that the README names."""
    await person.page.get_by_role("button", name=name, exact=True).first.click()


async def test_two_people_chat_by_the_readme_alone(
    client_built: None, people: People, surroundings: dict[str, str]
) -> None:
    steps = section("Try it in a browser")
    account, create, new_chat, begin = dict.fromkeys(re.findall(r"press \*(.+?)\*", steps, re.IGNORECASE))
    with contextlib.ExitStack() as stack:
        said = await asyncio.to_thread(stack.enter_context, running(command("Two commands"), "\nready: ", surroundings))
        url = said.rpartition("ready: ")[2].strip()
        assert url == f"http://127.0.0.1:{surroundings['PORT']}"
        ann, ben = [await people.newcomer(url, name) for name in ("Ann", "Ben")]
        for person in (ann, ben):
            await press(person, account)
            await person.page.get_by_label("Username").fill(person.username)
            await person.page.get_by_label("Password").fill(PASSWORD)
            await press(person, create)
        await press(ann, new_chat)
        await ann.page.get_by_role("dialog").get_by_role("textbox").fill(ben.username)
        await press(ann, begin)
        await ann.say("Hello Ben")
        await ben.open_room(ann.username)
        await ben.sees("Hello Ben")
        await ann.page.get_by_role("img", name="read").wait_for()

        told = await asyncio.to_thread(
            stack.enter_context, running(command("Try it in a browser"), "until Ctrl-C", surroundings)
        )
        password = re.search(r"password: (.+)", told)
        assert password is not None
        ada = await people.newcomer(url, "Ada")
        await ada.page.get_by_label("Username").fill("ada")
        await ada.page.get_by_label("Password").fill(password[1].strip())
        await press(ada, "Sign in")
        await ada.open_room("Parley Bot")
        await ada.say("dice")
        await ada.page.get_by_role("log").get_by_text("You rolled a").wait_for()
        await asyncio.to_thread(stack.close)
