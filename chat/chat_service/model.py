"""The nouns of chat as the contract shows them, and the rows they are made from."""

import hashlib
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec

from chassis.times import rfc3339

MAX_SEQ = 2**53  # what a JavaScript client can count to
Seq = Annotated[int, msgspec.Meta(ge=0, le=MAX_SEQ)]
Time = Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")]  # RFC 3339, UTC
Direction = Literal["sent", "received"]
RoomKind = Literal["direct", "group"]


class User(msgspec.Struct, frozen=True):
    """A person as others see him."""

    id: UUID
    username: str
    full_name: str
    is_online: bool
    last_seen: Time | None
    bg_color: Annotated[str, msgspec.Meta(pattern="^#[0-9a-f]{6}$")]
    avatar_url: str | msgspec.UnsetType = msgspec.UNSET  # if he has one


class Room(msgspec.Struct, frozen=True):
    """A room as one member sees it."""

    id: UUID
    type: RoomKind
    name: str | None
    friend: User | None
    last_message: str
    last_message_at: Time | None
    unread_count: Seq
    last_seq: Seq
    read_seq: Seq
    joined_seq: Seq  # the last message when he became a member: live ones begin after it
    rev: Seq  # changes of the room other than new messages
    muted: bool  # he is not notified of what is said here


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """A message as one member sees it, in its present state: `rev` is that of its last change, 0 if there was none.

    A deleted message has no content, and no other but it lacks some. On the wire of sockets `direction` comes last,
    where it alone differs between the members.
    """

    id: UUID
    room: UUID
    seq: Seq
    rev: Seq
    user: User
    content: str
    created_at: Time
    is_delivered: bool
    is_read: bool
    reply_to: Seq | msgspec.UnsetType = msgspec.UNSET
    edited_at: Time | msgspec.UnsetType = msgspec.UNSET
    deleted: Literal[True] | msgspec.UnsetType = msgspec.UNSET
    direction: Direction
    client_id: str | msgspec.UnsetType = msgspec.UNSET
    duplicate: bool | msgspec.UnsetType = msgspec.UNSET


class PersonRow(msgspec.Struct, frozen=True):
    """A row of `users`."""

    id: UUID
    username: str
    display_name: str
    last_seen_at: datetime | None = None
    avatar_url: str | None = None


class MessageRow(msgspec.Struct, frozen=True):
    """A row of `messages` with its sender, and how far the others have received and read."""

    id: UUID
    room_id: UUID
    seq: int
    rev: int
    sender: PersonRow
    client_id: str
    content: str
    created_at: datetime
    reply_to: int | None = None
    edited_at: datetime | None = None
    deleted_at: datetime | None = None


class RoomRow(msgspec.Struct, frozen=True):
    """A room with one member's view of it."""

    id: UUID
    kind: RoomKind
    name: str | None
    last_seq: int
    rev: int
    last_message_at: datetime | None
    last_message: str
    read_seq: int
    joined_seq: int
    muted: bool
    friend: PersonRow | None


def user_of(person: PersonRow, *, online: bool) -> User:
    """The person as others see him."""
    last_seen = rfc3339(person.last_seen_at)
    avatar_url = person.avatar_url or msgspec.UNSET
    return User(person.id, person.username, person.display_name, online, last_seen, bg_color(person.id), avatar_url)


def room_of(row: RoomRow, *, friend_online: bool) -> Room:
    """The room as its member sees it."""
    return Room(
        id=row.id,
        type=row.kind,
        name=row.name,
        friend=None if row.friend is None else user_of(row.friend, online=friend_online),
        last_message=row.last_message,
        last_message_at=rfc3339(row.last_message_at),
        unread_count=row.last_seq - row.read_seq,
        last_seq=row.last_seq,
        read_seq=row.read_seq,
        joined_seq=row.joined_seq,
        rev=row.rev,
        muted=row.muted,
    )


def bg_color(user_id: UUID) -> str:
    """A colour for the person's initials, light enough for dark text: `#rrggbb`, from the id alone."""
    digest = hashlib.sha256(user_id.bytes).digest()
    return "#" + "".join(f"{128 + byte // 2:02x}" for byte in digest[:3])
