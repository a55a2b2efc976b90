"""What services ask each other over HTTP, inside the cluster."""

from typing import Any, Literal
from uuid import UUID

import msgspec

USERS_PATH = "/internal/users"  # ?id=…&id=… or ?username=…&username=…: {users: [UserRecord]}
SESSION_PATH = "/internal/sessions"  # /{session_id}: SessionRecord
LOST_DEVICES_PATH = "/internal/devices/lost"  # of auth; POST LostDevices: 204
PREFERENCES_PATH = "/internal/notification-preferences"  # of profile; POST UserIds: PreferenceRecords
ROOMS_PATH = "/internal/rooms"  # of chat; /{room_id}: RoomRecord
STANDINGS_PATH = "/internal/standings"  # of chat; POST StandingsQuery: Standings
EXPORT_PATH = "/internal/export"  # of profile: ProfileExport; of chat, ?after=…: ChatExport. With the user's own token
JWKS_PATH = "/.well-known/jwks.json"
TOKEN_ISSUER = "parley"  # noqa: S105  a name, not a secret
TOKEN_AUDIENCE = "parley"  # noqa: S105
MAX_USERS_PER_LOOKUP = 100
MAX_STANDINGS = 500  # in one question, over all its rooms
MAX_PREFERENCES = 1000  # users in one question
MAX_LOST_DEVICES = 50  # in one message: a token may have 1,024 characters


class UserRecord(msgspec.Struct, frozen=True):
    """What every service may know of an account."""

    id: UUID
    username: str
    display_name: str
    created_at: str  # RFC 3339


class UserRecords(msgspec.Struct, frozen=True):
    """The accounts that exist among those asked for, in no order."""

    users: list[UserRecord]


class SessionRecord(msgspec.Struct, frozen=True):
    """Whether a session is alive."""

    alive: bool


class UserIds(msgspec.Struct, frozen=True):
    """Some users."""

    users: list[UUID]


class PreferenceRecord(msgspec.Struct, frozen=True):
    """What a user prefers of notifications: the object `notifications` of his preferences."""

    user: UUID
    notifications: dict[str, Any]


class PreferenceRecords(msgspec.Struct, frozen=True):
    """The preferences of those of the users who have said something of notifications, in no order."""

    preferences: list[PreferenceRecord]


class LostDevices(msgspec.Struct, frozen=True):
    """Tokens of devices that their push service does not know any more."""

    tokens: list[str]


class RoomRecord(msgspec.Struct, frozen=True):
    """What others may know of a room."""

    id: UUID
    type: Literal["direct", "group"]
    name: str | None
    last_seq: int
    members: list[UUID]


class RoomMembers(msgspec.Struct, frozen=True):
    """Some members of a room."""

    room: UUID
    users: list[UUID]


class StandingsQuery(msgspec.Struct, frozen=True):
    """How these stand in these rooms?"""

    rooms: list[RoomMembers]


class Standing(msgspec.Struct, frozen=True):
    """How far one member of a room is."""

    room: UUID
    user: UUID
    read_seq: int
    delivered_seq: int  # what has been read has been delivered
    muted: bool
    online: bool


class Standings(msgspec.Struct, frozen=True):
    """The standings of those who are members, in no order."""

    standings: list[Standing]


class ProfileExport(msgspec.Struct, frozen=True):
    """All that the profile service stores of a user, as its columns call it; None when it has nothing."""

    profile: dict[str, Any] | None


class ExportedRoom(msgspec.Struct, frozen=True):
    """A room that a user is in, or was."""

    id: UUID
    type: str
    name: str | None
    role: str | None  # None: he has left
    joined_at: str | None  # RFC 3339, as all of these
    left_at: str | None
    read_seq: int | None
    muted: bool | None


class ExportedMessage(msgspec.Struct, frozen=True):
    """A message that a user has sent."""

    room: UUID
    seq: int
    id: UUID
    client_id: str
    content: str
    reply_to: int | None
    created_at: str
    edited_at: str | None
    deleted_at: str | None


class ChatExport(msgspec.Struct, frozen=True):
    """A part of what chat stores of a user; the person and his rooms come with the first one."""

    person: dict[str, Any] | None
    rooms: list[ExportedRoom]
    messages: list[ExportedMessage]
    next: str | None  # what follows, by ?after=; None after the last part
