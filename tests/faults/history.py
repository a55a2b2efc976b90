"""What happened, as events in the order in which it was seen: JSON lines in a file, structs in memory.

Like Jepsen's: an operation is invoked and then `ok`, `fail` (it was not done) or `info` (it is not known). Times are
seconds since the beginning of the run. A message's `key` is what its sender called it: it is the client_id, and the
first word of the content, so that everybody who sees the message can tell.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Literal, TypeAlias, TypeVar

import msgspec

Type = Literal["invoke", "ok", "fail", "info"]


class Room(msgspec.Struct, frozen=True, tag_field="op", tag="room"):
    """A room has been made, with these members."""

    t: float
    room: str
    members: list[str]


class Member(msgspec.Struct, frozen=True, tag_field="op", tag="member"):
    """Somebody is added to a room, or removed; `info`: an attempt without an answer, which may yet be carried out."""

    t: float
    type: Type
    room: str
    user: str
    added: bool


class Send(msgspec.Struct, frozen=True, omit_defaults=True, gc=False, tag_field="op", tag="send"):
    """A message is sent. `info`: an attempt whose outcome is unknown (`again`), or that the server could not take."""

    t: float
    type: Type
    client: str
    user: str
    room: str
    key: str
    via: str = "socket"
    id: str = ""
    seq: int = 0
    duplicate: bool = False
    code: str = ""
    connection: str = ""


class Receive(msgspec.Struct, frozen=True, omit_defaults=True, gc=False, tag_field="op", tag="receive"):
    """A message has come over a socket; `history` if in a page that was asked for, not live."""

    t: float
    client: str
    user: str
    connection: str
    room: str
    seq: int
    id: str
    key: str
    sender: str
    history: bool = False


class Connect(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="op", tag="connect"):
    """A client connects, to go on from `positions`. `ok`: the server let it in, after `seconds`, and said `rooms`."""

    t: float
    type: Type
    client: str
    user: str
    connection: str = ""
    positions: dict[str, int] = {}
    rooms: dict[str, int] = {}
    seconds: float = 0.0
    code: int | None = None
    reason: str = ""


class Close(msgspec.Struct, frozen=True, omit_defaults=True, gc=False, tag_field="op", tag="close"):
    """A connection has ended; no code: without a word, or by the client."""

    t: float
    client: str
    connection: str
    code: int | None = None
    reason: str = ""


class Presence(msgspec.Struct, frozen=True, gc=False, tag_field="op", tag="presence"):
    """A client was told that it is in a room after `seq` (`created`), no longer (`removed`), or elsewhere (`reset`)."""

    t: float
    client: str
    connection: str
    room: str
    what: Literal["created", "removed", "reset"]
    seq: int = 0


class Entry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A message in a page of history."""

    seq: int
    id: str
    key: str
    sender: str


class Read(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="op", tag="read"):
    """A page of a room's history is read over HTTP; `final`: all of it, after the last fault."""

    t: float
    type: Type
    client: str
    user: str
    room: str
    count: int = 0
    entries: list[Entry] = []
    final: bool = False
    code: str = ""


class Recorded(msgspec.Struct, frozen=True, omit_defaults=True, gc=False, tag_field="op", tag="recorded"):
    """An event has come from Kafka, maybe not for the first time; one of a message says which and where."""

    t: float
    type: str
    event: str = ""
    room: str = ""
    seq: int = 0
    message: str = ""
    key: str = ""


class Arrival(msgspec.Struct, frozen=True, gc=False, tag_field="op", tag="arrival"):
    """Somebody has registered; `ok`: the profile that comes of it is found by others."""

    t: float
    type: Type
    user: str


class Fault(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="op", tag="fault"):
    """Something is broken (`invoke`) and mended (`ok`)."""

    t: float
    type: Type
    kind: str
    target: str
    number: int
    detail: str = ""


class Mark(msgspec.Struct, frozen=True, gc=False, tag_field="op", tag="mark"):
    """A moment: `healed` (all is well from now on), `end`."""

    t: float
    name: str


Event: TypeAlias = (
    Room | Member | Send | Receive | Connect | Close | Presence | Read | Recorded | Arrival | Fault | Mark
)
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
