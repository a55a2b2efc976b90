"""Profiles over HTTP: showing, replacing, changing, removing, and who may."""

from typing import Any

import httpx
import msgspec
import pytest

from chassis.ids import uuid7
from tests.support.auth import FakeAuth

URL_255 = "https://example.org/" + "a" * 235


async def test_a_registered_user_has_a_profile(client: httpx.AsyncClient, auth: FakeAuth) -> None:
    alice = auth.register("alice", "Alice A.")
    for path in (alice.path, "/profiles/me", "/profiles/me/", alice.path.upper().replace("PROFILES", "profiles")):
        response = await client.get(path, headers=alice.headers)
        assert response.status_code == 200, path
        assert response.json() == {
            "id": str(alice.id),
            "username": "alice",
            "displayName": "Alice A.",
            "avatarUrl": None,
            "statusMessage": None,
            "preferences": {},
            "createdAt": "2026-01-31T12:00:00.000000Z",
            "updatedAt": "2026-01-31T12:00:00.000000Z",
        }


async def test_put_replaces_everything_and_patch_only_what_it_gives(client: httpx.AsyncClient, auth: FakeAuth) -> None:
    alice = auth.register("alice")
    full = {
        "displayName": "Älice 🦊",
        "avatarUrl": "https://example.org/a.png?x=1#y",
        "statusMessage": "away",
        "preferences": {"theme": "dark", "nested": {"list": [1, 2.5, None, 1e308, 2**70]}},
    }
    put = await client.put(alice.path, headers=alice.headers, json=full)
    assert put.status_code == 200
    assert put.json() | full == put.json()
    assert put.json()["updatedAt"] > put.json()["createdAt"]

    patch = await client.patch(alice.path, headers=alice.headers, json={"statusMessage": "back"})
    assert patch.json() | full | {"statusMessage": "back"} == patch.json()
    patch = await client.patch("/profiles/me", headers=alice.headers, json={"avatarUrl": None, "statusMessage": None})
    assert (patch.json()["avatarUrl"], patch.json()["statusMessage"]) == (None, None)
    assert patch.json()["preferences"] == full["preferences"]
    patch = await client.patch("/profiles/me", headers=alice.headers, json={"preferences": {"theme": "light"}})
    assert patch.json()["preferences"] == {"theme": "light"}
    assert patch.json()["displayName"] == "Älice 🦊"

    put = await client.put("/profiles/me", headers=alice.headers, json={"displayName": "A"})
    shown = (await client.get(alice.path, headers=alice.headers)).json()
    assert shown == put.json()
    assert (shown["displayName"], shown["avatarUrl"], shown["statusMessage"], shown["preferences"]) == (
        "A",
        None,
        None,
        {},
    )


async def test_what_was_read_can_be_put_back(client: httpx.AsyncClient, auth: FakeAuth) -> None:
    alice = auth.register("alice")
    shown = (await client.get("/profiles/me", headers=alice.headers)).json()
    put = await client.put(alice.path, headers=alice.headers, json=shown)
    assert put.status_code == 200
    assert put.json() | {"updatedAt": shown["updatedAt"]} == shown


async def test_limits_are_inclusive(client: httpx.AsyncClient, auth: FakeAuth) -> None:
    alice = auth.register("alice")
    room = 8 * 1024 - len(msgspec.json.encode({"k": ""}))
    most = {
        "displayName": "🦊" * 100,
        "avatarUrl": URL_255,
        "statusMessage": "ß" * 255,
        "preferences": {"k": "x" * room},
    }
    response = await client.put(alice.path, headers=alice.headers, json=most)
    assert response.status_code == 200, response.text
    assert response.json() | most == response.json()
    # ﷺ is 18 characters once it is folded: the index must take it.
    wide = await client.patch(alice.path, headers=alice.headers, json={"displayName": "\ufdfa" * 100})
    assert wide.status_code == 200
    assert wide.json()["displayName"] == "\ufdfa" * 100


