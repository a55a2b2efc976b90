"""Sessions of browsers: the refresh token is in a cookie that no script can read, for pages of our own alone."""

import asyncio
import json
from collections.abc import AsyncIterator
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.gateway.conftest import Running, StartGateway
from tests.integration.gateway.fakes import FakeAuth, Seen, User, response

GRANT = {"access_token": "a", "refresh_token": "r-1", "token_type": "Bearer", "expires_in": 900, "username": "alice"}
CREDENTIALS = b'{"username":"alice","password":"correct horse"}'


class Tokens:
    """Auth's answers, and what it was asked."""

    def __init__(self, auth: FakeAuth) -> None:
        self.asked: list[Seen] = []
        self.status = 200
        self.answer: dict[str, Any] = GRANT
        auth.then = self._answer

    async def _answer(self, seen: Seen, writer: asyncio.StreamWriter) -> None:
        self.asked.append(seen)
        body = b"" if self.status == 204 else json.dumps(self.answer).encode()
        writer.write(response(self.status, body, "Content-Type: application/json"))


@pytest.fixture
def tokens(auth: FakeAuth) -> Tokens:
    return Tokens(auth)


def own(gateway: Running) -> dict[str, Any]:
    """What a page of the gateway sends along."""
    return {"Origin": gateway.url, "Content-Type": "application/json"}


def cookie_of(answer: httpx.Response) -> Any:
    """The one cookie that an answer sets."""
    [line] = answer.headers.get_list("set-cookie")
    cookies = SimpleCookie(line)
    assert list(cookies) == ["parley_refresh"]
    return cookies["parley_refresh"]


@pytest.mark.parametrize(
    ("path", "target"),
    [("login", "/auth/login"), ("register", "/auth/register"), ("exchange", "/auth/oauth/exchange")],
)
async def test_the_refresh_token_goes_into_a_cookie_and_not_into_the_page(
    gateway: Running, tokens: Tokens, path: str, target: str
) -> None:
    answer = await gateway.call("POST", f"/web/{path}", content=CREDENTIALS, **own(gateway), Cookie="other=1")
    assert answer.status_code == 200
    assert answer.json() == {name: value for name, value in GRANT.items() if name != "refresh_token"}
    cookie = cookie_of(answer)
    assert (cookie.value, cookie["path"], cookie["samesite"], bool(cookie["httponly"])) == (
        "r-1",
        "/web",
        "Strict",
        True,
    )
    assert int(cookie["max-age"]) == 30 * 24 * 3600
    [seen] = tokens.asked
    assert (seen.method, seen.target, seen.body) == ("POST", target, CREDENTIALS)
    assert seen.header("cookie") is None


async def test_the_cookie_is_for_tls_only_where_there_is_tls(start_gateway: StartGateway, tokens: Tokens) -> None:
    gateway = await start_gateway(trusted_proxies=("127.0.0.1",))
    plain = await gateway.call("POST", "/web/login", content=CREDENTIALS, **own(gateway))
    secure = await gateway.call("POST", "/web/login", content=CREDENTIALS, **own(gateway), X_Forwarded_Proto="https")
    assert [bool(cookie_of(answer)["secure"]) for answer in (plain, secure)] == [False, True]


async def test_a_refresh_takes_the_token_from_the_cookie_and_keeps_its_successor(
    gateway: Running, tokens: Tokens
) -> None:
    tokens.answer = {**GRANT, "refresh_token": "r-2"}
    answer = await gateway.call("POST", "/web/refresh", content=b"{}", **own(gateway), Cookie="a=b; parley_refresh=r-1")
    assert (answer.status_code, cookie_of(answer).value) == (200, "r-2")
    assert "refresh_token" not in answer.json()
    [seen] = tokens.asked
    assert (seen.target, json.loads(seen.body)) == ("/auth/refresh", {"refresh_token": "r-1"})


async def test_without_a_cookie_there_is_no_session_and_no_error(gateway: Running, tokens: Tokens) -> None:
    answer = await gateway.call("POST", "/web/refresh", **own(gateway))
    assert (answer.status_code, answer.content, tokens.asked) == (204, b"", [])


async def test_a_refused_refresh_forgets_the_cookie(gateway: Running, tokens: Tokens) -> None:
    tokens.status, tokens.answer = 401, {"code": "refresh_reused"}
    answer = await gateway.call("POST", "/web/refresh", **own(gateway), Cookie="parley_refresh=r-1")
    assert (answer.status_code, answer.json()["code"]) == (401, "refresh_reused")
    cookie = cookie_of(answer)
    assert (cookie.value, cookie["max-age"]) == ("", "0")


async def test_a_refresh_that_fails_for_now_keeps_the_cookie(gateway: Running, tokens: Tokens) -> None:
    tokens.status, tokens.answer = 503, {"code": "unavailable"}
    answer = await gateway.call("POST", "/web/refresh", **own(gateway), Cookie="parley_refresh=r-1")
    assert (answer.status_code, "set-cookie" in answer.headers) == (503, False)


