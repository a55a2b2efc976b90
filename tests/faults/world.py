"""What the clients, the nemesis and the writer share: time, names, who has what, and who should see what."""

import time
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import msgspec

from tests.faults.events import DELETED, Event, Left
from tests.faults.history import Writer
from tests.faults.messages import key_of, version_of
from tests.faults.presence import GONE_SECONDS


class Wanted(msgspec.Struct, frozen=True):
    """What everybody should have: messages up to a seq, and changes up to a rev, by room name."""

    seqs: Mapping[str, int]
    revs: Mapping[str, int]


class World:
    """A run.

    Arguments:
        writer: of the history.
    """

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._began = time.monotonic()
        self.room_names: dict[str, str] = {}  # by id
        self.user_names: dict[str, str] = {}  # by id
        self.newest: dict[str, int] = {}  # acknowledged, by room name
        self.have: dict[tuple[str, str], int] = {}  # by client and room name, live
        self.newest_rev: dict[str, int] = {}  # of acknowledged changes, by room name
        self.have_rev: dict[tuple[str, str], int] = {}  # by client and room name, live
        self.acknowledged = 0
        self.unrecorded: set[tuple[str, int]] = set()  # acknowledged, and not come from Kafka yet: room name, seq
        self._recorded: set[tuple[str, int]] = set()
        self._keys: dict[str, str] = {}  # of messages, by id
        self.connected: defaultdict[str, set[str]] = defaultdict(set)  # clients by user
        self.left: dict[str, float] = {}  # when users without a client lost the last one
        self.first_gone: float | None = None  # when the first one left who does not come back
        self.friends: set[tuple[str, str]] = set()  # both ways
        self.shown: dict[tuple[str, str], bool] = {}  # by client and user: whether it was told that he is online
        self.belongs: dict[tuple[str, str], bool] = {}  # by user and room name, of those who come and go
        self.unanswered: set[tuple[str, str, bool]] = set()  # additions and removals: user, room name, added

    def now(self) -> float:
        """Seconds since the beginning."""
        return round(time.monotonic() - self._began, 6)

    def add(self, event: Event) -> None:
        """Something has happened."""
        self._writer.add(event)

    def acked(self, room: str, seq: int, message_id: str, key: str) -> None:
        """A message of a room is acknowledged."""
        self.acknowledged += 1
        self.newest[room] = max(seq, self.newest.get(room, 0))
        self._keys[message_id] = key
        if (room, seq) not in self._recorded:
            self.unrecorded.add((room, seq))

    def changed(self, room: str, rev: int) -> None:
        """A change of a message is acknowledged."""
        self.newest_rev[room] = max(rev, self.newest_rev.get(room, 0))

    def recorded(self, room: str, seq: int) -> None:
        """A message of a room has come from Kafka."""
        self._recorded.add((room, seq))
        self.unrecorded.discard((room, seq))

    def said(self, message: Mapping[str, Any]) -> tuple[str, int]:
        """The key and the version in a message, live or stored."""
        if message.get("deleted"):
            return self.key(message["id"], ""), DELETED
        return key_of(message["content"]), version_of(message["content"])

    def key(self, message_id: str, content: str) -> str:
        """The key of a message; one without words was deleted, so it was acknowledged before, and its key is known."""
        return key_of(content) if content else self._keys.get(message_id, "nothing that was acknowledged")

    # --- who is there -------------------------------------------------------------------------------------------------

    def came(self, client: str, user: str) -> None:
        """A client is connected; it has been told of nobody yet."""
        self.connected[user].add(client)
        self.left.pop(user, None)
        for place in [place for place in self.shown if place[0] == client]:
            del self.shown[place]

    def went(self, client: str, user: str) -> None:
        """A client is not connected any more."""
        self.connected[user].discard(client)
        if not self.connected[user]:
            self.left.setdefault(user, self.now())

    def gone(self, client: str, user: str) -> None:
        """A client has left and will not come back."""
        now = self.now()
        self.add(Left(now, client, user))
        self.first_gone = now if self.first_gone is None else self.first_gone

    # --- what is missing ----------------------------------------------------------------------------------------------

    def wanted(self) -> Wanted:
        """What was acknowledged until now."""
        return Wanted(dict(self.newest), dict(self.newest_rev))

    def missing(self, wanted: Wanted) -> int:
        """How many (client, room) have not got that far, are not in the room of their user, or are in another's."""
        behind = sum(seq < wanted.seqs.get(room, 0) for (_, room), seq in self.have.items())
        behind += sum(rev < wanted.revs.get(room, 0) for (_, room), rev in self.have_rev.items())
        for (user, room), belongs in self.belongs.items():
            behind += sum(((client, room) in self.have) is not belongs for client in self.connected[user])
        return behind

    def misled(self) -> int:
        """How many (client, user) are told something else of a friend than what is so; just gone is neither."""
        now = self.now()
        count = 0
        for user, friend in self.friends:
            there = bool(self.connected[friend])
            if there or now - self.left.get(friend, now) >= GONE_SECONDS:
                count += sum(self.shown.get((client, friend), False) is not there for client in self.connected[user])
        return count
