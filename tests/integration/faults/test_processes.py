"""Freezing processes."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.processes import children, end, freeze, thaw

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
PATIENCE_SECONDS = 10
PARENT = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)'])"


@pytest.fixture
def parent() -> Iterator[subprocess.Popen[bytes]]:
    """A process with a child, in a session of its own."""
    with subprocess.Popen([sys.executable, "-c", PARENT]) as process:
        yield process
        for pid in (*children(process.pid), process.pid):
            end(pid, signal.SIGKILL)


def state(pid: int) -> str:
    """R, S, T, Z, …"""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


async def until_stopped(pids: list[int], stopped: list[bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while [state(pid) == "T" for pid in pids] != stopped:
            await asyncio.sleep(0.01)


async def child_of(process: subprocess.Popen[bytes]) -> int:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (found := children(process.pid)):
            await asyncio.sleep(0.01)
    return found[0]


async def test_a_process_is_frozen_with_its_children_and_thawed(parent: subprocess.Popen[bytes]) -> None:
    both = [parent.pid, await child_of(parent)]
    freeze(parent.pid)
    await until_stopped(both, [True, True])
    thaw(parent.pid)
    await until_stopped(both, [False, False])


async def test_a_process_can_be_frozen_alone(parent: subprocess.Popen[bytes]) -> None:
    both = [parent.pid, await child_of(parent)]
    freeze(parent.pid, whole=False)
    await until_stopped(both, [True, False])
    thaw(parent.pid)
    await until_stopped(both, [False, False])


def test_who_has_gone_is_no_mistake() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    end(process.pid, signal.SIGTERM)
    freeze(process.pid)
    thaw(process.pid)
