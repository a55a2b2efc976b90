"""Whether what was fast was also right: pure, fed with what is sent, acknowledged and received.

A `Book` knows the messages of one process, a `Watch` the position of one connection. Whatever contradicts the contract
is a `Violation`; its kind is one of `KINDS`.
"""

import itertools
import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, get_args

import msgspec

Kind = Literal["gap", "repeat", "place", "duplicate", "lost"]
KINDS: tuple[Kind, ...] = get_args(Kind)
REMEMBERED_SECONDS = 300.0  # a message older than this has come to everybody, or was lost and told
_FORGET_AT_ONCE = 64


class Violation(Exception):
    """A promise that was broken.

    Arguments:
        kind: `gap`: a message does not follow the one before; `repeat`: it has come before; `place`: two were told
            different places of it; `duplicate`: it is stored twice; `lost`: it was acknowledged and has not come.
    """

    def __init__(self, kind: Kind, text: str) -> None:
        super().__init__(f"{kind}: {text}")
        self.kind = kind


class Sent(msgspec.Struct):
    """A message of ours."""

    room: str
    due: float  # when it was to be sent, by time.perf_counter()
    seq: int = 0  # its place, 0 as long as nobody knows


class Book:
    """All messages of this process, and what is known of them.

    Arguments:
        name: of the process, different for all that load the same rooms, ever.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._numbers = itertools.count(1)
        self._sent: OrderedDict[str, Sent] = OrderedDict()
        self._acknowledged: dict[str, int] = {}

    def write(self, room: str, due: float) -> str:
        """Somebody sends something; the key that says which message it is."""
        key = f"{self._name}-{next(self._numbers)}"
        self._sent[key] = Sent(room, due)
        if len(self._sent) % _FORGET_AT_ONCE == 0:
            self._forget(time.perf_counter() - REMEMBERED_SECONDS)
        return key

    def acknowledged(self, key: str, room: str, seq: int) -> Iterator[Violation]:
        """The server says that it is stored, and where."""
        self._acknowledged[room] = max(seq, self._acknowledged.get(room, 0))
        return self._placed(key, room, seq)

    def delivered(self, key: str, room: str, seq: int) -> tuple[Sent | None, Iterator[Violation]]:
        """Somebody was given it. The message, None if it is not of this process, and what is wrong with it."""
        return self._sent.get(key), self._placed(key, room, seq)

    def newest(self, rooms: Iterable[str]) -> dict[str, int]:
        """The newest acknowledged message of each of these rooms that has one."""
        return {room: self._acknowledged[room] for room in rooms if room in self._acknowledged}

    def _placed(self, key: str, room: str, seq: int) -> Iterator[Violation]:
        sent = self._sent.get(key)
        if sent is None:
            return
        if room != sent.room:
            yield Violation("place", f"{key} was sent to {sent.room} and is in {room}")
        elif not sent.seq:
            sent.seq = seq
        elif seq != sent.seq:
            yield Violation("duplicate", f"{key} is {sent.seq} of {room}, and {seq}")

    def _forget(self, before: float) -> None:
        while self._sent and next(iter(self._sent.values())).due < before:
            self._sent.popitem(last=False)


class Watch:
    """What one user has been given, room by room."""

    def __init__(self) -> None:
        self.positions: dict[str, int] = {}

    def begin(self, positions: Mapping[str, int]) -> None:
        """Rooms that are heard from here on; those with a position go on from that one."""
        self.positions = {**positions, **self.positions}

    def received(self, room: str, seq: int) -> Violation | None:
        """The next message of a room."""
        have = self.positions.get(room)
        if have is None or seq == have + 1:
            self.positions[room] = seq
            return None
        if seq <= have:
            return Violation("repeat", f"{seq} of {room} after {have}")
        self.positions[room] = seq
        return Violation("gap", f"{seq} of {room} after {have}")

    def lacks(self, newest: Mapping[str, int]) -> list[Violation]:
        """What was acknowledged and has not come."""
        return [
            Violation("lost", f"{seq} of {room} was acknowledged, {self.positions.get(room, 0)} was the last to come")
            for room, seq in newest.items()
            if self.positions.get(room, 0) < seq
        ]
