"""The checker of answers finds what it is there for."""

import httpx
import pytest

from tests.support.answers import WrongAnswerError, check_answer, operation_of

PROBLEM = {
    "type": "about:blank",
    "title": "Not Found",
    "status": 404,
    "detail": "There is nothing here.",
    "code": "not_found",
    "request_id": "0197f2c06a3e7c519d0e3b1f5a7c2e10",
}
PROBLEM_TYPE = {"Content-Type": "application/problem+json"}
USER = "0197f2bf-11d2-7b3a-bb1c-0f6f4b8e7d21"


def answer(method: str, path: str, status: int, body: object = None, headers: dict[str, str] | None = None) -> None:
    """Check an answer."""
    request = httpx.Request(method, f"http://platform{path}")
    content = {} if body is None else {"json": body}
    check_answer(httpx.Response(status, headers=headers, request=request, **content))  # type: ignore[arg-type]


def test_good_answers_pass() -> None:
    answer("POST", "/auth/logout", 204)
    answer("GET", "/users/show", 200, {"username": "alice", "user_id": USER})
    answer("GET", "/users/show/", 200, {"users": [], "next_cursor": None})
    answer("GET", "/users/show", 404, PROBLEM, PROBLEM_TYPE)
    answer("GET", "/nowhere", 200, {"what": "ever"})


@pytest.mark.parametrize(
    ("method", "path", "status", "body", "headers", "why"),
    [
        ("POST", "/auth/logout", 200, None, None, "not documented"),
        ("POST", "/auth/logout", 204, {"done": True}, None, "where nothing should be"),
        ("GET", "/users/show", 200, {"username": "alice"}, None, "users"),
        ("GET", "/users/show", 200, {"users": [], "next_cursor": None, "total": 3}, None, "total"),
        ("GET", "/users/show", 200, {"users": [], "next_cursor": None}, {"Content-Type": "text/html"}, "as text/html"),
        ("GET", "/users/show", 404, PROBLEM, None, "as application/json"),
        ("GET", "/users/show", 404, {**PROBLEM, "trace": "…"}, PROBLEM_TYPE, "trace"),
        ("GET", "/users/show", 500, {"code": "internal"}, PROBLEM_TYPE, "required property"),
    ],
)
def test_wrong_answers_are_found(
    method: str, path: str, status: int, body: object, headers: dict[str, str] | None, why: str
) -> None:
    with pytest.raises(WrongAnswerError, match=why):
        answer(method, path, status, body, headers)


def test_what_is_spelled_out_comes_before_names() -> None:
    for path in ("/auth/oauth/exchange", "/auth/oauth/exchange/"):
        found = operation_of("POST", path)
        assert found is not None
        assert found.path == "/auth/oauth/exchange"
    named = operation_of("GET", "/auth/oauth/exchange")
    assert named is not None
    assert named.path == "/auth/oauth/{provider}"
