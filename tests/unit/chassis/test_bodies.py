"""What a body and a query string may be, and what is said of those that may not."""

import json
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chassis.http import MAX_DEPTH
from tests.unit.chassis.conftest import MAX_BODY_BYTES

JSON = {"Content-Type": "application/json"}
GOOD = b'{"displayName":"Alice"}'


async def post(client: httpx.AsyncClient, content: bytes, headers: dict[str, str] = JSON) -> httpx.Response:
    return await client.post("/body", content=content, headers=headers)


def problem(response: httpx.Response) -> tuple[int, str]:
    """Status and code of an answer that must be a whole problem."""
    assert response.headers["content-type"] == "application/problem+json"
    document = response.json()
    assert {"type", "title", "status", "detail", "code", "request_id"} <= set(document)
    assert document["status"] == response.status_code
    assert document["request_id"] == response.headers["x-request-id"]
    return response.status_code, document["code"]


def fields(response: httpx.Response) -> list[str]:
    assert problem(response) == (422, "invalid")
    return [error["field"] for error in response.json()["errors"]]


MALFORMED = {
    "nothing": b"",
    "white space": b"  \n",
    "a word": b"hello",
    "half an object": b'{"displayName":',
    "single quotes": b"{'displayName':'a'}",
    "a comma too many": b'{"displayName":"a",}',
    "a comment": b'{"displayName":"a"} // comment',
    "something after it": GOOD + b" x",
    "a second document": GOOD + GOOD,
    "a byte order mark": b"\xef\xbb\xbf" + GOOD,
    "UTF-16": GOOD.decode().encode("utf-16"),
    "not UTF-8": b'{"displayName":"\xff"}',
    "overlong UTF-8": b'{"displayName":"\xc0\x80"}',
    "a surrogate in UTF-8": b'{"displayName":"\xed\xa0\x80"}',
    "a high surrogate alone": b'{"displayName":"\\ud800"}',
    "a high surrogate before a letter": b'{"displayName":"\\ud800abcdefgh"}',
    "a high surrogate twice": b'{"displayName":"\\ud800\\ud800"}',
    "a low surrogate alone": b'{"displayName":"\\udc00"}',
    "a lone surrogate as a name": b'{"\\ud83dabcdefg":1,"displayName":"a"}',
    "a NUL byte": b'{"displayName":"a\x00b"}',
    "a control character": b'{"displayName":"a\x1fb"}',
    "NaN": b'{"displayName":"a","anything":NaN}',
    "Infinity": b'{"displayName":"a","anything":-Infinity}',
    "a number of 5,000 digits": b'{"displayName":"a","anything":' + b"9" * 5_000 + b"}",
    "a number beyond all floats": b'{"displayName":"a","anything":1e999}',
    "a number with a leading zero": b'{"displayName":"a","amount":01}',
    "lists nested deeply": b"[" * 5_000,
    "lists nested deeply and closed": b'{"displayName":"a","anything":' + b"[" * 4_000 + b"]" * 4_000 + b"}",
    "objects nested deeply": b'{"a":' * 1_500 + b"1" + b"}" * 1_500,
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_what_is_not_well_formed_is_400(client: httpx.AsyncClient, name: str) -> None:
    assert problem(await post(client, MALFORMED[name])) == (400, "malformed_json")


ACCEPTED: dict[str, tuple[bytes, dict[str, Any]]] = {
    "the least": (GOOD, {"displayName": "Alice"}),
    "white space around": (b" \r\n\t" + GOOD + b"\n ", {"displayName": "Alice"}),
    "fields nobody knows": (b'{"displayName":"a","admin":true}', {"displayName": "a"}),
    "a name twice: the last counts": (b'{"displayName":"a","displayName":"b"}', {"displayName": "b"}),
    "a pair of surrogates": (b'{"displayName":"\\ud83d\\ude00"}', {"displayName": "😀"}),
    "as deep as allowed": (
        b'{"displayName":"a","anything":' + b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1) + b"}",
        {"displayName": "a"},
    ),
    "many containers that are not deep": (
        b'{"displayName":"a","anything":[' + b",".join([b"[]"] * 500) + b"]}",
        {"displayName": "a"},
    ),
    "an escaped escape of U+0000": (b'{"displayName":"\\\\u00"}', {"displayName": "\\u00"}),
}


@pytest.mark.parametrize("name", ACCEPTED)
async def test_what_is_well_formed_is_read(client: httpx.AsyncClient, name: str) -> None:
    content, expected = ACCEPTED[name]
    response = await post(client, content)
    assert response.status_code == 200, response.text
    assert {key: response.json()[key] for key in expected} == expected


