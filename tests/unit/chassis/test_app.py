"""Routes and errors: who may call, and that every error is a problem with the id of its request."""

import asyncio
import logging
from typing import Any, cast
from uuid import UUID

import httpx
import pytest
from quart import Quart, Response

from chassis import http
from chassis.app import check_access_marks, create_app
from chassis.asgi import SECURITY_HEADERS, App, Edge
from chassis.lifecycle import Lifecycle, Phase
from tests.unit.chassis.conftest import make_app

SECURITY = {name.decode(): value.decode() for name, value in SECURITY_HEADERS}


def check(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The answer is a whole problem, names its request, and has each security header once."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    document = cast("dict[str, Any]", response.json())
    assert (document["status"], document["code"], document["type"]) == (status, code, "about:blank")
    assert document["title"]
    assert document["detail"]
    assert document["request_id"] == response.headers["x-request-id"]
    for name, value in SECURITY.items():
        assert response.headers.get_list(name) == [value]
    assert len(response.headers.get_list("x-request-id")) == 1
    return document


@pytest.mark.parametrize(
    ("name", "status", "code", "headers"),
    [
        ("conflict", 409, "username_taken", {}),
        ("missing", 404, "not_found", {}),
        ("many", 429, "rate_limited", {"retry-after": "2"}),
        ("away", 503, "unavailable", {"retry-after": "1"}),
        ("teapot", 418, "error", {"x-pot": "small"}),
        ("timeout", 503, "unavailable", {"retry-after": "2"}),
        ("refused", 503, "unavailable", {"retry-after": "2"}),
    ],
)
async def test_what_a_route_raises_is_a_problem(
    client: httpx.AsyncClient, name: str, status: int, code: str, headers: dict[str, str]
) -> None:
    response = await client.get(f"/raises/{name}")
    document = check(response, status, code)
    assert headers.items() <= dict(response.headers).items()
    assert "secret" not in str(document)


@pytest.mark.parametrize("name", ["bug", "group"])
async def test_a_bug_is_500_and_says_nothing_of_itself(
    client: httpx.AsyncClient, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    response = await client.get(f"/raises/{name}")
    check(response, 500, "internal")
    for word in ("secret", "SELECT", "RuntimeError", "Traceback", "postgresql"):
        assert word not in response.text
    assert [record.levelno for record in caplog.records if record.exc_info] == [logging.ERROR]


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/body", {"POST", "OPTIONS"}),
        ("HEAD", "/body", {"POST", "OPTIONS"}),
        ("POST", "/page", {"GET", "HEAD", "OPTIONS"}),
        ("GET", "/optional", {"POST", "OPTIONS"}),  # the rule has a slash at its end
        ("GET", "/optional/", {"POST", "OPTIONS"}),
        ("GET", "/body/", {"POST", "OPTIONS"}),
        ("PUT", f"/things/{UUID(int=1)}", {"GET", "HEAD", "OPTIONS", "DELETE"}),  # two rules with one slash
        ("PUT", f"/things/{UUID(int=1)}/", {"GET", "HEAD", "OPTIONS", "DELETE"}),
        ("TRACE", "/page", {"GET", "HEAD", "OPTIONS"}),
        ("NONSENSE", "/page", {"GET", "HEAD", "OPTIONS"}),
    ],
)
async def test_another_method_is_405_and_says_which(
    client: httpx.AsyncClient, method: str, path: str, allow: set[str]
) -> None:
    response = await client.request(method, path)
    if method != "HEAD":
        check(response, 405, "method_not_allowed")
    assert response.status_code == 405
    assert {part.strip() for part in response.headers["allow"].split(",")} == allow


async def test_options_and_head_are_answered(client: httpx.AsyncClient) -> None:
    options = await client.options("/page")
    assert (options.status_code, options.content) == (200, b"")
    assert set(options.headers["allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}
    head, get = await client.head("/page"), await client.get("/page")
    assert head.status_code == 200
    assert head.headers["content-length"] == get.headers["content-length"]


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "//",
        "/nowhere",
        "/things/",
        "/things/1/",
        "/things/not-an-id/",
        f"/things/{UUID(int=1)}/more",
        f"//things/{UUID(int=1)}",
        "/words/",
        "/words/a/b",
        "/words/a%2Fb",
        "/%2e%2e/body",
        "/%ff",
        "/%",
        "/%zz",
        "/%c0%80",
        "/%ed%a0%80",
        "/" + "a" * 10_000,
    ],
)
async def test_an_unknown_path_is_404(client: httpx.AsyncClient, path: str) -> None:
    check(await client.get(path), 404, "not_found")


@pytest.mark.parametrize("path", ["/words/%00", "/words/a%00b", "/%00", f"/things/{UUID(int=1)}%00"])
async def test_a_path_with_u0000_is_400(client: httpx.AsyncClient, path: str) -> None:
    check(await client.get(path), 400, "malformed")


