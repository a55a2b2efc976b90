"""Browsers: whose pages may call, and open sockets."""

import pytest

from chassis.lifecycle import Fatal
from chassis.problems import Forbidden
from gateway_service.origins import Origins

HOST = b"chat.example:8000"


@pytest.mark.parametrize(
    ("origin", "host", "allowed"),
    [
        (b"http://chat.example:8000", HOST, True),
        (b"HTTP://Chat.Example:8000", HOST, True),
        (b"https://chat.example", b"chat.example", True),
        (b"https://chat.example", b"chat.example:443", True),
        (b"http://chat.example:80", b"chat.example", True),
        (b"http://chat.example", HOST, False),
        (b"http://evil.example", HOST, False),
        (b"http://chat.example:8000.evil.example", HOST, False),
        (b"http://evil.example/chat.example:8000", HOST, False),
        (b"null", HOST, False),
        (b"", HOST, False),
        (b"file://", b"", False),
        (b"\xff", HOST, False),
        (b"https://app.example", HOST, True),
        (b"https://app.example:443", HOST, True),
        (b"http://app.example", HOST, False),
        (b"https://app.example.evil", HOST, False),
    ],
)
def test_the_same_origin_and_the_listed_ones_may(origin: bytes, host: bytes, allowed: bool) -> None:
    assert Origins(["https://app.example"]).allows(origin, host) is allowed


def test_a_star_is_every_site() -> None:
    assert Origins(["*"]).allows(b"https://anything.example", HOST)


@pytest.mark.parametrize("entry", ["app.example", "ftp://app.example", "https://", "https://app.example/path"])
def test_an_entry_that_is_no_origin_ends_the_start(entry: str) -> None:
    with pytest.raises(Fatal, match="ALLOWED_ORIGINS"):
        Origins([entry])


def test_a_socket_from_another_site_is_refused() -> None:
    with pytest.raises(Forbidden) as caught:
        Origins([]).check_socket(b"https://evil.example", HOST)
    assert caught.value.code == "origin_refused"


def test_a_client_without_an_origin_is_no_browser() -> None:
    origins = Origins([])
    origins.check_socket(None, HOST)
    assert origins.answer_headers(None, HOST) == {}


def test_a_listed_page_may_read_the_answer() -> None:
    headers = Origins(["https://app.example"]).answer_headers(b"https://app.example", HOST)
    assert headers["Access-Control-Allow-Origin"] == "https://app.example"
    assert "Retry-After" in headers["Access-Control-Expose-Headers"]
    assert "Access-Control-Allow-Credentials" not in headers


def test_other_pages_and_our_own_get_no_such_header() -> None:
    origins = Origins(["https://app.example"])
    assert origins.answer_headers(b"https://evil.example", HOST) == {}
    assert origins.answer_headers(b"http://chat.example:8000", HOST) == {}


def test_a_preflight_is_answered() -> None:
    fields = {
        b"origin": b"https://app.example",
        b"access-control-request-method": b"PUT",
        b"access-control-request-headers": b"authorization",
    }
    headers = Origins(["https://app.example"]).preflight(fields, HOST)
    assert headers is not None
    assert "PUT" in headers["Access-Control-Allow-Methods"]
    assert headers["Access-Control-Allow-Headers"] == "authorization"
    with pytest.raises(Forbidden):
        Origins([]).preflight(fields, HOST)


def test_other_options_are_no_preflight() -> None:
    assert Origins([]).preflight({b"origin": b"https://x.example"}, HOST) is None
    assert Origins([]).preflight({b"access-control-request-method": b"PUT"}, HOST) is None
