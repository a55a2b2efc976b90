"""What goes to a Socket.IO client under names of its own: acknowledgements, and events that are no frames."""

from typing import Annotated, NotRequired, TypeAlias, TypedDict
from uuid import UUID

import msgspec

from ...model import Room, Seq, Time, User

Id = Annotated[str, msgspec.Meta(extra_json_schema={"format": "uuid"})]  # passed on as it is


class ChatStarted(TypedDict):
    """The room of two, in which one is now; `created`: there was none before."""

    chat_id: UUID
    created: bool


class MessageStored(TypedDict):
    """The message is stored. `duplicate`: it was there already, under the same client_id."""

    message_id: UUID
    chat_id: UUID
    sender_id: UUID
    seq: Seq
    created_at: Time
    duplicate: bool


class ReceiptTaken(TypedDict):
    """How far the messages of the room have arrived, which is never beyond the last."""

    chat_id: UUID
    seq: Seq


class TokenTaken(TypedDict):
    """Until when the connection may stay."""

    expires_at: Time


class Resuming(TypedDict):
    """The rooms that go on from there."""

    rooms: list[UUID]


class Done(TypedDict):
    """It makes sense, and is being done."""


Reply: TypeAlias = ChatStarted | MessageStored | ReceiptTaken | TokenTaken | Resuming


class Failed(TypedDict):
    """What went wrong: a code of `error` frames or of problems, and a sentence; `retry_after` is in seconds."""

    code: str
    detail: str
    client_id: NotRequired[str]
    retry_after: NotRequired[float]


class NotDone(TypedDict):
    """The event was not carried out."""

    error: Failed


class ReceivedMessage(msgspec.Struct, frozen=True):
    """A message of a room, one's own included."""

    message_id: Id
    chat_id: Id
    sender_id: Id
    message: str
    seq: Seq
    created_at: Time
    reply_to: Seq | msgspec.UnsetType = msgspec.UNSET
    edited_at: Time | msgspec.UnsetType = msgspec.UNSET
    deleted: bool | msgspec.UnsetType = msgspec.UNSET


class MessageDelivered(TypedDict):
    """The messages of the room up to there have arrived at somebody."""

    chat_id: Id
    user_id: Id
    seq: Seq


class ChatCreated(TypedDict):
    """I am in a room that is new to me; in a group there is no `user`."""

    chat_id: UUID
    user: User | None
    room: Room


class SessionClosing(TypedDict):
    """The server ends the connection: a close code and why."""

    code: int
    detail: str
