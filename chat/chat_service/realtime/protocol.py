"""Frames of the public protocol: bytes in → command, event → bytes. No I/O.

Every frame is `{"type": …, "data": {…}}`. What the server sends is compact and has `type` first.
"""

from typing import Annotated, Any, TypeAlias
from uuid import UUID

import msgspec

from .. import policy
from ..model import Seq
from .codes import ErrorCode
from .events import Error, Event, Failure, Nothing, Pong
from .wire import text_frame

# What `policy` asks for, for the documents only: each mistake has an answer of its own, so it is not found by decoding.
Content = Annotated[
    str,
    msgspec.Meta(
        extra_json_schema={
            "minLength": 1,
            "maxLength": policy.MAX_CONTENT_CHARACTERS,
            "pattern": "^[^\\u0000]*[^\\s\\u0000][^\\u0000]*$",
        }
    ),
]
ClientId = Annotated[
    str,
    msgspec.Meta(
        extra_json_schema={"minLength": 1, "maxLength": policy.MAX_CLIENT_ID_CHARACTERS, "pattern": "^[^\\u0000]*$"}
    ),
]

MAX_EPOCH_CHARACTERS = 64
Epoch = Annotated[str, msgspec.Meta(max_length=MAX_EPOCH_CHARACTERS, pattern="^[^\\x00]*$")]

# --- client → server -------------------------------------------------------------------------------------------------


class SendData(msgspec.Struct, frozen=True, gc=False):
    """A message to a room. The same `client_id` of the same sender in the same room is the same message.

    `reply_to` is the seq of another message of the room.
    """

    room: UUID
    content: Content
    client_id: ClientId | None = None
    reply_to: Seq | None = None


class Send(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="chat.message"):
    """A message; answered by `chat.ack` after the commit."""

    data: SendData


class RoomData(msgspec.Struct, frozen=True, gc=False):
    """Names a room."""

    room: UUID


class TypingStart(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="friend.typing.start"):
    """I began to type: passed to the others, never stored."""

    data: RoomData


class TypingStop(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="friend.typing.stop"):
    """I stopped typing: passed to the others, never stored."""

    data: RoomData


class ReadData(msgspec.Struct, frozen=True, gc=False):
    """How far a room has been read; without `seq`, all of it."""

    room: UUID
    seq: Seq | None = None


class Read(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="chat.read"):
    """Moves my read marker: never back, never beyond the last message."""

    data: ReadData


class ReceivedData(msgspec.Struct, frozen=True, gc=False):
    """Up to where the messages of a room have arrived."""

    room: UUID
    seq: Seq


class Received(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="chat.received"):
    """Everything up to there has arrived here: never back, never beyond the last message."""

    data: ReceivedData


class EditData(msgspec.Struct, frozen=True, gc=False):
    """A message of mine, and what it is to say. `client_id` names this command in its answer."""

    room: UUID
    seq: Seq
    content: Content
    client_id: ClientId | None = None


class Edit(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="chat.edit"):
    """Gives a message of mine other words; answered by `chat.changed` after the commit."""

    data: EditData


class DeleteData(msgspec.Struct, frozen=True, gc=False):
    """A message of mine, or of a group that I own. `client_id` names this command in its answer."""

    room: UUID
    seq: Seq
    client_id: ClientId | None = None


class Delete(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="chat.delete"):
    """Deletes a message; answered by `chat.changed` after the commit."""

    data: DeleteData


class JoinData(msgspec.Struct, frozen=True, gc=False):
    """A room, and after which of its messages all are wanted; without `since`, the last 100.

    With `rev`, also what has been changed since then of the messages up to `since`.
    """

    room: UUID
    since: Seq | None = None
    rev: Seq | None = None


class Join(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="room.join"):
    """Show me a room of mine; answered by `chat.history`."""

    data: JoinData


class ResumeData(msgspec.Struct, frozen=True, gc=False):
    """Where to go on, by room: [seq] or [seq, rev]; and the epoch this is from. `more`: another such frame follows."""

    rooms: Annotated[
        dict[UUID, Annotated[list[Seq], msgspec.Meta(min_length=1, max_length=2)]],
        msgspec.Meta(extra_json_schema={"propertyNames": {"format": "uuid"}}),  # as many as fit into a frame
    ]
    epoch: Epoch | None = None
    more: bool = False


class Resume(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="session.resume"):
    """Where to go on: the first frame of a client that connected with `?resume=frame`, and those that follow it."""

    data: ResumeData


class RefreshData(msgspec.Struct, frozen=True, gc=False):
    """A fresh access token."""

    token: str


class Refresh(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="auth.refresh"):
    """Keeps the socket beyond its first token's expiry; answered by `auth.refreshed`."""

    data: RefreshData


class Ping(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="ping"):
    """Is anybody there? For clients that cannot send WebSocket pings; answered by `pong`."""

    data: dict[str, Any] = {}


Command: TypeAlias = Send | Edit | Delete | TypingStart | TypingStop | Read | Received | Join | Resume | Refresh | Ping


class BadFrame(Exception):
    """A frame that is not a command; `client_id` names the send it was meant to be, if it was one."""

    def __init__(self, detail: str, client_id: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.client_id = client_id


_commands: "msgspec.json.Decoder[Command]" = msgspec.json.Decoder(Command)


def decode(payload: bytes) -> Command:
    """The command in a text frame.

    Raises:
        BadFrame: not JSON, not a known type, or a field is missing or of another type.
    """
    try:
        return _commands.decode(payload)
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadFrame(str(error), _client_id_in(payload)) from None


def _client_id_in(payload: bytes) -> str | None:
    try:
        client_id = msgspec.json.decode(payload)["data"]["client_id"]
    except (msgspec.DecodeError, RecursionError, TypeError, KeyError, IndexError):
        return None
    return client_id if isinstance(client_id, str) and len(client_id) <= 64 else None


# --- server → client -------------------------------------------------------------------------------------------------

encode_json = msgspec.json.Encoder().encode


def frame(event: Event) -> bytes:
    """An event, ready for the socket."""
    return text_frame(encode_json(event))


PONG = frame(Pong(Nothing()))


def error(code: ErrorCode, detail: str, *, client_id: str | None = None, retry_after: float | None = None) -> bytes:
    """An `error` frame; the socket stays open."""
    return frame(Error(Failure(code, detail, client_id, retry_after)))


def ack(client_id: str | None, message_id: bytes, room: bytes, seq: int, created_at: str, duplicate: bool) -> bytes:
    """`chat.ack`: the message is stored; ids as text."""
    return text_frame(
        b'{"type":"chat.ack","data":{"client_id":%b,"id":"%b","room":"%b","seq":%d,"created_at":"%b","duplicate":%b}}'
        % (
            encode_json(client_id),
            message_id,
            room,
            seq,
            created_at.encode(),
            b"true" if duplicate else b"false",
        )
    )
