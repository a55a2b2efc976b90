"""What can happen, as structs.

Like Jepsen's: an operation is invoked and then `ok`, `fail` (it was not done) or `info` (it is not known). Times are
seconds since the beginning of the run. A message's `key` is what its sender called it: it is the client_id, and the
first word of the content, so that everybody who sees the message can tell.
"""

from typing import Literal, TypeAlias

import msgspec

Type = Literal["invoke", "ok", "fail", "info"]
DELETED = -1  # the version of a message that says nothing any more


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
    """A message has come over a socket; `history` if in a page that was asked for, not live.

    `version` counts its edits, DELETED if it is; `rev` is that of its last change.
    """

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
    version: int = 0
    rev: int = 0


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
    """A message in a page of history; `version` as of Receive."""

    seq: int
    id: str
    key: str
    sender: str
    version: int = 0


class Change(msgspec.Struct, frozen=True, omit_defaults=True, gc=False, tag_field="op", tag="change"):
    """A message is edited, to say `version`, or deleted. `ok`: by `rev`, or already by a later one."""

    t: float
    type: Type
    client: str
    user: str
    room: str
    seq: int
    key: str
    version: int
    rev: int = 0
    code: str = ""


class Changed(msgspec.Struct, frozen=True, gc=False, tag_field="op", tag="changed"):
    """A client was told over a socket that a message says something else, or nothing, by `rev`."""

    t: float
    client: str
    user: str
    connection: str
    room: str
    seq: int
    version: int
    rev: int


class Marking(msgspec.Struct, frozen=True, omit_defaults=True, gc=False, tag_field="op", tag="marking"):
    """Somebody has read a room up to `seq` and says so; 0: all of it. `ok`: that is how far he is now."""

    t: float
    type: Type
    client: str
    user: str
    room: str
    seq: int = 0


class Receipt(msgspec.Struct, frozen=True, gc=False, tag_field="op", tag="receipt"):
    """A client was told how far somebody has read."""

    t: float
    client: str
    room: str
    user: str
    seq: int


class Listing(msgspec.Struct, frozen=True, gc=False, tag_field="op", tag="listing"):
    """A room as one of its members finds it over HTTP in the end; with a `friend` in it, who is `online` or not."""

    t: float
    user: str
    room: str
    unread: int
    last_seq: int
    read_seq: int
    friend: str = ""
    online: bool = False


class Friends(msgspec.Struct, frozen=True, gc=False, tag_field="op", tag="friends"):
    """These two share a direct room, so that each is told when the other one comes or goes."""

    t: float
    users: list[str]


class Sight(msgspec.Struct, frozen=True, gc=False, tag_field="op", tag="sight"):
    """A client was told that somebody has come or gone."""

    t: float
    client: str
    user: str
    friend: str
    online: bool


class Left(msgspec.Struct, frozen=True, gc=False, tag_field="op", tag="left"):
    """A client whose connection has ended does not come back."""

    t: float
    client: str
    user: str


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
    Room
    | Member
    | Send
    | Receive
    | Change
    | Changed
    | Marking
    | Receipt
    | Listing
    | Connect
    | Close
    | Presence
    | Friends
    | Sight
    | Left
    | Read
    | Recorded
    | Arrival
    | Fault
    | Mark
)
