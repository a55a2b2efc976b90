"""What the server sends: one Struct per frame, from which frames are encoded and the AsyncAPI document is made.

Three are not made from theirs, because they are the hot path or like it: `protocol.ack` and `live.message_body` write
`chat.ack`, `chat.message` and `chat.edited` by hand. Tests decode those with the Structs here and expect the same bytes
back.
"""

from typing import Annotated, TypeAlias
from uuid import UUID

import msgspec

from ..model import Message, Room, Seq, Time, User
from .codes import ErrorCode


class Position(msgspec.Struct, frozen=True, gc=False):
    """A room, and how far it is: in messages, in other changes, and read by me."""

    id: UUID
    last_seq: Seq
    rev: Seq
    read_seq: Seq


class Ready(msgspec.Struct, frozen=True):
    """Who I am here, and where my rooms are; all of them are subscribed."""

    connection_id: UUID
    user: User
    epoch: str
    rooms: list[Position]
    heartbeat_s: Annotated[int, msgspec.Meta(ge=1)]


class SessionReady(msgspec.Struct, frozen=True, tag_field="type", tag="session.ready"):
    """The first frame."""

    data: Ready


class ChatMessage(msgspec.Struct, frozen=True, tag_field="type", tag="chat.message"):
    """A message, to every connection of every member, the sending one included."""

    data: Message


class Ack(msgspec.Struct, frozen=True, gc=False):
    """Where a message is stored. `duplicate`: it was there already, under the same client_id."""

    client_id: str | None
    id: UUID
    room: UUID
    seq: Seq
    created_at: Time
    duplicate: bool


class ChatAck(msgspec.Struct, frozen=True, tag_field="type", tag="chat.ack"):
    """The message is stored."""

    data: Ack


class History(msgspec.Struct, frozen=True):
    """Messages of a room, oldest first.

    `has_more`: there are older ones; or, when everything since a position was asked for, another frame follows.
    """

    room: UUID
    messages: list[Message]
    has_more: bool


class ChatEdited(msgspec.Struct, frozen=True, tag_field="type", tag="chat.edited"):
    """A message says something else now, with the rev of the room by which it does."""

    data: Message


class Deletion(msgspec.Struct, frozen=True, gc=False):
    """A message that says nothing any more, and the rev of the room by which it does not."""

    room: UUID
    seq: Seq
    id: UUID
    rev: Seq
    deleted_at: Time


class ChatDeleted(msgspec.Struct, frozen=True, tag_field="type", tag="chat.deleted"):
    """A message is deleted; it keeps its seq."""

    data: Deletion


class Changed(msgspec.Struct, frozen=True, gc=False):
    """A message, and the rev of its last change: what was asked for, or an earlier one that came to the same."""

    client_id: str | None
    room: UUID
    seq: Seq
    id: UUID
    rev: Seq


class ChatChanged(msgspec.Struct, frozen=True, tag_field="type", tag="chat.changed"):
    """The message is as I asked for by `chat.edit` or `chat.delete`."""

    data: Changed


class ChatHistory(msgspec.Struct, frozen=True, tag_field="type", tag="chat.history"):
    """What was said before."""

    data: History


class Receipt(msgspec.Struct, frozen=True, gc=False):
    """How far somebody is in a room."""

    room: UUID
    user: UUID
    seq: Seq


class ChatRead(msgspec.Struct, frozen=True, tag_field="type", tag="chat.read"):
    """Somebody has read that far; also to his own other devices."""

    data: Receipt


class ChatDelivered(msgspec.Struct, frozen=True, tag_field="type", tag="chat.delivered"):
    """Messages up to there have arrived at somebody."""

    data: Receipt


class Typing(msgspec.Struct, frozen=True, gc=False):
    """Somebody in a room."""

    room: UUID
    user: UUID


class FriendTypingStart(msgspec.Struct, frozen=True, tag_field="type", tag="friend.typing.start"):
    """Somebody began to type."""

    data: Typing


class FriendTypingStop(msgspec.Struct, frozen=True, tag_field="type", tag="friend.typing.stop"):
    """Somebody stopped typing."""

    data: Typing


class FriendOnline(msgspec.Struct, frozen=True, tag_field="type", tag="friend.online"):
    """The other one in a direct room has come; after `session.ready`, of each who is there already."""

    data: Room


class FriendOffline(msgspec.Struct, frozen=True, tag_field="type", tag="friend.offline"):
    """The other one in a direct room has been without a connection for the grace of 20 seconds."""

    data: Room


class RoomCreated(msgspec.Struct, frozen=True, tag_field="type", tag="room.created"):
    """I have been added to a room, or somebody began to talk to me."""

    data: Room


class RoomUpdated(msgspec.Struct, frozen=True, tag_field="type", tag="room.updated"):
    """A room of mine has another name, or I have muted it, or no longer."""

    data: Room


class InRoom(msgspec.Struct, frozen=True, gc=False):
    """Names a room."""

    room: UUID


class RoomRemoved(msgspec.Struct, frozen=True, tag_field="type", tag="room.removed"):
    """I am not in the room (any more)."""

    data: InRoom


class Reset(msgspec.Struct, frozen=True, gc=False):
    """A room, and where to go on in it."""

    room: UUID
    last_seq: Seq
    rev: Seq


class RoomReset(msgspec.Struct, frozen=True, tag_field="type", tag="room.reset"):
    """My position in the room is of another life of the database: forget it, go on from `last_seq` and `rev`."""

    data: Reset


class Refreshed(msgspec.Struct, frozen=True, gc=False):
    """Until when the socket may stay."""

    expires_at: Time


class AuthRefreshed(msgspec.Struct, frozen=True, tag_field="type", tag="auth.refreshed"):
    """The new token is taken."""

    data: Refreshed


class Draining(msgspec.Struct, frozen=True, gc=False):
    """How long to wait before reconnecting, in milliseconds, so that not everybody comes at once."""

    reconnect_after_ms: Annotated[int, msgspec.Meta(ge=0)]


class SessionDraining(msgspec.Struct, frozen=True, tag_field="type", tag="session.draining"):
    """This server is going away; a close with 1012 follows."""

    data: Draining


class Nothing(msgspec.Struct, frozen=True, gc=False):
    """No data."""


class Pong(msgspec.Struct, frozen=True, tag_field="type", tag="pong"):
    """The answer to a `ping`."""

    data: Nothing


class Failure(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What went wrong: a code to switch on, and a sentence for people, which may change.

    `client_id` names the send that failed; `retry_after` is in seconds.
    """

    code: ErrorCode
    detail: str
    client_id: str | None = None
    retry_after: Annotated[float, msgspec.Meta(ge=1)] | None = None


class Error(msgspec.Struct, frozen=True, tag_field="type", tag="error"):
    """A frame could not be carried out; the socket stays open."""

    data: Failure


Event: TypeAlias = (
    SessionReady
    | ChatMessage
    | ChatAck
    | ChatEdited
    | ChatDeleted
    | ChatChanged
    | ChatHistory
    | ChatRead
    | ChatDelivered
    | FriendTypingStart
    | FriendTypingStop
    | FriendOnline
    | FriendOffline
    | RoomCreated
    | RoomUpdated
    | RoomRemoved
    | RoomReset
    | AuthRefreshed
    | SessionDraining
    | Pong
    | Error
)
