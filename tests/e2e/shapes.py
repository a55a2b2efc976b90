"""Shapes of JSON, as the contract writes them: every named field is there and of its kind; more fields are welcome."""

import re
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

import httpx

Check = Callable[[Any], bool]


def text(value: Any) -> bool:
    """Any text."""
    return isinstance(value, str)


def number(value: Any) -> bool:
    """An integer, not a boolean."""
    return type(value) is int


def flag(value: Any) -> bool:
    """True or false."""
    return isinstance(value, bool)


def uuid(value: Any) -> bool:
    """A UUID in its usual spelling."""
    return isinstance(value, str) and str(UUID(value)) == value


def time(value: Any) -> bool:
    """RFC 3339, UTC, ending in Z."""
    return isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", value) is not None


def color(value: Any) -> bool:
    """`#rrggbb`."""
    return isinstance(value, str) and re.fullmatch(r"#[0-9a-f]{6}", value) is not None


def nothing(value: Any) -> bool:
    """Null."""
    return value is None


def anything(value: Any) -> bool:
    """Whatever it is, it is there."""
    return True


def either(*checks: Check) -> Check:
    """One of them."""
    return lambda value: any(check(value) for check in checks)


def one_of(*values: Any) -> Check:
    """One of these values."""
    return lambda value: value in values


def shaped(fields: Mapping[str, Check]) -> Check:
    """An object of that shape."""
    return lambda value: isinstance(value, dict) and not mistakes(value, fields)


def listed(check: Check) -> Check:
    """A list of such items."""
    return lambda value: isinstance(value, list) and all(check(item) for item in value)


def mistakes(value: Any, fields: Mapping[str, Check]) -> list[str]:
    """What of `value` is not of that shape, empty when it is."""
    if not isinstance(value, dict):
        return [f"not an object: {value!r}"]
    found = [f"{name} is missing" for name in fields if name not in value]
    return found + [
        f"{name}: {value[name]!r}" for name, check in fields.items() if name in value and not check(value[name])
    ]


def is_shaped(value: Any, fields: Mapping[str, Check]) -> None:
    """Assert that `value` is of that shape."""
    assert mistakes(value, fields) == [], value


USER = {
    "id": uuid,
    "username": text,
    "full_name": text,
    "is_online": flag,
    "last_seen": either(time, nothing),
    "bg_color": color,
}
ROOM = {
    "id": uuid,
    "type": one_of("direct", "group"),
    "name": either(text, nothing),
    "friend": either(shaped(USER), nothing),
    "last_message": text,
    "last_message_at": either(time, nothing),
    "unread_count": number,
    "last_seq": number,
    "read_seq": number,
    "joined_seq": number,
    "rev": number,
    "muted": flag,
}
MESSAGE = {
    "id": uuid,
    "room": uuid,
    "seq": number,
    "rev": number,
    "user": shaped(USER),
    "content": text,
    "created_at": time,
    "direction": one_of("sent", "received"),
    "is_delivered": flag,
    "is_read": flag,
}
GRANT = {
    "access_token": text,
    "refresh_token": text,
    "token_type": one_of("Bearer"),
    "expires_in": number,
    "username": text,
    "user_id": uuid,
}
PROFILE = {
    "id": uuid,
    "username": text,
    "displayName": text,
    "avatarUrl": either(text, nothing),
    "statusMessage": either(text, nothing),
    "createdAt": time,
    "updatedAt": time,
}
PROBLEM = {"type": text, "title": text, "status": number, "detail": text, "code": text, "request_id": text}
FIELD_ERROR = {"field": text, "detail": text}


def page_of(fields: Mapping[str, Check]) -> dict[str, Check]:
    """The page envelope."""
    path = either(nothing, lambda value: isinstance(value, str) and value.startswith("/"))
    return {"count": number, "next": path, "previous": path, "results": listed(shaped(fields))}


def is_problem(reply: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Assert that an answer is problem+json of that status and code, complete in itself; returns its body."""
    assert reply.status_code == status, f"{reply.status_code}: {reply.text}"
    assert reply.headers["content-type"] == "application/problem+json", reply.headers
    body: dict[str, Any] = reply.json()
    is_shaped(body, PROBLEM)
    assert body["status"] == status, body
    assert body["code"] == code, body
    assert body["request_id"] == reply.headers["x-request-id"], body
    if status == 401:
        assert reply.headers["www-authenticate"].startswith("Bearer"), reply.headers
    if status == 422:
        assert body["errors"], body
        for error in body["errors"]:
            is_shaped(error, FIELD_ERROR)
    if status in (429, 503):
        assert int(reply.headers["retry-after"]) >= 1, reply.headers
    return body
