"""Freezing and thawing processes with their children (Linux)."""

import contextlib
import os
import signal
from pathlib import Path


def children(pid: int) -> list[int]:
    """The processes that `pid` has started and that run."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):
                after_name = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(after_name[1]) == pid:
                    found.append(int(entry.name))
    return found


def freeze(pid: int, *, whole: bool = True) -> None:
    """Stop a process, and with `whole` its children too."""
    _signal(pid, signal.SIGSTOP)
    for child in children(pid) if whole else ():
        _signal(child, signal.SIGSTOP)


def thaw(pid: int) -> None:
    """Let a process and its children go on."""
    for child in children(pid):
        _signal(child, signal.SIGCONT)
    _signal(pid, signal.SIGCONT)


def end(pid: int, number: int) -> None:
    """Send a signal to a process that may have gone."""
    _signal(pid, number)


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
