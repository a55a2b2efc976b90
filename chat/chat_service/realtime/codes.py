"""What goes wrong on a socket: the codes of `error` frames, after which it stays open, and those of its close."""

import enum


class ErrorCode(enum.StrEnum):
    """The `code` of an `error` frame, and what it means to a client."""

    meaning: str

    def __new__(cls, code: str, meaning: str = "") -> "ErrorCode":
        """A member that equals its code."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    BAD_FRAME = "bad_frame", "not text, not JSON, an unknown type, a missing or wrong field, an empty message"
    NOT_A_MEMBER = "not_a_member", "of that room, or there is no such room"
    TOO_LONG = "too_long", "over 4,000 characters"
    REPLY_NOT_FOUND = "reply_not_found", "there is no message `reply_to` in that room"
    MESSAGE_NOT_FOUND = "message_not_found", "there is no message `seq` in that room"
    MESSAGE_DELETED = "message_deleted", "it cannot be edited any more"
    NOT_THE_AUTHOR = "not_the_author", "only its author edits a message; he, or an owner of the group, deletes it"
    CLIENT_ID_REUSED = "client_id_reused", "it belongs to another message of yours"
    RATE_LIMITED = "rate_limited", "wait `retry_after` seconds (at least 1)"
    UNAVAILABLE = (
        "unavailable",
        "it could not be stored, or is in doubt: send it again with the same `client_id` after `retry_after` seconds",
    )
    TOKEN_INVALID = "token_invalid", "the token of an `auth.refresh`; the old one still holds"


class Advice(enum.StrEnum):
    """What a client should do after a close."""

    RESUME = "reconnect and resume"
    RESUME_LATER = "reconnect and resume, waiting longer each time"
    WAIT = "wait before reconnecting"
    NEW_TOKEN = "get another token first"  # noqa: S105  advice, not a secret
    REPAIR = "repair the client: the same would happen again"


class CloseCode(enum.IntEnum):
    """Why a socket was closed, what a client should do then, and whether it is this service that says so."""

    meaning: str
    advice: Advice
    ours: bool

    def __new__(cls, code: int, meaning: str, advice: Advice, ours: bool = True) -> "CloseCode":
        """A member that equals its code."""
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        member.advice = advice
        member.ours = ours
        return member

    GONE = 1001, "a proxy in between, or the other end, goes away", Advice.RESUME_LATER, False
    PROTOCOL_ERROR = 1002, "the client broke RFC 6455", Advice.REPAIR
    ABNORMAL = 1006, "no close frame: the network, or a process that died", Advice.RESUME_LATER, False
    BAD_PAYLOAD = 1007, "text that is not UTF-8", Advice.REPAIR
    TOO_BIG = 1009, "a message over 64 KiB", Advice.REPAIR
    INTERNAL = 1011, "our mistake", Advice.RESUME
    GOING_AWAY = 1012, "this server is going away", Advice.RESUME
    TRY_LATER = 1013, "a proxy in between is overloaded", Advice.RESUME_LATER, False
    BAD_FRAMES = 4400, "20 bad frames in a row", Advice.REPAIR
    TOKEN_OVER = 4401, "the token has expired or its session was ended", Advice.NEW_TOKEN
    TOO_SLOW = 4408, "1 MiB was waiting to be read", Advice.RESUME
    FLOODING = 4429, "200 frames over the rate in a row", Advice.WAIT
