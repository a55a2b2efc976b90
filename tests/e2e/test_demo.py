"""`make demo` on a real platform: people with a history, a bot that answers once, and nothing twice."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import devstack
from devstack.background import Background
from devstack.demo.story import BOT, PASSWORD, SCENES
from tests.e2e.people import Person, Platform

ROOT = Path(devstack.__file__).parents[1]
SECONDS = 30


def start(url: str, *words: str) -> "subprocess.Popen[str]":
    """The program."""
    return subprocess.Popen(
        [sys.executable, "-m", "devstack.demo", url, *words],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def outcome(url: str, *words: str) -> tuple[int, str, str]:
    """How it ended, and what it said."""
    with start(url, *words) as process:
        said, complained = process.communicate(timeout=SECONDS)
        return process.returncode, said, complained


@pytest.fixture
def demo(stack: Background) -> Iterator["subprocess.Popen[str]"]:
    """The program, as soon as its bot is there."""
    with start(stack.gateway_url) as process:
        assert process.stdout is not None
        try:
            said = ""
            while "until Ctrl-C" not in said:
                line = process.stdout.readline()
                assert line, (said, process.communicate(timeout=SECONDS))
                said += line
            yield process
        finally:
            process.kill()


async def histories(person: Person) -> dict[str, list[str]]:
    """What is in all rooms, by their ids, oldest first."""
    rooms = (await person.get("/api/chat/users/"))["results"]
    found = {}
    for room in rooms:
        page = await person.get(f"/api/chat/{room['id']}/messages/?after=0&limit=200")
        found[room["id"]] = [message["content"] for message in page["results"]]
    return found


async def test_there_are_people_with_rooms_and_a_bot_that_answers_once(
    demo: "subprocess.Popen[str]", platform: Platform
) -> None:
    reply = await platform.call("POST", "/auth/login", {"username": "ada", "password": PASSWORD})
    ada = Person(platform, reply.json())
    told = [[line.text for line in scene.lines] for scene in SCENES if "ada" in scene.people]
    assert sorted((await histories(ada)).values()) == sorted(told)
    unread = {room["unread_count"] for room in (await ada.get("/api/chat/users/"))["results"]}
    assert 0 in unread
    assert max(unread) > 0

    sent = await platform.call("POST", "/api/chat/messages/", {"receiver": BOT, "message": "dice"}, token=ada.token)
    room = sent.json()["room"]
    async with asyncio.timeout(SECONDS):
        while len(rolled := (await histories(ada))[room]) < len(SCENES[0].lines) + 2:
            await asyncio.sleep(0.1)
    assert rolled[-1].startswith("You rolled a ")

    code, said, complained = await asyncio.to_thread(outcome, platform.url, "--without-bot")
    assert (code, complained) == (0, "")
    assert PASSWORD in said
    assert platform.url in said
    histories_now = await histories(ada)
    assert histories_now[room] == rolled
    assert sorted(histories_now.values()) == sorted([*told[1:], rolled])

    demo.terminate()
    assert await asyncio.to_thread(demo.wait, SECONDS) == 0

    changed = {"current_password": PASSWORD, "new_password": "only ada knows it"}
    assert (await platform.call("POST", "/auth/password", changed, token=ada.token)).status_code == 204
    code, said, complained = await asyncio.to_thread(outcome, platform.url)
    assert (code, said) == (1, "")
    assert "taken" in complained


def test_without_a_platform_it_says_what_to_do() -> None:
    code, said, complained = outcome("http://127.0.0.1:9")
    assert (code, said) == (1, "")
    assert "make run" in complained
