"""The nouns of the protocol, as they come over HTTP and sockets."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class User:
    """A person as others see him."""

    id: str
    username: str
    full_name: str
    is_online: bool
    last_seen: datetime | None
    bg_color: str

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> "User":
        """From JSON."""
        return cls(
            data["id"],
            data["username"],
            data["full_name"],
            data["is_online"],
            moment(data["last_seen"]),
            data["bg_color"],
        )


@dataclass(frozen=True, slots=True)
class Message:
    """A message; `seq` is its place in the room, dense from 1. `client_id` is there on one's own only."""

    id: str
    room: str
    seq: int
    rev: int
    user: User
    content: str
    created_at: datetime
    direction: Literal["sent", "received"]
    is_delivered: bool
    is_read: bool
    client_id: str | None = None
    duplicate: bool = False
    reply_to: int | None = None
    edited_at: datetime | None = None
    deleted: bool = False

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> "Message":
        """From JSON."""
        return cls(
            data["id"],
            data["room"],
            data["seq"],
            data["rev"],
            User.of(data["user"]),
            data["content"],
            datetime.fromisoformat(data["created_at"]),
            data["direction"],
            data["is_delivered"],
            data["is_read"],
            data.get("client_id"),
            data.get("duplicate", False),
            data.get("reply_to"),
            moment(data.get("edited_at")),
            data.get("deleted", False),
        )


@dataclass(frozen=True, slots=True)
class Room:
    """A room as one member sees it. `friend` is the other one of a direct room, `name` that of a group."""

    id: str
    type: Literal["direct", "group"]
    name: str | None
    friend: User | None
    last_message: str
    last_message_at: datetime | None
    unread_count: int
    last_seq: int
    read_seq: int
    joined_seq: int  # the last message when one became a member; what follows comes live
    muted: bool  # one is not notified of what is said there

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> "Room":
        """From JSON."""
        return cls(
            data["id"],
            data["type"],
            data["name"],
            None if data["friend"] is None else User.of(data["friend"]),
            data["last_message"],
            moment(data["last_message_at"]),
            data["unread_count"],
            data["last_seq"],
            data["read_seq"],
            data["joined_seq"],
            data.get("muted", False),
        )


@dataclass(frozen=True, slots=True)
class Ack:
    """The server's word that a message is stored; `duplicate` if it was so by an earlier attempt."""

    client_id: str
    id: str
    room: str
    seq: int
    created_at: datetime
    duplicate: bool

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> "Ack":
        """From JSON."""
        return cls(
            data["client_id"],
            data["id"],
            data["room"],
            data["seq"],
            datetime.fromisoformat(data["created_at"]),
            data["duplicate"],
        )


@dataclass(frozen=True, slots=True)
class Changed:
    """The server's word that a message is edited or deleted: `rev` is that of its last change."""

    client_id: str
    id: str
    room: str
    seq: int
    rev: int

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> "Changed":
        """From JSON."""
        return cls(data["client_id"], data["id"], data["room"], data["seq"], data["rev"])


@dataclass(frozen=True, slots=True)
class Position:
    """How far one is in a room: all messages up to `seq`, all changes up to `rev`; None if that is not known."""

    seq: int
    rev: int | None = None


@dataclass(frozen=True, slots=True)
class Ready:
    """The first frame of a connection: who I am there, and where the rooms are."""

    connection_id: str
    user: User
    epoch: str
    rooms: Mapping[str, Position]
    read_seqs: Mapping[str, int]
    heartbeat_seconds: float

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> "Ready":
        """From JSON."""
        return cls(
            data["connection_id"],
            User.of(data["user"]),
            data["epoch"],
            {room["id"]: Position(room["last_seq"], room["rev"]) for room in data["rooms"]},
            {room["id"]: room["read_seq"] for room in data["rooms"]},
            float(data["heartbeat_s"]),
        )


@dataclass(frozen=True, slots=True)
class Notice:
    """A frame other than a message: `room.created`, `chat.read`, `friend.typing.start`, … as the protocol has it."""

    type: str
    data: Mapping[str, Any]


Event = Message | Notice


def moment(text: str | None) -> datetime | None:
    """An RFC 3339 time, or None for None."""
    return None if text is None else datetime.fromisoformat(text)
