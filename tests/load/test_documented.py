"""What the README tells a load tester to type is understood."""

import re
import shlex
import subprocess

import pytest

from loadtests.load.__main__ import arguments, program
from tests.load.conftest import ROOT

COMMANDS = re.findall(r"^make load\b[^#\n]*", (ROOT / "loadtests" / "README.md").read_text(), re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_documented_command_is_understood(command: str) -> None:
    made = subprocess.run(
        [*shlex.split(command), "--dry-run", "--assume-old=.venv/.run", "--assume-old=.venv/.load"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    line = next(line for line in made.stdout.replace("\\\n", " ").splitlines() if "-m loadtests.load" in line)
    wanted, rest = arguments(shlex.split(line)[3:])
    assert wanted.users > 0
    locust = program()
    assert locust is not None
    words = [locust, "-f", "loadtests/load/locustfile.py", "--host", "http://localhost", "--headless", "--list", *rest]
    listed = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert "WebSocket" in listed.stdout + listed.stderr, listed.stderr
