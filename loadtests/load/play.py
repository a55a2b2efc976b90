"""What the users of one process share: who is free, who is there, and what has been said."""

import secrets
from collections.abc import Sequence
from typing import Protocol

import gevent
import msgspec

from .checks import Book
from .profile import Profile
from .world import Circle, Person


class Seat(msgspec.Struct, frozen=True):
    """A person's place in a circle."""

    circle: Circle
    place: int

    @property
    def person(self) -> Person:
        """Who it is."""
        return self.circle.people[self.place]

    @property
    def rooms(self) -> list[str]:
        """His rooms."""
        return self.circle.rooms_of(self.place)


class User(Protocol):
    """Somebody who is there."""

    def cut(self) -> None:
        """Drop his connection without a word, if he has one."""

    def settle(self) -> None:
        """Wait for all that is still to come, and tell what does not; nothing if that has been done."""


class NobodyLeft(Exception):
    """There are fewer people than users."""


class Play:
    """One process of a run.

    Arguments:
        profile: what users do.
        pace: how much faster than there.
    """

    def __init__(self, profile: Profile, pace: float) -> None:
        self.profile = profile
        self.pace = pace
        self.book = Book(secrets.token_hex(4))
        self.present: set[User] = set()
        self.over = False  # nobody begins anything any more
        self._free: list[Seat] = []

    def fill(self, circles: Sequence[Circle]) -> None:
        """These people may be played; those of a circle come one after the other."""
        seats = [Seat(circle, place) for circle in circles for place in range(len(circle.people))]
        self._free = seats[::-1]

    def take(self) -> Seat:
        """The next one.

        Raises:
            NobodyLeft: all are taken.
        """
        if not self._free:
            raise NobodyLeft("there are more users than people")
        return self._free.pop()

    def give_back(self, seat: Seat) -> None:
        """He has gone home."""
        self._free.append(seat)

    def cut(self) -> None:
        """Drop every socket at once."""
        for user in list(self.present):
            user.cut()

    def finish(self) -> None:
        """Have nobody begin anything, and everybody wait for what is still to come."""
        self.over = True
        gevent.joinall([gevent.spawn(user.settle) for user in self.present])
