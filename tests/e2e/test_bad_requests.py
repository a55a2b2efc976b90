"""Requests that are not as documented: each is answered by a problem of the documented kind, and changes nothing.

The mistakes are made from the schemas of the OpenAPI document: every field of every body and query missing, of every
wrong type, too long, out of range, of another form, with U+0000. A new operation is tested as soon as it is described.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.e2e.people import Person, Platform
from tests.e2e.place import NOBODY, Place
from tests.e2e.shapes import is_problem
from tests.support.mistakes import Mistake, mistakes, nested
from tests.support.openapi import Operation, operations
from tests.unit.docs.documents import codes, rows, section
from tests.unit.docs.test_protocol import TEXT

OPERATIONS = operations()
WITH_BODY = [operation for operation in OPERATIONS if operation.body is not None]
WITH_QUERY = [operation for operation in OPERATIONS if operation.parameters("query")]
WITH_PATH = [operation for operation in OPERATIONS if operation.parameters("path")]
CODES = {
    (int(status), code)
    for row in rows(section(TEXT, "## Errors"))
    for status in row[0].split()
    for code in codes(row[1])
}
AT_ONCE = 8
JSON = {"Content-Type": "application/json"}


def name(operation: Operation) -> str:
    """For the name of a test."""
    return f"{operation.method} {operation.path}"


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    """What the first test made, for all of them: nothing changes it."""
    return {}


@pytest.fixture
async def place(platform: Platform, made: dict[str, Any]) -> AsyncIterator[Place]:
    """The place, which must be as it was in the end."""
    if not made:
        alice, bob = await platform.register("alice"), await platform.register("bob")
        room = await alice.group("Group", bob)
        await bob.say(room, "Hello!")
        made.update(alice=alice.grant, bob=bob.grant, room=room)
    place = Place(Person(platform, made["alice"]), Person(platform, made["bob"]), made["room"])
    before = await place.state()
    yield place
    assert await place.state() == before


async def each(cases: list[Any], check: Callable[[Any], Awaitable[str | None]]) -> None:
    """Check all cases, some at once; fails with what is wrong with any."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(case: Any) -> str | None:
        async with turn:
            return await check(case)

    found = await asyncio.gather(*(one(case) for case in cases))
    assert [wrong for wrong in found if wrong] == []


def field_of(mistake: Mistake) -> str:
    """The field of the body that it is in."""
    return re.split(r"[.\[]", mistake.path)[0]


def wrong_problem(reply: httpx.Response, statuses: set[int], field: str | None = None) -> str | None:
    """What is wrong with an answer that should be a problem of one of these statuses, about that field."""
    shown = f"{reply.status_code} {reply.text[:200]}"
    if reply.status_code not in statuses:
        return shown
    try:
        body = is_problem(reply, reply.status_code, reply.json()["code"])
    except (AssertionError, ValueError, KeyError) as error:
        return f"{shown} is no problem: {error}"
    if (reply.status_code, body["code"]) not in CODES:
        return f"{shown} is not documented"
    if field and reply.status_code == 422 and not any(one["field"].split(".")[0] == field for one in body["errors"]):
        return f"{shown} does not name {field}"
    return None


def test_there_is_something_to_get_wrong() -> None:
    assert min(len(OPERATIONS) - 30, len(WITH_BODY) - 14, len(WITH_QUERY) - 5, len(WITH_PATH) - 12) >= 0


@pytest.mark.parametrize("operation", WITH_BODY, ids=name)
async def test_every_mistake_in_every_field_of_a_body_is_422(place: Place, operation: Operation) -> None:
    path = place.path(operation)
    made = list(mistakes(operation.body, place.good(operation)))
    assert {field_of(mistake) for mistake in made} - {""} == set(operation.body.get("properties", {}))

    async def check(mistake: Mistake) -> str | None:
        body = json.dumps(mistake.value)
        reply = await place.call(operation, path, content=body, headers=JSON)
        wrong = wrong_problem(reply, {422}, "" if mistake.kind == "depth" else field_of(mistake))
        return wrong and f"{mistake}: {wrong}"

    await each(made, check)