BAD_FIELDS: dict[str, tuple[dict[str, Any], str]] = {
    "no name": ({"displayName": ""}, "displayName"),
    "a long name": ({"displayName": "x" * 101}, "displayName"),
    "a blank name": ({"displayName": " \t\u200b\u00a0"}, "displayName"),
    "a null name": ({"displayName": None}, "displayName"),
    "a number for a name": ({"displayName": 7}, "displayName"),
    "a name with U+0000": ({"displayName": "a\x00b"}, "displayName"),
    "a script": ({"displayName": "a", "avatarUrl": "javascript:alert(1)"}, "avatarUrl"),
    "a relative URL": ({"displayName": "a", "avatarUrl": "/a.png"}, "avatarUrl"),
    "a URL without a host": ({"displayName": "a", "avatarUrl": "https:///a.png"}, "avatarUrl"),
    "a URL with credentials": ({"displayName": "a", "avatarUrl": "https://u:p@example.org/a"}, "avatarUrl"),
    "a URL with a bad port": ({"displayName": "a", "avatarUrl": "https://example.org:port/"}, "avatarUrl"),
    "a URL with a quote": ({"displayName": "a", "avatarUrl": 'https://example.org/"onload='}, "avatarUrl"),
    "a URL with a bad bracket": ({"displayName": "a", "avatarUrl": "https://[example.org/"}, "avatarUrl"),
    "a long URL": ({"displayName": "a", "avatarUrl": URL_255 + "a"}, "avatarUrl"),
    "an empty URL": ({"displayName": "a", "avatarUrl": ""}, "avatarUrl"),
    "a long status": ({"displayName": "a", "statusMessage": "x" * 256}, "statusMessage"),
    "a list of preferences": ({"displayName": "a", "preferences": []}, "preferences"),
    "null preferences": ({"displayName": "a", "preferences": None}, "preferences"),
    "big preferences": ({"displayName": "a", "preferences": {"k": "x" * 8185}}, "preferences"),
    "big preferences in other letters": ({"displayName": "a", "preferences": {"k": "€" * 2800}}, "preferences"),
    "deep preferences": ({"displayName": "a", "preferences": {"k": [[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]}}, "preferences"),
    "preferences with U+0000": ({"displayName": "a", "preferences": {"k": ["\x00"]}}, "preferences.k.0"),
    "another username": ({"displayName": "a", "username": "somebody"}, "username"),
    "another id": ({"displayName": "a", "id": str(uuid7())}, "id"),
    "no id": ({"displayName": "a", "id": "me"}, "id"),
}


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize("case", BAD_FIELDS)
async def test_a_bad_field_is_named(client: httpx.AsyncClient, auth: FakeAuth, case: str, method: str) -> None:
    alice = auth.register("alice")
    body, field = BAD_FIELDS[case]
    before = (await client.get("/profiles/me", headers=alice.headers)).json()
    response = await client.request(method, alice.path, headers=alice.headers, json=body)
    assert response.status_code == 422, response.text
    problem = response.json()
    assert response.headers["content-type"] == "application/problem+json"
    assert problem["code"] == "invalid"
    assert problem["request_id"] == response.headers["x-request-id"]
    assert [error["field"] for error in problem["errors"]] == [field]
    assert (await client.get("/profiles/me", headers=alice.headers)).json() == before


async def test_every_bad_field_is_named_at_once(client: httpx.AsyncClient, auth: FakeAuth) -> None:
    alice = auth.register("alice")
    body = {"displayName": " ", "avatarUrl": "ftp://example.org", "preferences": {"k": "x" * 8185}}
    response = await client.patch(alice.path, headers=alice.headers, json=body)
    assert [error["field"] for error in response.json()["errors"]] == ["displayName", "avatarUrl", "preferences"]


async def test_put_needs_a_display_name(client: httpx.AsyncClient, auth: FakeAuth) -> None:
    alice = auth.register("alice")
    response = await client.put(alice.path, headers=alice.headers, json={})
    assert response.status_code == 422
    assert response.json()["errors"] == [{"field": "displayName", "detail": "is required"}]


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"", "application/json", 400),
        (b'{"displayName": "\\ud800"}', "application/json", 400),
        (b'{"displayName": "a", "preferences": {"k": 1e999}}', "application/json", 400),
        (b"[]", "application/json", 422),
        (b"{}", "text/plain", 415),
        (b'{"displayName": "' + b"x" * 70_000 + b'"}', "application/json", 413),
        (b'{"displayName":"a","preferences":{"k":' + b"[" * 900 + b"]" * 900 + b"}}", "application/json", 422),
        (b'{"displayName":"a\\u0000","preferences":' + b'{"k":' * 900 + b"1" + b"}" * 901, "application/json", 422),
    ],
)
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_a_bad_body_is_refused(
    client: httpx.AsyncClient, auth: FakeAuth, content: bytes, kind: str, status: int, method: str
) -> None:
    alice = auth.register("alice")
    headers = alice.headers | {"Content-Type": kind}
    response = await client.request(method, alice.path, headers=headers, content=content)
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"


async def test_others_see_a_profile_without_its_preferences_and_may_not_write_it(
    client: httpx.AsyncClient, auth: FakeAuth
) -> None:
    alice, bob = auth.register("alice"), auth.register("bob")
    await client.patch("/profiles/me", headers=alice.headers, json={"preferences": {"secret": 1}})
    shown = await client.get(alice.path, headers=bob.headers)
    assert shown.status_code == 200
    assert "preferences" not in shown.json()
    for method, body in (("PUT", {"displayName": "x"}), ("PATCH", {"displayName": "x"}), ("DELETE", None)):
        response = await client.request(method, alice.path, headers=bob.headers, json=body)
        assert (response.status_code, response.json()["code"]) == (403, "forbidden"), method
    forged = bob.headers | {"X-User-Id": str(alice.id)}
    assert (await client.delete(alice.path, headers=forged)).status_code == 403
    assert (await client.get(alice.path, headers=alice.headers)).json()["displayName"] == "alice"


