"""One line of JSON a record, and no secret in it."""

import asyncio
import contextvars
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis import logs
from chassis.logs import JsonFormatter, TextFormatter, mask
from tests.support.tokens import example

TOKEN = example().token()
NOISY = ("hypercorn.error", "httpx", "httpcore", "aiokafka", "asyncio")
FORMATTER = JsonFormatter("chat", "chat-0")


def record(message: str, *args: object, error: BaseException | None = None, **extra: Any) -> logging.LogRecord:
    info = (type(error), error, error.__traceback__) if error is not None else None
    made = logging.LogRecord("a.logger", logging.WARNING, __file__, 1, message, args, info)
    vars(made).update(extra)
    return made


def line_of(*args: Any, **extra: Any) -> dict[str, Any]:
    """The record as JSON; it must be one line."""
    line = FORMATTER.format(record(*args, **extra))
    assert "\n" not in line
    document = json.loads(line)
    assert isinstance(document, dict)
    return document


def test_a_line_says_when_who_and_what() -> None:
    entry = line_of("hello %s", "you", room="r1", count=3)
    assert entry.pop("time").endswith("Z")
    assert entry == {
        "level": "warning",
        "logger": "a.logger",
        "message": "hello you",
        "service": "chat",
        "pod": "chat-0",
        "room": "r1",
        "count": 3,
    }


def test_a_line_names_the_user_and_the_trace() -> None:
    def request() -> dict[str, Any]:
        logs.user_id.set("u1")
        logs.trace_id.set("t1")
        return line_of("x")

    entry = contextvars.copy_context().run(request)
    assert (entry["user_id"], entry["trace_id"]) == ("u1", "t1")
    assert not {"user_id", "trace_id"} & set(line_of("x"))


async def test_a_line_names_its_request() -> None:
    async def request(name: str) -> None:
        logs.request_id.set(name)
        await asyncio.sleep(0)
        assert line_of("x")["request_id"] == name

    await asyncio.gather(request("one"), request("two"))
    assert "request_id" not in line_of("x")


def test_an_exception_is_one_string() -> None:
    try:
        raise RuntimeError("first\nsecond")
    except RuntimeError as error:
        entry = line_of("failed", error=error)
    assert entry["exception"].splitlines()[0] == "Traceback (most recent call last):"
    assert entry["exception"].endswith("RuntimeError: first\nsecond")


class Unspeakable:
    """Has no text."""

    def __str__(self) -> str:
        raise ValueError


@pytest.mark.parametrize("value", ["a\nb\r\x00\x1b[31m", '"quoted" \\ ', "\u2028", "\ud800", "é", b"bytes", {1}, None])
def test_no_value_breaks_the_line(value: object) -> None:
    entry = line_of("x", value=value)
    assert "value" in entry


def test_no_object_prevents_the_line() -> None:
    entry = line_of("x", bad=Unspeakable(), keys={(1, 2): 3, "a": 1})
    assert (entry["bad"], entry["keys"]) == ("<Unspeakable>", {"a": 1})


SECRETS = {
    "a JWT": TOKEN,
    "a JWT in a sentence": f"got {TOKEN}, which is bad",
    "a JWT in an exception": f"ValueError('{TOKEN}')",
    "a JWT in a header": f"Authorization: Bearer {TOKEN}",
    "a token in a URL": "GET /ws?token=s3cret-opaque HTTP/1.1",
    "a token among others": "/ws?room=1&token=s3cret-opaque&resume=2",
    "a token quoted": 'GET "/ws?token=s3cret-opaque" 101',
    "a token before a new line": "/ws?token=s3cret-opaque\nnext",
    "a refresh token": "refresh_token=s3cret-opaque",
    "a ticket": "/ws?ticket=s3cret-opaque",
    "a password": "password=s3cret-opaque&x=1",
    "an opaque bearer token": "authorization: bearer s3cret-opaque",
    "a database": "postgresql://auth:s3cret-opaque@127.0.0.1:5432/auth",
    "a password with signs": "postgresql://auth:s3cret-opaque%40:@!@127.0.0.1:5432/auth",
    "a password with an at sign": "postgresql://auth:s3cret@opaque@127.0.0.1:5432/auth",
    "a Redis without a user": "redis://:s3cret-opaque@127.0.0.1:6379/0",
    "a URL in an error": "ConnectionError('Error connecting to redis://:s3cret-opaque@h:1, refused')",
}


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("where", ["message", "argument", "extra", "nested", "exception"])
def test_a_secret_is_masked_wherever_it_is(name: str, where: str) -> None:
    text = SECRETS[name]
    made = {
        "message": lambda: record(text),
        "argument": lambda: record("%s", text),
        "extra": lambda: record("x", detail=text),
        "nested": lambda: record("x", detail={"a": [text]}),
        "exception": lambda: record("x", error=RuntimeError(text)),
    }[where]()
    for formatter in (FORMATTER, TextFormatter()):
        line = formatter.format(made)
        assert "***" in line
        assert "s3cret" not in line
        assert "opaque" not in line
        assert TOKEN.split(".")[1] not in line
    json.loads(FORMATTER.format(made))


@pytest.mark.parametrize(
    "text", ["https://example.org/a@b", "12:30:01", "http://h:80/x", "a@b.org", "tokens=3 bearer", "eyJ", "time=1"]
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert mask(text) == text


def test_masking_leaves_what_is_around() -> None:
    assert mask("GET /ws?token=abc&room=1 from redis://:pw@h:1/0") == "GET /ws?token=***&room=1 from redis://***@h:1/0"


@given(st.text(), st.dictionaries(st.text(), st.text()))
def test_every_text_gives_a_line_of_json(message: str, nested: dict[str, str]) -> None:
    assert "level" in line_of("%s token=%s://%s:@", message, message, message, extra=nested)


def test_the_text_form_lets_nobody_write_lines_or_move_the_cursor() -> None:
    line = TextFormatter().format(record("a\nb\x1b[2J", path="x\r\ny\x9b"))
    assert not any(ord(character) < 32 or 0x7F <= ord(character) < 0xA0 for character in line)
    assert line.endswith("WARNING a.logger a\\x0ab\\x1b[2J path=x\\x0d\\x0ay\\x9b")


def test_the_text_form_shows_exceptions() -> None:
    try:
        raise KeyError("x")
    except KeyError as error:
        text = TextFormatter().format(record("failed", error=error))
    assert text.splitlines()[-1] == "KeyError: 'x'"


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """The root logger, as it was afterwards."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    noisy = {name: logging.getLogger(name).level for name in NOISY}
    yield root
    root.handlers[:], level = before
    root.setLevel(level)
    for name, old in noisy.items():
        logging.getLogger(name).setLevel(old)


@pytest.mark.parametrize(("style", "kind"), [("json", JsonFormatter), ("text", TextFormatter)])
def test_configuring_twice_writes_once(root: logging.Logger, style: str, kind: type) -> None:
    for _ in range(2):
        logs.configure("chat", "chat-0", "debug", style)
    (handler,) = root.handlers
    assert isinstance(handler, logging.StreamHandler)
    assert handler.stream is sys.stderr
    assert isinstance(handler.formatter, kind)
    assert root.level == logging.DEBUG


def test_clients_do_not_log_the_urls_they_ask(root: logging.Logger) -> None:
    logs.configure("chat", "chat-0", "debug", "json")
    for name in NOISY:
        assert not logging.getLogger(name).isEnabledFor(logging.INFO)
