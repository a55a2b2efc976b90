"""The README's first message, its lines as they are, in a shell, on a platform with its limits on."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import devstack
from devstack.background import Background
from tests.e2e.shapes import GRANT, MESSAGE, is_shaped, page_of

ROOT = Path(devstack.__file__).parents[1]
HEADING = "## First message in 60 seconds"
THERE = "http://127.0.0.1:8000"
QUICK_SECONDS = 30


@pytest.fixture
def folder(data_dir: Path, tmp_path: Path) -> Path:
    """A checkout after `make run`, as far as the lines can tell."""
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (tmp_path / ".data").symlink_to(data_dir)
    return tmp_path


def quickstart() -> str:
    """The shell lines below the heading."""
    section = (ROOT / "README.md").read_text().split(HEADING)[1].split("\n## ")[0]
    return "".join(re.findall(r"^```sh\n(.*?)^```$", section, re.DOTALL | re.MULTILINE))


def run(url: str, folder: Path, shell: str) -> list[str]:
    """The lines that the quickstart prints."""
    script = quickstart()
    assert script.count(THERE) == 1
    done = subprocess.run(
        [shell, "-eu", "-c", script.replace(THERE, url)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
        capture_output=True,
        text=True,
        timeout=QUICK_SECONDS,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    return done.stdout.splitlines()


def test_the_first_message_is_sent_on_one_pod_and_received_on_the_other(
    limited_stack: Background, folder: Path
) -> None:
    logs = {pod: folder / ".data" / "logs" / f"chat-{pod}.log" for pod in "12"}
    for number, shell in enumerate(("bash", "sh"), start=1):  # and once more, when both are registered already
        before = {pod: log.read_text().count("WEBSOCKET") for pod, log in logs.items()}
        lines = run(limited_stack.gateway_url, folder, shell)
        registered = [json.loads(line) for line in lines[:2]]
        if number == 1:
            for name, grant in zip(("alice", "bob"), registered, strict=True):
                is_shaped(grant, GRANT)
                assert grant["username"] == name
        else:
            assert [problem["code"] for problem in registered] == ["username_taken"] * 2

        frames = [re.fullmatch(r"(alice|bob) ([<>]) (.*)", line) for line in lines[2:-3]]
        said = [(match[1], match[2], json.loads(match[3])) for match in frames if match is not None]
        assert len(said) == len(frames), lines
        ready, sent, *answers = [(mark, frame) for name, mark, frame in said if name == "alice"]
        assert (ready[0], ready[1]["type"]) == ("<", "session.ready")
        assert (sent[0], sent[1]["data"]["content"]) == (">", "Hello, Bob!")
        [ack] = [frame["data"] for mark, frame in answers if frame["type"] == "chat.ack"]
        assert (ack["client_id"], ack["seq"]) == (sent[1]["data"]["client_id"], number)
        heard = [frame for name, mark, frame in said if name == "bob" and frame["type"] != "friend.online"]
        assert [frame["type"] for frame in heard] == ["session.ready", "chat.message"]
        is_shaped(heard[1]["data"], MESSAGE)
        assert (heard[1]["data"]["id"], heard[1]["data"]["content"]) == (ack["id"], "Hello, Bob!")

        counts = dict(re.findall(r"^\.data/logs/chat-([12])\.log:(\d+)$", "\n".join(lines[-3:-1]), re.MULTILINE))
        assert {pod: int(count) - before[pod] for pod, count in counts.items()} == {"1": 1, "2": 1}

        history = json.loads(lines[-1])
        is_shaped(history, page_of(MESSAGE))
        assert (history["count"], history["results"][0]["id"]) == (number, ack["id"])


@pytest.mark.skipif(shutil.which("zsh") is None, reason="there is no zsh here")
def test_zsh_takes_the_same_lines(limited_stack: Background, folder: Path) -> None:
    assert json.loads(run(limited_stack.gateway_url, folder, "zsh")[-1])["count"] >= 1
