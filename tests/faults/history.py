"""What happened, as events in the order in which it was seen: JSON lines in a file, structs in memory."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, TypeVar

import msgspec

from tests.faults.events import Entry, Event, Read, Send

Kind = TypeVar("Kind")
_decoder = msgspec.json.Decoder(Event)
_encoder = msgspec.json.Encoder()


class History(Sequence[Event]):
    """Events, oldest first."""

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self._events = list(events)

    def __len__(self) -> int:
        return len(self._events)

    def __getitem__(self, index):  # type: ignore[no-untyped-def]
        return self._events[index]

    def append(self, event: Event) -> None:
        """Add what has just happened."""
        self._events.append(event)

    def of(self, kind: type[Kind]) -> list[Kind]:
        """The events of one kind."""
        return [event for event in self._events if isinstance(event, kind)]

    def stored(self) -> Mapping[str, dict[int, Entry]]:
        """What each room holds in the end, by seq, as the first of its final readers saw it."""
        rooms: dict[str, dict[int, Entry]] = {}
        for read in self.of(Read):
            if read.final and read.type == "ok" and read.room not in rooms:
                rooms[read.room] = {entry.seq: entry for entry in read.entries}
        return rooms

    def outcomes(self) -> dict[str, Send]:
        """How each send came out, by key: its `ok` or `fail`, else its `invoke`."""
        outcomes: dict[str, Send] = {}
        for send in self.of(Send):
            if send.type in ("ok", "fail") or (send.type == "invoke" and send.key not in outcomes):
                outcomes[send.key] = send
        return outcomes


class Writer:
    """A history that is written to a file at the same time."""

    def __init__(self, path: Path) -> None:
        self.history = History()
        self._file: IO[bytes] = path.open("wb", buffering=1 << 20)

    def add(self, event: Event) -> None:
        """Remember and write."""
        self.history.append(event)
        self._file.write(_encoder.encode(event) + b"\n")

    def close(self) -> None:
        """Write what is left."""
        self._file.close()


def load(path: Path) -> History:
    """The history in a file."""
    with path.open("rb") as file:
        return History(_decoder.decode(line) for line in file)
