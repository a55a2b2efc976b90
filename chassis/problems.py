"""Errors that a client sees: one exception, one body, `application/problem+json` (RFC 9457).

    Problem
    ├── Invalid        422  field errors
    ├── Unauthorized   401  no, bad, expired or revoked token
    ├── Forbidden      403  not yours
    ├── NotFound       404  unknown, or not visible to you
    ├── Conflict       409
    ├── TooMany        429  with Retry-After
    └── Unavailable    503  a dependency is away, with Retry-After

A `code` is a stable word that a client can switch on; `detail` is for people and may change.
"""

import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Literal

import msgspec

CONTENT_TYPE = "application/problem+json"

_CODES = {
    400: "malformed",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "request_timeout",
    409: "conflict",
    413: "too_large",
    414: "uri_too_long",
    415: "unsupported_media_type",
    422: "invalid",
    426: "upgrade_required",
    429: "rate_limited",
    431: "headers_too_large",
    500: "internal",
    502: "bad_gateway",
    503: "unavailable",
    504: "upstream_timeout",
}


class FieldError(msgspec.Struct, frozen=True):
    """One field of the input that is not acceptable: where (`a.b.0`) and why."""

    field: str
    detail: str


class ProblemBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """An error (RFC 9457): `code` is a stable word to switch on, `errors` are the fields at fault."""

    type: Literal["about:blank"]
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    errors: list[FieldError] | msgspec.UnsetType = msgspec.UNSET


class Problem(Exception):
    """An answer other than success.

    Arguments:
        status: the HTTP status.
        detail: one sentence for the person who reads it; never internals.
        code: the stable word; by default the usual one of the status.
        headers: more response headers.
        errors: the fields at fault, for 422.
    """

    def __init__(
        self,
        status: int,
        detail: str = "",
        *,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
        errors: list[FieldError] | None = None,
    ) -> None:
        super().__init__(f"{status} {code or code_of(status)}: {detail}")
        self.status = status
        self.code = code or code_of(status)
        self.detail = detail or title_of(status)
        self.headers = dict(headers or {})
        self.errors = errors

    def body(self, request_id: str) -> bytes:
        """The problem+json document, naming the request it answers."""
        title, errors = title_of(self.status), msgspec.UNSET if self.errors is None else self.errors
        return msgspec.json.encode(
            ProblemBody("about:blank", title, self.status, self.detail, self.code, request_id, errors)
        )


class Invalid(Problem):
    """422: the input is well-formed, but these fields are not acceptable."""

    def __init__(self, *errors: tuple[str, str], code: str = "invalid") -> None:
        super().__init__(
            422,
            "; ".join(f"{field}: {detail}" for field, detail in errors),
            code=code,
            errors=[FieldError(field, detail) for field, detail in errors],
        )


class Unauthorized(Problem):
    """401, with the challenge that RFC 6750 asks for."""

    def __init__(self, detail: str = "A valid access token is needed.", *, code: str = "unauthorized") -> None:
        challenge = "Bearer" if code == "unauthorized" else f'Bearer error="invalid_token", error_description="{code}"'
        super().__init__(401, detail, code=code, headers={"WWW-Authenticate": challenge})


class Forbidden(Problem):
    """403: it exists and you may see it, but this is not yours to do."""

    def __init__(self, detail: str = "", *, code: str = "forbidden") -> None:
        super().__init__(403, detail, code=code)


class NotFound(Problem):
    """404: unknown, or not visible to you."""

    def __init__(self, detail: str = "", *, code: str = "not_found") -> None:
        super().__init__(404, detail, code=code)


class Conflict(Problem):
    """409: it is taken, or it is in another state than you think."""

    def __init__(self, detail: str = "", *, code: str = "conflict") -> None:
        super().__init__(409, detail, code=code)


class TooMany(Problem):
    """429. `retry_after` is in seconds, rounded up to at least one."""

    def __init__(self, retry_after: float, detail: str = "", *, code: str = "rate_limited") -> None:
        super().__init__(429, detail, code=code, headers=retry_after_header(retry_after))
        self.retry_after = retry_after


class Unavailable(Problem):
    """503: a dependency is away or the service is full; the same request may succeed after `retry_after` seconds."""

    def __init__(self, detail: str = "", *, code: str = "unavailable", retry_after: float = 2) -> None:
        super().__init__(503, detail, code=code, headers=retry_after_header(retry_after))


def retry_after_header(seconds: float) -> dict[str, str]:
    """`Retry-After` in whole seconds, at least one (RFC 9110 section 10.2.3)."""
    return {"Retry-After": str(max(1, math.ceil(seconds)))}


def title_of(status: int) -> str:
    """The standard phrase of a status."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def code_of(status: int) -> str:
    """The stable word for a status that has no more precise one."""
    return _CODES.get(status, "error" if status < 500 else "internal")
