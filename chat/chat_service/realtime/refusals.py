"""What a client is told when a frame is not carried out; and which frames cannot be, whatever Postgres says."""

from .. import policy
from . import protocol
from .codes import ErrorCode
from .session import Session

DETAILS = {
    ErrorCode.NOT_A_MEMBER: "you are not in this room",
    ErrorCode.TOO_LONG: f"a message has at most {policy.MAX_CONTENT_CHARACTERS} characters",
    ErrorCode.REPLY_NOT_FOUND: "there is no such message in this room to reply to",
    ErrorCode.CLIENT_ID_REUSED: "this client_id was used for another message",
    ErrorCode.UNAVAILABLE: "the message could not be stored now; send it again with the same client_id",
    ErrorCode.BAD_FRAME: "the message could not be stored",
    ErrorCode.MESSAGE_NOT_FOUND: "there is no such message in this room",
    ErrorCode.MESSAGE_DELETED: "the message has been deleted",
    ErrorCode.NOT_THE_AUTHOR: "it is somebody else's message",
}
RETRY_AFTER_SECONDS = 1.0


def mistake_in(client_id: str | None, content: str | None, name: str = "content") -> tuple[ErrorCode, str] | None:
    """What is wrong with the texts of a command, whatever Postgres says: a code and a sentence, or None.

    Arguments:
        content: None if the command has none.
        name: what the client calls it.
    """
    mistake = None if content is None else policy.content_mistake(content)
    if client_id is not None and not policy.is_client_id(client_id):
        return ErrorCode.BAD_FRAME, f"client_id has 1 to {policy.MAX_CLIENT_ID_CHARACTERS} characters"
    if mistake == "too_long":
        return ErrorCode.TOO_LONG, DETAILS[ErrorCode.TOO_LONG]
    if mistake is not None:
        return ErrorCode.BAD_FRAME, f"{name} is empty" if mistake == "empty" else "U+0000 is not allowed"
    return None


def is_refused(session: Session, client_id: str | None, content: str | None) -> bool:
    """Whether a frame cannot be carried out, which it has been answered then; None is no content to look at."""
    mistake = mistake_in(client_id, content)
    if mistake is None:
        session.good_frame()
        return False
    code, detail = mistake
    if client_id is not None and not policy.is_client_id(client_id):
        client_id = None  # it names nothing
    if code is ErrorCode.BAD_FRAME:
        session.bad_frame(detail, client_id)
    else:
        session.write(protocol.error(code, detail, client_id=client_id))
    return True


def not_a_member(client_id: str | None) -> bytes:
    """He is not in that room, or there is none."""
    return protocol.error(ErrorCode.NOT_A_MEMBER, DETAILS[ErrorCode.NOT_A_MEMBER], client_id=client_id)


def too_much(client_id: str | None) -> bytes:
    """The session has more waiting than it may."""
    return protocol.error(
        ErrorCode.RATE_LIMITED, "too much at once", client_id=client_id, retry_after=RETRY_AFTER_SECONDS
    )


def unavailable(client_id: str | None) -> bytes:
    """It could not be done now, or it is not known whether it was."""
    return protocol.error(ErrorCode.UNAVAILABLE, "try again", client_id=client_id, retry_after=RETRY_AFTER_SECONDS)