INVALID: dict[str, tuple[str, list[str]]] = {
    "not an object": ("[]", [""]),
    "null": ("null", [""]),
    "a string": ('"a"', [""]),
    "a field is missing": ("{}", ["displayName"]),
    "the wrong name of a field": ('{"display_name":"a"}', ["displayName"]),
    "two at once": ('{"displayName":"","amount":-1}', ["displayName", "amount"]),
    "all at once": (
        '{"amount":"x","inner":{"count":101},"numbers":[1,"2"],"byName":{"k":"v"}}',
        ["displayName", "amount", "inner.count", "numbers.1", "byName.*"],
    ),
    "a nested one is missing": ('{"displayName":"a","inner":{}}', ["inner"]),
    "null where none may be": ('{"displayName":null}', ["displayName"]),
    "a boolean for a number": ('{"displayName":"a","amount":true}', ["amount"]),
    "a float for a number": ('{"displayName":"a","amount":2.0}', ["amount"]),
    "a number as a string": ('{"displayName":"a","amount":"1"}', ["amount"]),
    "a huge number": (f'{{"displayName":"a","amount":{"9" * 400}}}', ["amount"]),
    "one level too deep": ('{"displayName":"a","anything":' + "[" * MAX_DEPTH + "]" * MAX_DEPTH + "}", [""]),
    "very deep, with U+0000": ('{"displayName":"a","anything":' + "[" * 800 + '"\\u0000"' + "]" * 800 + "}", [""]),
    "U+0000 in a value": ('{"displayName":"a\\u0000b"}', ["displayName"]),
    "U+0000 in a nested value": ('{"displayName":"a","inner":{"count":1,"note":"\\u0000"}}', ["inner.note"]),
    "U+0000 in a list": ('{"displayName":"a","anything":[1,["\\u0000"]]}', ["anything.1.0"]),
    "U+0000 in a name": ('{"displayName":"a","a\\u0000b":1}', ["a?b"]),
    "U+0000 in a nested name": ('{"displayName":"a","anything":{"k":{"\\u0000":1}}}', ["anything.k.?"]),
    "U+0000 where nobody looks": ('{"displayName":"a","unknown":"\\u0000"}', ["unknown"]),
}


@pytest.mark.parametrize("name", INVALID)
async def test_every_field_at_fault_is_named(client: httpx.AsyncClient, name: str) -> None:
    content, expected = INVALID[name]
    response = await post(client, content.encode())
    assert fields(response) == expected
    assert "\x00" not in response.text


@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "application/json; charset=utf-8",
        'application/json;charset="UTF-8"',
        "APPLICATION/JSON",
        "application/merge-patch+json",
        "application/json; charset=latin-1",  # a parameter that JSON does not have (RFC 8259, 11): UTF-8 all the same
    ],
)
async def test_json_is_json_under_each_of_its_names(client: httpx.AsyncClient, kind: str) -> None:
    response = await post(client, '{"displayName":"Ünal"}'.encode(), {"Content-Type": kind})
    assert response.json()["displayName"] == "Ünal"


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/x-www-form-urlencoded", "text/json", "application/jsonp", "json", "a/b;c"]
)
async def test_another_media_type_is_415(client: httpx.AsyncClient, kind: str) -> None:
    assert problem(await post(client, GOOD, {"Content-Type": kind})) == (415, "unsupported_media_type")
    assert problem(await post(client, GOOD, {})) == (415, "unsupported_media_type")


@pytest.mark.parametrize("headers", [JSON, {}])
async def test_a_body_over_the_limit_is_413(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    assert (await post(client, b" " * (MAX_BODY_BYTES - len(GOOD)) + GOOD)).status_code == 200
    assert problem(await post(client, b" " * (MAX_BODY_BYTES + 1), headers)) == (413, "too_large")


async def test_an_optional_body_may_be_absent(client: httpx.AsyncClient) -> None:
    assert (await client.post("/optional")).json() == {"all": False}
    assert (await client.post("/optional", content=b"", headers=JSON)).json() == {"all": False}
    assert (await client.post("/optional", content=b'{"all":true}', headers=JSON)).json() == {"all": True}
    assert problem(await client.post("/optional", content=b"x", headers=JSON)) == (400, "malformed_json")
    assert problem(await client.post("/optional", content=b"x")) == (415, "unsupported_media_type")
    assert fields(await client.post("/optional", content=b'{"all":1}', headers=JSON)) == ["all"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {"limit": 50, "search": ""}),
        ("?limit=7&search=%C3%A9", {"limit": 7, "search": "é"}),
        ("?limit=7&limit=8&unknown=1", {"limit": 7, "search": ""}),
        ("?search=a+b%2B", {"limit": 50, "search": "a b+"}),
        ("?search=%25zz%zz", {"limit": 50, "search": "%zz%zz"}),
        ("?&&=&=x&search", {"limit": 50, "search": ""}),
    ],
)
async def test_a_query_string_is_read(client: httpx.AsyncClient, query: str, expected: dict[str, Any]) -> None:
    response = await client.get("/page" + query)
    assert (response.status_code, response.json()) == (200, expected)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?limit=0", ["limit"]),
        ("?limit=", ["limit"]),
        ("?limit=1.5", ["limit"]),
        ("?limit=ten", ["limit"]),
        ("?limit=" + "9" * 5_000, ["limit"]),
        ("?limit=-1&search=a", ["limit"]),
        ("?search=%00", ["search"]),
        ("?search=a&search=%00", ["search"]),
        ("?unknown=%00", ["unknown"]),
        ("?a%00b=1", ["a?b"]),
    ],
)
async def test_a_field_of_the_query_at_fault_is_named(
    client: httpx.AsyncClient, query: str, expected: list[str]
) -> None:
    assert fields(await client.get("/page" + query)) == expected


async def test_a_query_that_is_not_utf8_is_no_failure(client: httpx.AsyncClient) -> None:
    response = await client.get("/page?search=%ff%fe&%ff=%ff")
    assert response.status_code == 200
    response.json()["search"].encode()  # no lone surrogate


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
BODIES = st.dictionaries(
    st.sampled_from(["displayName", "amount", "inner", "numbers", "anything", "byName"]), ANY_JSON, max_size=6
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(document=BODIES | ANY_JSON)
async def test_no_document_is_a_server_error(client: httpx.AsyncClient, document: Any) -> None:
    response = await post(client, json.dumps(document).encode("utf-8", "surrogatepass"))
    assert response.status_code in (200, 400, 422), response.text


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(content=st.binary(max_size=200))
async def test_no_bytes_are_a_server_error(client: httpx.AsyncClient, content: bytes) -> None:
    assert (await post(client, content)).status_code in (400, 422)
