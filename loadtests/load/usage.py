"""CPU time and memory of groups of processes, sampled while a load runs (Linux: /proc)."""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from loadtests.bench.machine import cpu_seconds

EVERY_SECONDS = 0.5
MIDDLE = (0.4, 0.9)  # of the time: all users are there, and nobody has begun to leave


class Used(msgspec.Struct, frozen=True):
    """What a group used on average."""

    cores: float
    mib: float


class Sampler:
    """Samples in a thread of its own, for the length of a block.

    Arguments:
        roots: gives the process ids by group at any moment; their descendants count too.
    """

    def __init__(self, roots: Callable[[], Mapping[str, Sequence[int]]]) -> None:
        self._roots = roots
        self._samples: list[tuple[float, dict[str, tuple[float, float]]]] = []
        self._last: dict[int, float] = {}
        self._totals: dict[str, float] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Sampler":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def used(self) -> dict[str, Used]:
        """What each group used in the middle of the block."""
        return averaged(self._samples)

    def _run(self) -> None:
        while not self._stop.wait(EVERY_SECONDS):
            children = _children()
            found = {name: _looked_at(_descendants(pids, children)) for name, pids in self._roots().items()}
            for name, (seconds, _) in found.items():
                self._count(name, seconds)
            groups = {name: (self._totals[name], mib) for name, (_, mib) in found.items()}
            self._samples.append((time.monotonic(), groups))

    def _count(self, name: str, seconds: Mapping[int, float]) -> None:
        """Add what each process has used since the last look; what one that has ended has used stays counted."""
        used = sum(max(0.0, now - self._last.get(pid, 0.0)) for pid, now in seconds.items())
        self._totals[name] = self._totals.get(name, 0.0) + used
        self._last.update(seconds)


def averaged(samples: Sequence[tuple[float, Mapping[str, tuple[float, float]]]]) -> dict[str, Used]:
    """The mean use between the moments of `MIDDLE`.

    Arguments:
        samples: a moment in seconds and, by group, CPU seconds so far and MiB now.
    """
    if len(samples) < 2:
        return {}
    began, ended = samples[0][0], samples[-1][0]
    low, high = (began + (ended - began) * share for share in MIDDLE)
    middle = [sample for sample in samples if low <= sample[0] <= high]
    if len(middle) < 2:
        middle = list(samples)
    (first, at_first), (last, at_last) = middle[0], middle[-1]
    return {
        name: Used(
            cores=round(max(0.0, at_last[name][0] - at_first.get(name, (0.0, 0.0))[0]) / (last - first), 3),
            mib=round(sum(groups.get(name, (0.0, 0.0))[1] for _, groups in middle) / len(middle), 1),
        )
        for name in at_last
    }


def _children() -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, IndexError, ValueError):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                found.setdefault(parent, []).append(int(entry.name))
    return found


def _descendants(pids: Sequence[int], children: Mapping[int, Sequence[int]]) -> list[int]:
    found, waiting = [], list(pids)
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += children.get(pid, ())
    return found


def _looked_at(pids: Sequence[int]) -> tuple[dict[int, float], float]:
    """CPU seconds by process, and MiB of all."""
    seconds, pages = dict[int, float](), 0
    for pid in pids:
        with contextlib.suppress(OSError, IndexError, ValueError):
            seconds[pid] = cpu_seconds(pid)
            resident, shared = (int(word) for word in Path(f"/proc/{pid}/statm").read_text().split()[1:3])
            pages += resident - shared  # what PostgreSQL's backends share would be counted for each of them
    return seconds, pages * os.sysconf("SC_PAGE_SIZE") / 2**20
