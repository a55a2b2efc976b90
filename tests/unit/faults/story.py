"""Histories made by hand: a good one, told event by event, and what can be changed in it."""

from typing import Self

import msgspec

from tests.faults.events import (
    Arrival,
    Change,
    Changed,
    Close,
    Connect,
    Entry,
    Event,
    Fault,
    Friends,
    Left,
    Listing,
    Mark,
    Marking,
    Member,
    Presence,
    Read,
    Receipt,
    Receive,
    Recorded,
    Room,
    Send,
    Sight,
    Type,
)
from tests.faults.history import History
from tests.faults.presence import GONE_SECONDS

ROOM = "r"


class Story:
    """Tells what happens in one room, a tenth of a second after the other. Alice and Bob are in it, Eve is not."""

    def __init__(self) -> None:
        self.events: list[Event] = [Room(0.0, ROOM, ["alice", "bob"])]
        self.stored: list[Entry] = []
        self._at = 0.0

    def now(self) -> float:
        """The next moment."""
        self._at = round(self._at + 0.1, 6)
        return self._at

    def history(self) -> History:
        """All of it."""
        return History(self.events)

    def invoke(self, key: str, user: str = "alice", *, via: str = "socket") -> None:
        """A message is sent."""
        self.events.append(Send(self.now(), "invoke", user, user, ROOM, key, via))

    def ok(self, key: str, seq: int, user: str = "alice", *, via: str = "socket") -> None:
        """It is acknowledged."""
        self.events.append(Send(self.now(), "ok", user, user, ROOM, key, via, id=f"id-{key}", seq=seq))

    def outcome(self, kind: Type, key: str, code: str, user: str = "alice", *, via: str = "socket") -> None:
        """It is refused, or its fate is unknown."""
        self.events.append(Send(self.now(), kind, user, user, ROOM, key, via, code=code))

    def store(self, *keys: str, sender: str = "alice") -> None:
        """What the room holds in the end."""
        for key in keys:
            self.stored.append(Entry(len(self.stored) + 1, f"id-{key}", key, sender))

    def connect(self, client: str, seq: int | None, *, asked: int | None = None, connection: str = "c") -> None:
        """A client is let in; the server is at `seq`, or has no room for it; it has asked to go on from `asked`."""
        positions = {} if asked is None else {ROOM: asked}
        self.events.append(Connect(self.now(), "invoke", client, client, positions=positions))
        rooms = {} if seq is None else {ROOM: seq}
        self.events.append(
            Connect(self.now(), "ok", client, client, connection, positions=positions, rooms=rooms, seconds=0.1)
        )

    def close(self, client: str, code: int | None = None, *, connection: str = "c") -> None:
        """A connection ends."""
        self.events.append(Close(self.now(), client, connection, code))

    def receive(self, client: str, seq: int, key: str, sender: str = "alice", *, history: bool = False) -> None:
        """A message arrives."""
        event = Receive(self.now(), client, client, "c", ROOM, seq, f"id-{key}", key, sender, history)
        self.events.append(event)

    def presence(self, client: str, what: str, seq: int = 0) -> None:
        """A client is told where it is."""
        assert what in ("created", "removed", "reset")
        self.events.append(Presence(self.now(), client, "c", ROOM, what, seq))  # type: ignore[arg-type]

    def member(self, kind: Type, user: str, *, added: bool) -> None:
        """Somebody is added or removed."""
        self.events.append(Member(self.now(), kind, ROOM, user, added))

    def read(self, client: str, entries: list[Entry], count: int | None = None, *, final: bool = False) -> None:
        """A page of history is read."""
        self.events.append(Read(self.now(), "invoke", client, client, ROOM, final=final))
        number = len(self.stored) if count is None else count
        self.events.append(Read(self.now(), "ok", client, client, ROOM, number, list(entries), final=final))

    def change(self, kind: Type, key: str, seq: int, version: int, *, rev: int = 0, user: str = "alice") -> None:
        """A message is edited or deleted, or that is answered."""
        self.events.append(Change(self.now(), kind, user, user, ROOM, seq, key, version, rev))

    def changed(self, client: str, seq: int, version: int, rev: int) -> None:
        """A client is told of it."""
        self.events.append(Changed(self.now(), client, client, "c", ROOM, seq, version, rev))

    def restore(self, seq: int, version: int) -> None:
        """What the room holds in the end is a changed message."""
        self.stored[seq - 1] = msgspec.structs.replace(self.stored[seq - 1], version=version)

    def marking(self, kind: Type, user: str, seq: int = 0) -> None:
        """Somebody says how far he has read, or has the answer."""
        self.events.append(Marking(self.now(), kind, user, user, ROOM, seq))

    def receipt(self, client: str, user: str, seq: int) -> None:
        """A client is told how far somebody has read."""
        self.events.append(Receipt(self.now(), client, ROOM, user, seq))

    def listing(self, user: str, unread: int, last_seq: int, read_seq: int) -> None:
        """Somebody finds the room among his rooms."""
        self.events.append(Listing(self.now(), user, ROOM, unread, last_seq, read_seq))

    def friends(self, *users: str) -> None:
        """These are told when the other one comes or goes."""
        self.events.append(Friends(self.now(), list(users)))

    def sight(self, client: str, friend: str, *, online: bool) -> None:
        """A client is told so."""
        self.events.append(Sight(self.now(), client, client, friend, online))

    def finds(self, user: str, friend: str, *, online: bool) -> None:
        """Somebody finds his friend so, over HTTP."""
        self.events.append(Listing(self.now(), user, "direct", 0, 0, 0, friend, online))

    def leave(self, client: str, *, connection: str = "c") -> None:
        """A connection ends, and its client does not come back."""
        self.close(client, connection=connection)
        self.events.append(Left(self.now(), client, client))

    def skip(self, seconds: float) -> None:
        """Nothing happens for a while."""
        self._at += seconds

    def recorded(self, seq: int, key: str) -> None:
        """A message comes from Kafka."""
        self.events.append(Recorded(self.now(), "message.created", f"event-{key}", ROOM, seq, f"id-{key}", key))

    def record_all(self) -> Self:
        """All that is stored comes from Kafka."""
        for entry in self.stored:
            self.recorded(entry.seq, entry.key)
        return self

    def arrival(self, kind: Type, user: str) -> None:
        """Somebody registers, or is found."""
        self.events.append(Arrival(self.now(), kind, user))

    def fault(self, kind: str, target: str, number: int) -> None:
        """Something is broken."""
        self.events.append(Fault(self.now(), "invoke", kind, target, number))

    def mark(self, name: str) -> None:
        """A moment."""
        self.events.append(Mark(self.now(), name))

    def end(self, *readers: str) -> History:
        """Everything is mended and read by everybody, and that is all."""
        self.mark("healed")
        for reader in readers or ("alice", "bob"):
            self.read(reader, self.stored, final=True)
        self.mark("end")
        return self.history()


