"""Where one is in each room: what is next, what was there before, and what is missing. No I/O."""

from collections.abc import Mapping
from enum import Enum

from .model import Position, Ready


class Place(Enum):
    """What a message is to a reader."""

    NEXT = "next"
    REPEAT = "repeat"  # he has had it
    GAP = "gap"  # one before it is missing


class Positions:
    """The positions of one reader.

    Arguments:
        known: from an earlier life of the reader.
        epoch: the life of the database that they are from; None if that is not known.
    """

    def __init__(self, known: Mapping[str, Position] | None = None, epoch: str | None = None) -> None:
        self._known: dict[str, Position] = dict(known or {})
        self._skipped: tuple[str, int] | None = None
        self.epoch = epoch

    def snapshot(self) -> dict[str, Position]:
        """All positions, for a later life."""
        return dict(self._known)

    def of(self, room: str) -> Position | None:
        """The position in a room."""
        return self._known.get(room)

    def ready(self, ready: Ready) -> list[str]:
        """A connection has begun: rooms without a position start where the server is.

        Returns:
            the rooms whose positions are forgotten, because the database lives another life.
        """
        forgotten: list[str] = []
        if self.epoch is not None and self.epoch != ready.epoch:
            forgotten = list(self._known)
            self._known.clear()
        self.epoch = ready.epoch
        for room, position in ready.rooms.items():
            self._known.setdefault(room, position)
        return forgotten

    def take(self, room: str, seq: int) -> Place:
        """A message has come: what is it? NEXT moves the position; GAP does not, unless it is the same gap again.

        A room without a position begins where its first message is. A gap that is still there after a resume will not
        close by another one: then the rest is taken.
        """
        known = self._known.get(room)
        if known is None:
            self._known[room] = Position(seq)
            return Place.NEXT
        if seq <= known.seq:
            return Place.REPEAT
        if seq > known.seq + 1 and self._skipped != (room, known.seq):
            self._skipped = (room, known.seq)
            return Place.GAP
        self._known[room] = Position(seq, known.rev)
        return Place.NEXT

    def created(self, room: str, joined_seq: int, rev: int) -> None:
        """We have come into a room: what was said after that follows, and what is older we may have had before."""
        known = self._known.get(room)
        if known is None or known.seq < joined_seq:
            self._known[room] = Position(joined_seq, rev)

    def moved(self, room: str, rev: int) -> None:
        """Changes of a room up to `rev` have been seen."""
        known = self._known.get(room)
        if known is not None and rev > (known.rev or 0):
            self._known[room] = Position(known.seq, rev)

    def reset(self, room: str, seq: int, rev: int) -> None:
        """The server says where the room is now: `room.reset`."""
        self._known[room] = Position(seq, rev)

    def removed(self, room: str) -> None:
        """We are no longer in the room."""
        self._known.pop(room, None)
