"""The examples for client developers do what their page says, as they are, in programs of their own."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import devstack
from devstack.background import Background

FOLDER = Path(devstack.__file__).parents[1] / "clients" / "examples"
ACCOUNT = ["CreateUser 201", "Login 200"]
FLOW = [*ACCOUNT, *ACCOUNT, "GetUsers 200", "SendMessage 201", "SendMessage 200", "SendMessage 201", "GetMessages 200"]
SECONDS = 30


STEPS = {step.split()[0] for step in FLOW} | {"Logout"}
PROGRAMS = {"chat_flow.py": sys.executable, "chat_flow.sh": "sh"}


@pytest.mark.parametrize("program", PROGRAMS)
def test_two_people_from_registration_to_logout(stack: Background, program: str) -> None:
    command = [PROGRAMS[program], program, stack.gateway_url]
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    lines = [re.fullmatch(r"(\w+) +[A-Z]+ +/\S+ (\d+)", line) for line in done.stdout.splitlines()]
    calls = [f"{line[1]} {line[2]}" for line in lines if line is not None]
    assert calls == [*FLOW, "Logout 204", "Logout 204", "GetUsers 401"]
    said = [line.strip() for line in done.stdout.splitlines() if line.startswith("  ")]
    users = re.match(r"(\d+) users", said[0])
    assert users is not None
    assert int(users[1]) >= 2
    assert said[1][-1] == said[2][-1] == "1"  # sent twice, stored once
    assert sorted(line.rpartition("Hello")[2].strip('"') for line in said[3:]) == [", Alice!", ", Bob!"]


def test_their_page_names_every_step() -> None:
    page = (FOLDER / "README.md").read_text()
    assert set(re.findall(r"^\| ([A-Z]\w+) \|", page, re.MULTILINE)) == STEPS
    for program in PROGRAMS:
        text = (FOLDER / program).read_text()
        assert {step for step in STEPS if re.search(rf"\b{step}\b", text)} == STEPS
        assert program in page