def good() -> Story:
    """Three messages, one of them repeated over a second connection, which all arrive; not ended yet."""
    story = Story()
    story.connect("alice", 0)
    story.connect("bob", 0)
    story.invoke("one")
    story.receive("bob", 1, "one")
    story.receive("alice", 1, "one")
    story.ok("one", 1)
    story.invoke("two")
    story.receive("bob", 2, "two")
    story.close("alice")
    story.connect("alice", 2, asked=1, connection="d")
    story.receive("alice", 2, "two")
    story.outcome("info", "two", "again")
    story.ok("two", 2)
    story.invoke("three", "bob", via="http")
    story.read("alice", [])
    story.receive("alice", 3, "three", "bob")
    story.receive("bob", 3, "three", "bob")
    story.ok("three", 3, "bob", via="http")
    story.store("one", "two")
    story.store("three", sender="bob")
    reads = [index for index, event in enumerate(story.events) if isinstance(event, Read) and event.type == "ok"]
    read = story.events[reads[0]]
    assert isinstance(read, Read)
    story.events[reads[0]] = Read(read.t, "ok", "alice", "alice", ROOM, 2, story.stored[:2])
    return story


def eventful() -> Story:
    """The good one, in which a message is changed, the room is read, friends are seen, Carol comes and Dave goes."""
    story = good()
    story.friends("alice", "bob")
    story.friends("bob", "dave")
    story.connect("dave", 3, connection="e")
    story.sight("alice", "bob", online=True)
    story.sight("bob", "alice", online=True)
    story.sight("bob", "dave", online=True)
    story.leave("dave", connection="e")
    story.change("invoke", "one", 1, 1)
    story.change("ok", "one", 1, 1, rev=1)
    for client in ("alice", "bob"):
        story.changed(client, 1, 1, 1)
    story.restore(1, 1)
    story.marking("invoke", "bob", 3)
    story.receipt("alice", "bob", 3)
    story.connect("carol", None, connection="f")
    story.member("invoke", "carol", added=True)
    story.presence("carol", "created", 3)
    story.member("ok", "carol", added=True)
    story.skip(GONE_SECONDS)
    story.sight("bob", "dave", online=False)
    story.listing("alice", 1, 3, 2)
    story.listing("bob", 0, 3, 3)
    story.listing("carol", 0, 3, 3)
    story.finds("alice", "bob", online=True)
    story.finds("bob", "dave", online=False)
    return story
