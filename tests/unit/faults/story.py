"""Histories made by hand: a good one, told event by event, and what can be changed in it."""

from typing import Self

from tests.faults.history import (
    Arrival,
    Close,
    Connect,
    Entry,
    Event,
    Fault,
    History,
    Mark,
    Member,
    Presence,
    Read,
    Receive,
    Recorded,
    Room,
    Send,
    Type,
)

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

    def connect(self, client: str, seq: int, *, asked: int | None = None, connection: str = "c") -> None:
        """A client is let in; the server is at `seq`, the client has asked to go on from `asked`."""
        positions = {} if asked is None else {ROOM: asked}
        self.events.append(Connect(self.now(), "invoke", client, client, positions=positions))
        self.events.append(
            Connect(self.now(), "ok", client, client, connection, positions=positions, rooms={ROOM: seq}, seconds=0.1)
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
