"""What the contract says of errors and headers, for all services behind the gateway."""

import json
import re

import pytest

from chat_service.realtime.asyncapi import encoded
from tests.e2e.people import PASSWORD, Person, Platform
from tests.e2e.shapes import is_problem

ANYWHERE = ["/auth/me", "/profiles/me", "/api/chat/users/"]


@pytest.mark.parametrize("path", ANYWHERE)
async def test_without_a_good_token_it_is_401(platform: Platform, path: str) -> None:
    is_problem(await platform.call("GET", path), 401, "unauthorized")
    is_problem(await platform.call("GET", path, headers={"Authorization": "Basic YTpi"}), 401, "unauthorized")
    is_problem(await platform.call("GET", path, token="not.a.token"), 401, "token_invalid")


@pytest.mark.parametrize(
    "path", ["/nothing", "/internal/users", "/livez", "/readyz", "/metrics", "/api/other", "/login/x"]
)
async def test_what_is_not_there_is_404(platform: Platform, path: str) -> None:
    is_problem(await platform.call("GET", path), 404, "not_found")


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/auth/login"), ("DELETE", "/profiles"), ("PUT", "/api/chat/users/")]
)
async def test_another_method_is_405_and_says_which(alice: Person, method: str, path: str) -> None:
    reply = await alice.call(method, path)
    is_problem(reply, 405, "method_not_allowed")
    assert reply.headers["allow"]
    assert method not in reply.headers["allow"].split(", ")


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/auth/login"), ("PATCH", "/profiles/me"), ("POST", "/api/chat/messages/")]
)
async def test_a_body_that_is_no_json(alice: Person, method: str, path: str) -> None:
    as_json = {"Content-Type": "application/json"}
    is_problem(await alice.call(method, path, content=b'{"half', headers=as_json), 400, "malformed_json")
    is_problem(await alice.call(method, path, content=b"\xff\xfe", headers=as_json), 400, "malformed_json")
    is_problem(await alice.call(method, path, content=b"a=1"), 415, "unsupported_media_type")
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    is_problem(await alice.call(method, path, content=b"a=1", headers=form), 415, "unsupported_media_type")
    is_problem(await alice.call(method, path, [1, 2]), 422, "invalid")
    is_problem(await alice.call(method, path, content=b"[" * 60_000, headers=as_json), 400, "malformed_json")


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/auth/login"), ("PATCH", "/profiles/me"), ("POST", "/api/chat/messages/")]
)
async def test_a_body_over_64_kib_is_413(alice: Person, method: str, path: str) -> None:
    as_json = {"Content-Type": "application/json"}
    fits = json.dumps({"x": "y" * (64 * 1024 - 9)}).encode()
    assert len(fits) == 64 * 1024
    assert (await alice.call(method, path, content=fits, headers=as_json)).status_code != 413
    is_problem(await alice.call(method, path, content=fits + b" ", headers=as_json), 413, "too_large")


async def test_every_answer_names_its_request(platform: Platform) -> None:
    for given in ("a-sane-one.1234", "A" * 64):
        reply = await platform.call("GET", "/nothing", headers={"X-Request-Id": given})
        assert reply.headers["x-request-id"] == reply.json()["request_id"] == given
    for given in ("short", "with space in it", "x" * 65, "semi;colon;semi"):
        reply = await platform.call("GET", "/nothing", headers={"X-Request-Id": given})
        assert re.fullmatch("[0-9a-f]{32}", reply.headers["x-request-id"])
    reply = await platform.call("GET", "/.well-known/jwks.json", headers={"X-Request-Id": "through-a-service"})
    assert reply.headers.get_list("x-request-id") == ["through-a-service"]


async def test_no_header_comes_twice(platform: Platform, alice: Person) -> None:
    for path in ["/", "/nothing", "/.well-known/jwks.json", *ANYWHERE]:
        reply = await alice.call("GET", path)
        names = [name for name, _ in reply.headers.multi_items()]
        assert sorted(set(names)) == sorted(names), path


async def test_claims_of_identity_in_headers_are_not_believed(alice: Person, bob: Person) -> None:
    claims = {"X-User-Id": bob.id, "X-Forwarded-User": bob.username, "X-Auth-Request-User": bob.username}
    reply = await alice.call("GET", "/auth/me", headers=claims)
    assert reply.json()["user_id"] == alice.id
    reply = await alice.platform.call("GET", "/auth/me", headers=claims)
    is_problem(reply, 401, "unauthorized")


async def test_a_page_of_another_site_gets_no_permission(platform: Platform, alice: Person) -> None:
    foreign = {"Origin": "https://evil.example"}
    reply = await alice.call("GET", "/auth/me", headers=foreign)
    assert "access-control-allow-origin" not in reply.headers
    reply = await platform.call("OPTIONS", "/auth/login", headers={**foreign, "Access-Control-Request-Method": "POST"})
    is_problem(reply, 403, "origin_refused")


async def test_a_browser_gets_a_page_and_a_program_gets_404(platform: Platform) -> None:
    page = await platform.call("GET", "/some/place", headers={"Accept": "text/html"})
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    is_problem(await platform.call("GET", "/some/place", headers={"Accept": "*/*"}), 404, "not_found")
    is_problem(await platform.call("GET", "/auth/nothing", headers={"Accept": "text/html"}), 404, "not_found")


async def test_one_document_describes_all_services(platform: Platform) -> None:
    document = (await platform.call("GET", "/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    assert "x-missing" not in document
    for path in ("/auth/login", "/profiles", "/api/chat/users/"):
        assert path in document["paths"], sorted(document["paths"])
    assert not [path for path in document["paths"] if path.startswith("/internal")]
    assert (await platform.call("GET", "/docs")).headers["content-type"].startswith("text/html")


async def test_another_document_describes_the_socket(platform: Platform) -> None:
    reply = await platform.call("GET", "/asyncapi.json")
    assert (reply.status_code, reply.headers["content-type"]) == (200, "application/json")
    assert reply.json() == json.loads(encoded())  # the one that all frames are held against
    assert 'href="/asyncapi.json"' in (await platform.call("GET", "/status")).text


async def test_a_rejected_password_is_not_in_the_answer(platform: Platform) -> None:
    secret = "s3cret!"
    reply = await platform.call("POST", "/auth/register", {"username": "x y", "password": secret})
    is_problem(reply, 422, "invalid")
    assert secret not in reply.text
    assert PASSWORD not in reply.text
