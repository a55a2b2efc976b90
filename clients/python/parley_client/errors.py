"""What can go wrong, as one tree.

ParleyError
├── ApiError             the server said no: status, a stable `code`, a `detail` for people
│   └── Unavailable      not now (429, 502, 503, 504): worth repeating after `retry_after` seconds
├── NoAnswer             nobody answered, or the answer was lost: it is not known whether it was done
├── SendRefused          a message will never be stored, or changed so, whoever repeats it
└── SessionOver          the token is not accepted and cannot be renewed: log in again
"""

from collections.abc import Mapping
from typing import Any

NOT_NOW = frozenset({429, 502, 503, 504})


class ParleyError(Exception):
    """The root of the tree."""


class ApiError(ParleyError):
    """An answer of the server that is not the one hoped for.

    Arguments:
        status: of HTTP.
        code: a stable word to switch on.
        detail: a sentence for people.
        fields: what is wrong with which field, for 422.
    """

    def __init__(self, status: int, code: str, detail: str, fields: tuple[Mapping[str, str], ...] = ()) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail
        self.fields = fields


class Unavailable(ApiError):
    """Not now; `retry_after` is in seconds."""

    def __init__(self, status: int, code: str, detail: str, retry_after: float) -> None:
        super().__init__(status, code, detail)
        self.retry_after = retry_after


class NoAnswer(ParleyError):
    """The connection failed before the answer was there."""


class SendRefused(ParleyError):
    """The server will never do this, and `code` says why.

    For a message `not_a_member`, `too_long`, `reply_not_found`, `client_id_reused`, `bad_frame`; for a change also
    `message_not_found`, `message_deleted`, `not_the_author`.
    """

    def __init__(self, code: str, detail: str, client_id: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.client_id = client_id


class SessionOver(ParleyError):
    """Nothing more can be done with this login."""


def error_of(status: int, body: Any, retry_after: str | None) -> ApiError:
    """The error in an answer.

    Arguments:
        status: of HTTP.
        body: the decoded problem+json, or whatever came instead.
        retry_after: the header of that name.
    """
    problem = body if isinstance(body, dict) else {}
    code = str(problem.get("code", f"http_{status}"))
    detail = str(problem.get("detail", "the server gave no reason"))
    if status in NOT_NOW:
        return Unavailable(status, code, detail, seconds_of(retry_after))
    fields = tuple(field for field in problem.get("errors") or () if isinstance(field, dict))
    return ApiError(status, code, detail, fields)


def seconds_of(retry_after: str | None) -> float:
    """`Retry-After` in seconds, 1 if there is none; dates, which Parley does not send, count as none."""
    text = (retry_after or "").strip()
    return min(float(text), 3600.0) if text.isascii() and text.isdigit() else 1.0
