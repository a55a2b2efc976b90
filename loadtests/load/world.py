"""Who takes part: people with their tokens, and the rooms they share. Kept in a file, since a login is made to be slow.

People come in circles, and nobody shares a room with somebody of another circle. A circle is played by one process, so
that this process knows of every message in its rooms who sent it, when, and which place it has.
"""

import base64
import os
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

CIRCLE = 10  # people
SMALL_GROUPS = ((0, 1, 2, 3), (4, 5, 6, 7))


class Person(msgspec.Struct, kw_only=True):
    """Somebody with an account and a session."""

    id: str
    username: str
    password: str
    access_token: str = ""
    refresh_token: str = ""

    def fresh(self, seconds: float) -> bool:
        """Whether the access token is good for so long from now."""
        return expires_at(self.access_token) > time.time() + seconds


class Room(msgspec.Struct, frozen=True):
    """A room of a circle; its members are places in the circle's list of people."""

    id: str
    members: tuple[int, ...]


class Circle(msgspec.Struct):
    """Ten people and their rooms: one of all, two of four, and one of each with his neighbour."""

    people: list[Person]
    rooms: list[Room] = []

    def rooms_of(self, place: int) -> list[str]:
        """The rooms of one of them."""
        return [room.id for room in self.rooms if place in room.members]


class World(msgspec.Struct):
    """All of them, on one platform."""

    circles: list[Circle] = []


def shapes_of_rooms() -> list[tuple[int, ...]]:
    """Who is in each room of a circle; two are a direct room, more a group."""
    neighbours = [(place, (place + 1) % CIRCLE) for place in range(CIRCLE)]
    return [tuple(range(CIRCLE)), *SMALL_GROUPS, *neighbours]


def circles_for(users: int, parts: int) -> int:
    """How many circles are needed for so many users, spread evenly over so many processes."""
    each = -(-users // parts)
    return -(-each // CIRCLE) * parts


def part(circles: Sequence[Circle], index: int, parts: int) -> list[Circle]:
    """The circles of one of the processes."""
    return list(circles[index::parts])


def expires_at(token: str) -> float:
    """When an access token ends, in seconds since 1970; 0 if it is none. Its signature is not looked at."""
    try:
        payload = token.split(".")[1]
        claims = msgspec.json.decode(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return float(claims["exp"])
    except (IndexError, KeyError, ValueError, TypeError):
        return 0.0


def read(path: Path) -> World:
    """What was kept; an empty world if there is nothing, or nothing of use."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=World)
    except (OSError, msgspec.MsgspecError):
        return World()


def keep(path: Path, world: World) -> None:
    """Write it for the next time, for its owner's eyes only: there are passwords in it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}.part")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:  # noqa: PTH123
        file.write(msgspec.json.encode(world))
    draft.replace(path)