BODIES: dict[str, tuple[bytes, dict[str, str], int]] = {
    "half": (b'{"a": ', JSON, 400),
    "two": (b"{}{}", JSON, 400),
    "no JSON": (b"hello", JSON, 400),
    "NaN": (b'{"a": NaN}', JSON, 400),
    "not UTF-8": (b'{"a": "\xff"}', JSON, 400),
    "a lone surrogate": (b'{"a": "\\ud800"}', JSON, 400),
    "compressed": (b"\x1f\x8b\x08\x00", {**JSON, "Content-Encoding": "gzip"}, 400),
    "U+0000 in a field nobody knows": (b'{"a": "\\u0000"}', JSON, 422),
    "U+0000 in a name": (b'{"\\u0000": 1}', JSON, 422),
    "too deep": (json.dumps({"a": nested(70)}).encode(), JSON, 422),
    "far too deep": (b'{"a":' + b"[" * 30_000 + b"]" * 30_000 + b"}", JSON, 400),
    "text": (b"{}", {"Content-Type": "text/plain"}, 415),
    "a form": (b"a=b", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
    "parts": (b"--x--", {"Content-Type": "multipart/form-data; boundary=x"}, 415),
    "of no type": (b"{}", {}, 415),
    "too large": (b'{"a": "' + b"x" * 65_536 + b'"}', JSON, 413),
}


@pytest.mark.parametrize("operation", WITH_BODY, ids=name)
async def test_what_is_no_body_is_refused_by_every_operation(place: Place, operation: Operation) -> None:
    path = place.path(operation)

    async def check(word: str) -> str | None:
        content, headers, status = BODIES[word]
        wrong = wrong_problem(await place.call(operation, path, content=content, headers=headers), {status})
        return wrong and f"{word}: {wrong}"

    async def check_stream(_: str) -> str | None:
        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(20):
                yield b" " * 4_096

        wrong = wrong_problem(await place.call(operation, path, content=pieces(), headers=JSON), {413})
        return wrong and f"too large, in pieces: {wrong}"

    await each(list(BODIES), check)
    await each([""], check_stream)
    if operation.description["requestBody"]["required"]:
        reply = await place.call(operation, path, headers=JSON)
        assert wrong_problem(reply, {400}) is None, reply.text


def bad_queries(schema: Any) -> list[str]:
    """Texts that a parameter cannot be."""
    options = schema.get("anyOf", [schema])
    kinds = {option.get("type") for option in options}
    found = ["\x00", "a\x00b"]
    if not kinds & {"string", None}:
        found += [
            "text",
            "1.5",
            "",
            " ",
            "1e400",
            "0x1",
            "\uff19" * 400,
            str(2**64),
            str(-(2**63) - 1),
            "[]",
            "{}",
            "true",
        ]
        found += [str(option["minimum"] - 1) for option in options if "minimum" in option]
        found += [str(option["maximum"] + 1) for option in options if "maximum" in option]
    for option in options:
        if "enum" in option:
            found += ["another", ""]
        if "maxLength" in option:
            found.append("ü" * (option["maxLength"] + 1))
    return found


@pytest.mark.parametrize("operation", WITH_QUERY, ids=name)
async def test_every_mistake_in_every_parameter_of_a_query_is_422(place: Place, operation: Operation) -> None:
    parameters = operation.parameters("query")
    path = place.path(operation)

    async def check(case: tuple[str, str]) -> str | None:
        field, text = case
        given = {"with": place.bob.username, field: text} if "with" in parameters else {field: text}
        wrong = wrong_problem(await place.call(operation, path, params=given), {422}, field)
        return wrong and f"{field}={text[:50]!r}: {wrong}"

    await each([(field, text) for field, schema in parameters.items() for text in bad_queries(schema)], check)


PATHS = [
    "x",
    "0",
    "-1",
    "%00",
    "a%00b",
    "é",
    "%FF",
    "%2e%2e",
    "..%2F..",
    "x" * 300,
    "'%20OR%201=1--",
    "{}",
    "*",
    NOBODY[:-1],
]


@pytest.mark.parametrize("operation", WITH_PATH, ids=name)
async def test_what_cannot_be_in_a_path_is_not_found(place: Place, operation: Operation) -> None:
    parameters = operation.parameters("path")

    async def check(case: tuple[str, str]) -> str | None:
        field, text = case
        path = place.path(operation, **{field: quote(text, safe="%")})
        more = {"json": place.good(operation)} if operation.body is not None else {}
        wrong = wrong_problem(await place.call(operation, path, **more), {400, 404})
        return wrong and f"{path}: {wrong}"

    cases = [(field, text) for field, schema in parameters.items() for text in PATHS if schema != {"type": "string"}]
    await each(cases, check)
    for field, schema in parameters.items():
        if schema == {"type": "string"}:  # anything may be there, and is not
            for text in ("%00", "%FF", "x" * 5_000):
                reply = await place.call(operation, place.path(operation, **{field: text}))
                assert reply.status_code < 500, text


def covers(pattern: str, path: str) -> bool:
    """Whether a path is another one with something in place of its names."""
    return re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", pattern), path) is not None


@pytest.mark.parametrize("path", sorted({operation.path for operation in OPERATIONS}))
async def test_other_methods_are_405(place: Place, path: str) -> None:
    there = {operation.method for operation in OPERATIONS if operation.path == path}
    [filled] = {place.path(operation) for operation in OPERATIONS if operation.path == path}

    async def check(method: str) -> str | None:
        reply = await place.alice.call(method, filled)
        allowed = set(re.split(r", *", reply.headers.get("allow", "")))
        wrong = wrong_problem(reply, {405}) or (None if there <= allowed else f"Allow is {allowed}")
        return wrong and f"{method}: {wrong}"

    covered = {operation.method for operation in OPERATIONS if covers(operation.path, path)}
    await each(sorted({"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"} - covered), check)


async def test_the_document_is_the_one_that_is_served(platform: Platform) -> None:
    served = (await platform.call("GET", "/openapi.json")).json()
    assert sorted(served["paths"]) == sorted({operation.path for operation in OPERATIONS})
