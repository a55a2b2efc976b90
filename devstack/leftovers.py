"""Processes that a devstack left behind because it was killed, ended by the next one on the same data directory.

On Linux the kernel ends them with their parent (see launch.py) and there are none. Elsewhere they would hold the data
and keep the next start from it, so every process is written down, with what tells it from a later one of its number.
"""

import asyncio
import contextlib
import os
import signal
import time
from pathlib import Path

import msgspec

from devstack.pids import born

POLITE_SECONDS = 10.0


class Record(msgspec.Struct, frozen=True):
    """A process that was started."""

    name: str
    pid: int
    born: str  # when, in whatever words the system has for it


class Leftovers:
    """The list of what runs, in a file of the data directory."""

    def __init__(self, file: Path) -> None:
        """
        Arguments:
            file: where the list is kept; it need not be there.
        """
        self._file = file
        self._records: dict[str, Record] = {}

    def add(self, name: str, pid: int) -> None:
        """Write a started process down, in place of the one of that name before."""
        self._records[name] = Record(name, pid, born(pid))
        self._write()

    def clear(self) -> None:
        """All have ended."""
        self._records.clear()
        self._file.unlink(missing_ok=True)

    async def end(self) -> list[str]:
        """End what the file says runs and still does: by SIGINT, by which PostgreSQL closes its data, then by SIGKILL.

        Returns:
            the names of what was ended.
        """
        try:
            records = msgspec.json.decode(self._file.read_bytes(), type=list[Record])
        except (OSError, msgspec.DecodeError):
            return []
        living = [record for record in records if record.born and born(record.pid) == record.born]
        for record in living:
            _send(record.pid, signal.SIGINT)
        if not await _gone(living, POLITE_SECONDS):
            for record in living:
                _send(record.pid, signal.SIGKILL)
            await _gone(living, POLITE_SECONDS)
        self.clear()
        return [record.name for record in living]

    def _write(self) -> None:
        new = self._file.with_suffix(".new")
        new.write_bytes(msgspec.json.encode(list(self._records.values())))
        new.replace(self._file)


def _send(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


async def _gone(records: list[Record], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while any(born(record.pid) == record.born for record in records):
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.05)
    return True