@pytest.mark.parametrize("path", ["/words/%ff%fe", "/words/%zz", "/words/%", "/words/%ed%a0%80", "/words/%E2%82"])
async def test_a_path_with_broken_encoding_is_text_all_the_same(client: httpx.AsyncClient, path: str) -> None:
    response = await client.get(path)
    assert response.status_code == 200
    response.json()["word"].encode()


async def test_a_trailing_slash_is_optional(client: httpx.AsyncClient, thing_id: UUID) -> None:
    for path in (f"/things/{thing_id}", f"/things/{thing_id}/"):
        assert (await client.get(path)).json() == {"id": str(thing_id)}
        removed = await client.delete(path)
        assert (removed.status_code, removed.content) == (204, b"")
        assert "content-type" not in removed.headers
    for path in ("/page", "/page/"):
        assert (await client.get(path)).status_code == 200
    for path in ("/optional", "/optional/"):
        assert (await client.post(path)).status_code == 200
    for path in ("/words/a", "/words/a/"):
        assert (await client.get(path)).json() == {"word": "a"}


async def test_a_good_answer_has_the_headers_too(client: httpx.AsyncClient) -> None:
    response = await client.get("/page")
    assert response.headers["content-type"] == "application/json"
    for name, value in SECURITY.items():
        assert response.headers.get_list(name) == [value]


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("12345678", True),
        ("a.b-c_D9" * 8, True),
        ("1234567", False),
        ("a" * 65, False),
        ("with blank", False),
        ("new\tline-1", False),
        ("ünïcödé-id", False),
        ('"quoted-id"', False),
        ("", False),
    ],
)
async def test_a_sane_request_id_is_kept(client: httpx.AsyncClient, value: str, kept: bool) -> None:
    response = await client.get("/nowhere", headers={b"X-Request-Id": value.encode()})
    identifier = check(response, 404, "not_found")["request_id"]
    assert (identifier == value) is kept
    if not kept:
        assert UUID(hex=identifier).version == 7


async def test_requests_have_ids_of_their_own(client: httpx.AsyncClient) -> None:
    responses = await asyncio.gather(*(client.get("/raises/missing") for _ in range(20)))
    assert len({check(response, 404, "not_found")["request_id"] for response in responses}) == 20


async def test_a_bearer_route_wants_a_token(client: httpx.AsyncClient) -> None:
    response = await client.get("/me")
    check(response, 401, "unauthorized")
    assert response.headers["www-authenticate"] == "Bearer"
    response = await client.get("/me", headers={"Authorization": "Bearer bad"})
    check(response, 401, "token_invalid")
    assert response.headers["www-authenticate"] == 'Bearer error="invalid_token", error_description="token_invalid"'
    response = await client.get("/me", headers={"Authorization": "Bearer good"})
    assert response.json() == {"username": "alice"}


async def test_before_the_start_all_is_503(client: httpx.AsyncClient, lifecycle: Lifecycle) -> None:
    lifecycle.phase = Phase.STARTING
    for path in ("/page", "/nowhere"):
        response = await client.get(path)
        check(response, 503, "unavailable")
        assert response.headers["x-parley-state"] == "starting"
        assert int(response.headers["retry-after"]) >= 1
    lifecycle.phase = Phase.DRAINING
    assert (await client.get("/page")).status_code == 200


def test_a_route_that_says_nothing_of_who_may_call_is_refused() -> None:
    app = create_app("test", title="Test", max_body_bytes=1, verify=None)

    @app.get("/forgotten")
    async def forgotten() -> Response:
        return http.no_content()

    @app.websocket("/forgotten/socket")
    async def forgotten_socket() -> None:
        return None

    @app.get("/internal")
    @http.internal
    async def inside() -> Response:
        return http.no_content()

    with pytest.raises(RuntimeError, match=r": /forgotten, /forgotten/socket$"):
        check_access_marks(app)


async def test_the_openapi_document_describes_the_routes(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    assert {"/body", "/page", "/me"} <= set(document["paths"])
    body = document["paths"]["/body"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body
    assert document["paths"]["/me"]["get"]["security"] == [{"bearer": []}]


async def test_a_failure_outside_the_application_is_a_problem(lifecycle: Lifecycle) -> None:
    """The gateway's own application has no error handlers of Quart's around it."""

    async def broken(scope: Any, receive: Any, send: Any) -> None:
        raise LookupError("secret")

    async with httpx.AsyncClient(transport=httpx.ASGITransport(Edge(broken, lifecycle)), base_url="http://test") as c:
        response = await c.get("/")
        check(response, 500, "internal")
        assert "secret" not in response.text


def test_nothing_is_opened_by_making_an_application() -> None:
    assert isinstance(make_app(), Quart)
    assert isinstance(Edge(cast("App", make_app()), Lifecycle()), Edge)
