"""`devstack.talk`, which the README shows: it goes on where it was when its pod is killed, and says what is wrong."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import devstack
from devstack.background import Background
from tests.e2e.people import Person, Platform

ROOT = Path(devstack.__file__).parents[1]
SECONDS = 20
LINES = 6


@contextlib.contextmanager
def talking(*arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """The program, with its standard input open."""
    process = subprocess.Popen(
        [sys.executable, "-m", "devstack.talk", *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def read_until(process: "subprocess.Popen[str]", word: str, count: int = 1) -> None:
    """Read its lines until so many have had `word` in them."""
    assert process.stdout is not None
    for line in process.stdout:
        count -= word in line
        if not count:
            return
    raise AssertionError(f"{word} was not said")


def heard(lines: list[str]) -> list[dict[str, Any]]:
    """The messages of others in what it printed."""
    frames = [json.loads(line.split(" < ", 1)[1]) for line in lines if " < " in line]
    found = [frame["data"] for frame in frames if frame["type"] == "chat.message"]
    return [message for message in found if message["direction"] == "received"]


async def test_who_talks_while_a_pod_is_killed_loses_and_repeats_nothing(
    stack: Background, alice: Person, bob: Person
) -> None:
    room = await alice.direct(bob)
    arguments = (alice.platform.url, room)
    with contextlib.ExitStack() as processes:
        ours = processes.enter_context(talking(*arguments, alice.token))
        await asyncio.to_thread(read_until, ours, "session.ready")
        theirs = processes.enter_context(talking(*arguments, bob.token, "--until", str(2 * LINES)))
        await asyncio.to_thread(read_until, theirs, "session.ready")
        assert ours.stdin is not None
        for number in range(2 * LINES):
            if number == LINES:
                killed = stack.kill("chat-1")  # the gateway gives each of them to another pod
            ours.stdin.write(f"line {number}\n")
            ours.stdin.flush()
        ours.stdin.close()
        ours.stdin = None
        said, complaints = await asyncio.to_thread(theirs.communicate, timeout=SECONDS)
        assert (theirs.returncode, complaints) == (0, "")
        also_said, _ = await asyncio.to_thread(ours.communicate, timeout=SECONDS)
        assert ours.returncode == 0
    messages = heard(said.splitlines())
    assert [message["content"] for message in messages] == [f"line {number}" for number in range(2 * LINES)]
    assert [message["seq"] for message in messages] == list(range(1, 2 * LINES + 1))
    assert "not connected; again in" in said + also_said
    await asyncio.to_thread(stack.until_ready, "chat-1", killed)


async def ended(*arguments: str) -> tuple[int, str]:
    """How it ends by itself, and what it complains of."""
    with talking(*arguments) as process:
        _, complaints = await asyncio.to_thread(process.communicate, timeout=SECONDS)
        return process.returncode, complaints


async def test_it_says_why_it_cannot_talk(platform: Platform, alice: Person, bob: Person) -> None:
    room = await alice.direct(bob)
    code, complaints = await ended(platform.url, room, "no token", "Hello")
    assert (code, complaints.startswith("Refused with 401: ")) == (1, True), complaints
    code, complaints = await ended("http://127.0.0.1:1", room, alice.token, "Hello")
    assert (code, complaints.startswith("Nothing answers at ws://127.0.0.1:1/ws")) == (1, True), complaints
    stranger = await platform.register("carol")
    assert (await ended(platform.url, room, stranger.token, "Hello"))[0] == 1
