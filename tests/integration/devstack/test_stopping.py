"""Whatever ends the devstack, it leaves nothing behind."""

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import msgspec
import pytest

from devstack.leftovers import Record
from devstack.pids import born

if TYPE_CHECKING:
    from .conftest import Running

Start: TypeAlias = "Callable[..., Running]"

ENGINES_AND_SERVICES = {"postgres", "valkey", "kafka", "inner", "gateway"}


@pytest.mark.parametrize(
    ("number", "group"), [(signal.SIGINT, True), (signal.SIGTERM, False), (signal.SIGHUP, False)], ids=str
)
def test_a_signal_ends_everything_and_the_exit_code_is_0(start: Start, number: int, group: bool) -> None:
    running = start().ready()
    records = running.records()
    assert {record.name for record in records} == ENGINES_AND_SERVICES
    running.signal(number, group=group)
    assert running.end() == 0
    assert running.lines[-1] == "Stopped."
    assert not running.left(records)
    assert not any("started again" in line or "was made to" in line for line in running.lines)


def test_a_second_signal_hurries(start: Start) -> None:
    running = start("stubborn").ready()
    records = running.records()
    running.signal(signal.SIGINT, group=True)
    running.line("Stopping")
    began = time.monotonic()
    running.signal(signal.SIGINT, group=True)
    assert running.end() == 0
    assert time.monotonic() - began < 5  # politely it is 10 s until a process that ignores SIGTERM is ended
    assert not running.left(records)


def test_signals_after_the_last_word_do_not_change_the_exit_code(start: Start) -> None:
    running = start().ready()
    running.signal(signal.SIGINT, group=True)
    running.line("Stopped.")
    while running.running():
        with contextlib.suppress(ProcessLookupError):
            running.signal(signal.SIGINT)
    assert running.end() == 0


def test_a_signal_during_the_start_ends_what_was_started(start: Start) -> None:
    running = start()
    running.line("is making its cluster")
    running.signal(signal.SIGTERM)
    assert running.end() == 0
    assert not running.left([])
    assert not any(line.startswith("ready") for line in running.lines)
    start(folder=running.folder).ready()  # and what was half made does not stop the next


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the next start ends them")
def test_nothing_survives_a_devstack_that_is_killed(start: Start) -> None:
    running = start().ready()
    records = running.records()
    running.signal(signal.SIGKILL)
    assert running.end() == -signal.SIGKILL
    deadline = time.monotonic() + 5
    while running.left(records) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not running.left(records)
    start(folder=running.folder).ready()


def test_what_an_earlier_run_left_behind_is_ended_and_nothing_else(start: Start, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    leftover, stranger = (subprocess.Popen(["/bin/sleep", "60"]) for _ in range(2))
    try:
        records = [Record("inner", leftover.pid, born(leftover.pid)), Record("gateway", stranger.pid, "another time")]
        (folder / "processes.json").write_bytes(msgspec.json.encode(records))
        running = start(folder=folder).ready()
        assert running.lines[1] == "Ended what an earlier run had left behind: inner."
        assert leftover.wait() == -signal.SIGINT
        assert stranger.poll() is None
    finally:
        for process in (leftover, stranger):
            process.kill()
            process.wait()
