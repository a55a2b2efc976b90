"""The nouns of this service: what the tables hold, and what is sent."""

from datetime import datetime
from typing import Literal, Protocol
from uuid import UUID

import msgspec


class Device(msgspec.Struct, frozen=True):
    """Where pushes of a user go."""

    token: str
    platform: str
    user_id: UUID


class Message(msgspec.Struct, frozen=True):
    """A message whose recipients are to be looked at."""

    id: UUID
    room_id: UUID
    seq: int
    sender_id: UUID
    content: str
    created_at: datetime
    looks: int = 0


class Room(msgspec.Struct, frozen=True):
    """What a room is called."""

    id: UUID
    kind: str
    name: str | None
    asked_at: datetime


class Notice(msgspec.Struct, frozen=True):
    """What one user is to be told on all his devices."""

    subject_id: UUID
    user_id: UUID
    title: str
    lead: str
    content: str | None
    created_at: datetime
    room_id: UUID | None = None
    seq: int | None = None
    sender_id: UUID | None = None


class Push(msgspec.Struct, frozen=True):
    """A notice on its way to one device."""

    id: int
    token: str
    platform: str
    failures: int  # of the device, in a row
    attempts: int  # at this one, this one included
    repeated: bool  # an earlier attempt may have succeeded
    notice: Notice


class Result(msgspec.Struct, frozen=True):
    """What became of an attempt.

    `sent`: accepted. `lost`: the device is unknown. `refused`: this will never be taken. `later`: not now. `expired`:
    it was too late to try.
    """

    outcome: Literal["sent", "lost", "refused", "later", "expired"]
    known: bool = True  # False: it may have been accepted all the same
    retry_after: float = 0.0  # seconds, if the push service says so
    slow_down: bool = False  # the push service has had too much
    reason: str = ""


class Sender(Protocol):
    """A push service."""

    async def send(self, push: Push) -> Result:
        """Try once, within its own deadline. Raises nothing."""