@pytest.mark.parametrize("path", ["/profiles/you", "/profiles/1", "/profiles/" + "-" * 36, "/profiles/me/more"])
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
async def test_a_path_that_is_no_id_is_404(client: httpx.AsyncClient, auth: FakeAuth, method: str, path: str) -> None:
    alice = auth.register("alice")
    body = {"displayName": "x"} if method in ("PUT", "PATCH") else None
    response = await client.request(method, path, headers=alice.headers, json=body)
    assert (response.status_code, response.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
async def test_an_unknown_user_is_404(client: httpx.AsyncClient, auth: FakeAuth, method: str) -> None:
    alice = auth.register("alice")
    body = {"displayName": "x"} if method in ("PUT", "PATCH") else None
    response = await client.request(method, f"/profiles/{uuid7()}", headers=alice.headers, json=body)
    assert (response.status_code, response.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/profiles"),
        ("POST", "/profiles"),
        ("GET", "/profiles/me"),
        ("PUT", "/profiles/me"),
        ("PATCH", "/profiles/me"),
        ("DELETE", "/profiles/me"),
    ],
)
async def test_nothing_is_for_those_without_a_token(client: httpx.AsyncClient, method: str, path: str) -> None:
    for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic YTpi"}):
        response = await client.request(method, path, headers=headers, json={"displayName": "x"})
        assert response.status_code == 401
        assert response.headers["www-authenticate"].startswith("Bearer")


async def test_a_removed_profile_stays_away_until_it_is_made_anew(client: httpx.AsyncClient, auth: FakeAuth) -> None:
    alice, bob = auth.register("removed.alice", "Alice"), auth.register("bob")
    await client.patch("/profiles/me", headers=alice.headers, json={"statusMessage": "s", "preferences": {"a": 1}})
    response = await client.delete("/profiles/me", headers=alice.headers)
    assert (response.status_code, response.content) == (204, b"")
    for user in (alice, bob):
        for _ in range(2):  # a lazy creation would bring it back for the second reader
            assert (await client.get(alice.path, headers=user.headers)).status_code == 404
    assert (await client.get("/profiles?search=removed", headers=alice.headers)).json()["results"] == []
    assert (await client.delete(alice.path, headers=alice.headers)).status_code == 404
    assert (await client.delete(alice.path, headers=bob.headers)).status_code == 404
    for method in ("PUT", "PATCH"):
        response = await client.request(method, alice.path, headers=alice.headers, json={"displayName": "x"})
        assert response.status_code == 404

    made = await client.post("/profiles", headers=alice.headers, json={"statusMessage": "new"})
    assert made.status_code == 201
    assert made.headers["location"] == alice.path
    assert made.json() | {"displayName": "Alice", "statusMessage": "new", "preferences": {}} == made.json()
    assert (await client.get(alice.path, headers=alice.headers)).json() == made.json()
    assert (await client.post("/profiles", headers=alice.headers, json={})).status_code == 409


async def test_post_is_409_for_a_profile_that_nobody_has_seen_yet(client: httpx.AsyncClient, auth: FakeAuth) -> None:
    alice = auth.register("alice")
    response = await client.post("/profiles", headers=alice.headers, json={"displayName": "x"})
    assert (response.status_code, response.json()["code"]) == (409, "profile_exists")
    assert (await client.get("/profiles/me", headers=alice.headers)).json()["displayName"] == "alice"


async def test_a_profile_can_only_be_made_for_oneself(client: httpx.AsyncClient, auth: FakeAuth) -> None:
    alice, bob = auth.register("alice"), auth.register("bob")
    await client.delete("/profiles/me", headers=alice.headers)
    response = await client.post("/profiles", headers=bob.headers, json={"id": str(alice.id), "displayName": "x"})
    assert response.status_code == 403
    bad = await client.post("/profiles", headers=alice.headers, json={"displayName": " "})
    assert bad.status_code == 422
    mine = {"id": str(alice.id), "username": "alice", "displayName": "x"}
    assert (await client.post("/profiles", headers=alice.headers, json=mine)).status_code == 201


async def test_other_methods_are_405_and_say_which_are_allowed(client: httpx.AsyncClient, auth: FakeAuth) -> None:
    alice = auth.register("alice")
    response = await client.delete("/profiles", headers=alice.headers)
    assert response.status_code == 405
    assert {"GET", "POST"} <= set(response.headers["allow"].split(", "))


async def test_the_documentation_has_every_route(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    assert {path: set(item) for path, item in document["paths"].items()} == {
        "/profiles": {"get", "post"},
        "/profiles/{user_id}": {"get", "put", "patch", "delete"},
    }
