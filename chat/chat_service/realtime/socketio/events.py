"""What a client may ask for by an event, and what its acknowledgement says. No I/O."""

from collections.abc import Mapping
from typing import Annotated, TypeAlias, TypeVar, get_args
from uuid import UUID

import msgspec

from chassis.problems import Problem

from ...model import Seq
from .. import protocol
from ..codes import ErrorCode
from ..refusals import DETAILS, mistake_in
from .packets import Event
from .shapes import Failed

MAX_NAME_CHARACTERS = 200


class StartPrivateChat(msgspec.Struct, frozen=True):
    """Talk to somebody: his username or id."""

    user: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME_CHARACTERS)]


class SendMessage(msgspec.Struct, frozen=True):
    """A message to a room."""

    chat_id: UUID
    message: protocol.Content
    client_id: protocol.ClientId | None = None
    reply_to: Seq | None = None


class ReceiveMessage(msgspec.Struct, frozen=True):
    """Up to where the messages of a room have arrived."""

    chat_id: UUID
    seq: Seq


class AuthRefresh(msgspec.Struct, frozen=True):
    """A fresh access token."""

    token: str


class Positions(msgspec.Struct, frozen=True):
    """Where to go on, by room: SEQ, [SEQ] or [SEQ, REV]; and the life of the database this is from."""

    rooms: Annotated[
        dict[UUID, Seq | Annotated[list[Seq], msgspec.Meta(min_length=1, max_length=2)]],
        msgspec.Meta(extra_json_schema={"propertyNames": {"format": "uuid"}}),
    ]
    epoch: protocol.Epoch | None = None

    def seqs(self) -> Mapping[UUID, int]:
        """The last seq of each room."""
        return {room: at if isinstance(at, int) else at[0] for room, at in self.rooms.items()}

    def revs(self) -> Mapping[UUID, int]:
        """The last rev of those rooms that have one."""
        return {room: at[1] for room, at in self.rooms.items() if not isinstance(at, int) and len(at) == 2}


class AuthResume(Positions, frozen=True):
    """Go on from there."""


Request: TypeAlias = StartPrivateChat | SendMessage | ReceiveMessage | AuthRefresh | AuthResume
REQUESTS: Mapping[str, type[Request]] = {
    "start_private_chat": StartPrivateChat,
    "send_message": SendMessage,
    "receive_message": ReceiveMessage,
    "auth.refresh": AuthRefresh,
    "auth.resume": AuthResume,
}
Wish = TypeVar("Wish", bound=Request | protocol.Command)
_COMMANDS = {str(model.__struct_config__.tag) for model in get_args(protocol.Command)}


class Refused(Exception):
    """An event that was not carried out.

    Arguments:
        code: of an `error` frame, or of a problem.
        retry_after: in seconds.
    """

    def __init__(self, code: str, detail: str, retry_after: float | None = None) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.retry_after = retry_after

    def body(self) -> Failed:
        """`{code, detail, retry_after?}`."""
        body = Failed(code=self.code, detail=self.detail)
        if self.retry_after is not None:
            body["retry_after"] = self.retry_after
        return body


class Mistaken(Refused):
    """An event that makes no sense: many in a row end the connection."""

    def __init__(self, detail: str) -> None:
        super().__init__(ErrorCode.BAD_FRAME.value, detail)


def refusal_of(problem: Problem) -> Refused:
    """What HTTP would answer, in an acknowledgement."""
    wait = problem.headers.get("Retry-After")
    return Refused(problem.code, problem.detail, None if wait is None else float(wait))


def refusal(code: ErrorCode, retry_after: float | None = None) -> Refused:
    """What a WebSocket would be told."""
    return Refused(code.value, DETAILS[code], retry_after)


def read(event: Event) -> Request | protocol.Command:
    """What the event asks for; whatever a WebSocket can send is understood too, under the same name.

    Raises:
        Mistaken: an unknown name, or a missing or wrong field.
    """
    if event.mistake:
        raise Mistaken(event.mistake)
    model = REQUESTS.get(event.name)
    try:
        if model is not None:
            return checked(msgspec.convert(event.argument, model))
        if event.name in _COMMANDS:
            data = {} if event.argument is None else event.argument
            return checked(protocol.decode(msgspec.json.encode({"type": event.name, "data": data})))
    except (msgspec.ValidationError, RecursionError) as error:
        raise Mistaken(str(error)) from None
    except protocol.BadFrame as bad:
        raise Mistaken(bad.detail) from None
    raise Mistaken("there is no such event")


def checked(request: Wish) -> Wish:
    """What is asked for, if its texts can be what they should.

    Raises:
        Refused: they cannot.
    """
    mistake = None
    if isinstance(request, StartPrivateChat) and "\x00" in request.user:
        raise Mistaken("U+0000 is not allowed")
    if isinstance(request, SendMessage):
        mistake = mistake_in(request.client_id, request.message, "message")
    elif isinstance(request, (protocol.Send, protocol.Edit)):
        mistake = mistake_in(request.data.client_id, request.data.content)
    elif isinstance(request, protocol.Delete):
        mistake = mistake_in(request.data.client_id, None)
    if mistake is not None:
        code, detail = mistake
        raise Mistaken(detail) if code is ErrorCode.BAD_FRAME else Refused(code.value, detail)
    return request