async def test_a_logout_forgets_the_cookie(gateway: Running, tokens: Tokens, user: User) -> None:
    tokens.status = 204
    answer = await gateway.call(
        "POST", "/web/logout", user, content=b'{"all":true}', **own(gateway), Cookie="parley_refresh=r-1"
    )
    assert (answer.status_code, cookie_of(answer)["max-age"]) == (204, "0")
    [seen] = tokens.asked
    assert (seen.target, seen.body, seen.header("cookie")) == ("/auth/logout", b'{"all":true}', None)


async def test_a_failed_login_sets_nothing(gateway: Running, tokens: Tokens) -> None:
    tokens.status, tokens.answer = 401, {"code": "invalid_credentials"}
    answer = await gateway.call("POST", "/web/login", content=CREDENTIALS, **own(gateway))
    assert (answer.status_code, answer.json(), "set-cookie" in answer.headers) == (401, tokens.answer, False)


@pytest.mark.parametrize("origin", [None, "http://evil.example", "null", "http://127.0.0.1:1"])
async def test_only_pages_of_this_origin_may_use_it(gateway: Running, tokens: Tokens, origin: str | None) -> None:
    headers: dict[str, Any] = {"Cookie": "parley_refresh=r-1"} | ({} if origin is None else {"Origin": origin})
    for path in ("login", "register", "exchange", "refresh"):
        answer = await gateway.call("POST", f"/web/{path}", content=CREDENTIALS, **headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "origin_refused")
    assert tokens.asked == []


async def test_an_allowed_other_origin_may_call_the_api_but_not_keep_sessions(
    start_gateway: StartGateway, tokens: Tokens
) -> None:
    gateway = await start_gateway(allowed_origins=("https://app.example",))
    answer = await gateway.call("POST", "/web/refresh", Origin="https://app.example", Cookie="parley_refresh=r-1")
    assert answer.status_code == 403
    assert tokens.asked == []


async def test_only_post_is_answered(gateway: Running, tokens: Tokens) -> None:
    answer = await gateway.get("/web/refresh", Origin=gateway.url)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


async def test_a_strange_cookie_is_no_session(gateway: Running, tokens: Tokens) -> None:
    for cookie in ("parley_refresh", "parley_refresh=", "=;=;;", 'parley_refresh="', "\x01=2"):
        answer = await gateway.call("POST", "/web/refresh", **own(gateway), Cookie=cookie)
        assert answer.status_code == 204, cookie
    assert tokens.asked == []


# --- the client's files ----------------------------------------------------------------------------------------------


@pytest.fixture
async def with_client(start_gateway: StartGateway, tmp_path: Path) -> AsyncIterator[Running]:
    """A gateway that has a web client."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html><title>Client</title>" + " " * 500)
    (tmp_path / "assets" / "index-abc.js").write_text("export default 1;" * 100)
    (tmp_path / "docs.html").write_text("<!doctype html><title>Operations</title>")
    (tmp_path / "favicon.svg").write_text("<svg/>")
    (tmp_path.parent / "secret.txt").write_text("secret")
    yield await start_gateway(web_dir=str(tmp_path))


async def test_the_client_is_the_first_page_and_every_page_that_a_browser_asks_for(with_client: Running) -> None:
    for path in ("/", "/rooms/5", "/index.html"):
        page = await with_client.get(path, Accept="text/html")
        assert "<title>Client</title>" in page.text
        policy = page.headers["content-security-policy"]
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert page.headers["cache-control"] == "no-cache"
    assert (await with_client.get("/rooms/5")).status_code == 404
    assert (await with_client.get("/api/nothing", Accept="text/html")).status_code in (401, 404)


async def test_operations_can_be_tried_where_the_client_is_built(with_client: Running) -> None:
    page = await with_client.get("/docs")
    assert "<title>Operations</title>" in page.text
    policy = page.headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert (await with_client.get("/docs.html", Accept="application/json")).status_code == 404


async def test_assets_are_kept_for_good_and_the_page_is_asked_for_again(with_client: Running) -> None:
    asset = await with_client.get("/assets/index-abc.js")
    assert asset.text == "export default 1;" * 100
    assert asset.headers["content-type"].startswith("text/javascript")
    assert "immutable" in asset.headers["cache-control"]
    assert asset.headers["content-encoding"] == "gzip"
    plain = await with_client.get("/assets/index-abc.js", Accept_Encoding="identity")
    assert (plain.content, "content-encoding" in plain.headers) == (asset.content, False)
    page = await with_client.get("/")
    again = await with_client.get("/", If_None_Match=page.headers["etag"])
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "path", ["/assets/nothing.js", "/assets/../index.html", "/assets/%2e%2e/%2e%2e/secret.txt", "/assets/"]
)
async def test_nothing_else_is_served(with_client: Running, path: str) -> None:
    answer = await with_client.get(path)
    assert answer.status_code in (400, 404)
    assert "secret" not in answer.text


async def test_what_runs_here_is_shown_beside_the_client(with_client: Running, tokens: Tokens) -> None:
    assert "<title>Client" not in (await with_client.get("/status")).text


async def test_without_a_client_the_first_page_says_what_runs(gateway: Running, tokens: Tokens) -> None:
    assert (await gateway.get("/")).text == (await gateway.get("/status")).text
    assert (await gateway.get("/favicon.svg")).status_code == 404
