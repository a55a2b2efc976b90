"""What was sent and is not acknowledged: it goes again, in order, until the server has said what became of it. No I/O.

What goes to one room, messages and changes of them, keeps its order: while one waits to be repeated, those after it
wait too.
"""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Entry:
    """A frame that will be answered, on its way. `attempts` counts the times it was written to a socket."""

    client_id: str
    room: str
    kind: str  # its type
    fields: Mapping[str, Any]  # of its data, beside `room` and `client_id`
    done: "asyncio.Future[Any]"  # what the answer says
    attempts: int = 0
    written_at: float | None = None  # to the present connection, which has not answered yet


@dataclass(slots=True)
class _Line:
    """What goes to one room, oldest first."""

    entries: dict[str, Entry] = field(default_factory=dict)
    held_until: float = 0.0
    held: bool = False


class Outbox:
    """All that is on its way.

    Arguments:
        window: the most that may be written and unanswered at a time.
    """

    def __init__(self, window: int) -> None:
        self._window = window
        self._lines: dict[str, _Line] = {}
        self._by_id: dict[str, Entry] = {}
        self._written: dict[str, Entry] = {}  # in that order

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Entry]:
        return iter(tuple(self._by_id.values()))

    def add(self, entry: Entry) -> None:
        """Take a frame.

        Raises:
            ValueError: one with this client_id is on its way.
        """
        if entry.client_id in self._by_id:
            raise ValueError(f"something with the client_id {entry.client_id} is on its way")
        self._by_id[entry.client_id] = entry
        self._lines.setdefault(entry.room, _Line()).entries[entry.client_id] = entry

    def due(self, now: float) -> list[Entry]:
        """What should be written now, in order; each counts as written.

        Arguments:
            now: seconds, of any clock.
        """
        due: list[Entry] = []
        for line in self._lines.values():
            if line.held:
                if now < line.held_until or any(client_id in self._written for client_id in line.entries):
                    continue
                line.held = False
            for entry in line.entries.values():
                if entry.written_at is not None:
                    continue
                if len(self._written) >= self._window:
                    return due
                entry.written_at = now
                entry.attempts += 1
                self._written[entry.client_id] = entry
                due.append(entry)
        return due

    def wait(self, now: float) -> float | None:
        """Seconds until something may be due by the passing of time alone; None if nothing will be."""
        held = [line.held_until for line in self._lines.values() if line.held and line.held_until > now]
        return min(held) - now if held else None

    def oldest(self) -> float | None:
        """When the one was written that waits longest for its answer; None if none waits."""
        return next((entry.written_at for entry in self._written.values()), None)

    def take(self, client_id: str) -> Entry | None:
        """The server has said what became of it: it is no longer on its way."""
        entry = self._by_id.pop(client_id, None)
        if entry is not None:
            self._not_written(entry)
            line = self._lines[entry.room]
            del line.entries[client_id]
            if not line.entries:
                del self._lines[entry.room]
        return entry

    def again(self, client_id: str, at: float) -> Entry | None:
        """The server could not take it now: it goes again not before `at`, and with it what follows in its room."""
        entry = self._by_id.get(client_id)
        if entry is not None:
            self._not_written(entry)
            line = self._lines[entry.room]
            line.held, line.held_until = True, max(at, line.held_until if line.held else at)
        return entry

    def disconnected(self) -> None:
        """The connection is gone: nothing that was written to it will be answered."""
        for entry in tuple(self._written.values()):
            self._not_written(entry)
        for line in self._lines.values():
            line.held = False

    def _not_written(self, entry: Entry) -> None:
        entry.written_at = None
        self._written.pop(entry.client_id, None)
