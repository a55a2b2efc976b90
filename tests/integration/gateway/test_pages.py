"""The gateway's own pages, the merged document, and what browsers of other sites may do."""

import asyncio
import html
import json
import re
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest

from chat_service.realtime import asyncapi, codes
from gateway_service import problem_codes
from tests.integration.gateway.conftest import DEAD, Running, StartGateway
from tests.integration.gateway.fakes import FakeAuth, FakeService, Seen, User, response


class Links(HTMLParser):
    """What a page refers to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.anchors: set[str] = set()
        self.inline: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note references and what a strict policy forbids."""
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.links.add(value)
            if name == "id" and value:
                assert value not in self.anchors, value
                self.anchors.add(value)
            if name == "style" or name.startswith("on"):
                self.inline.append(name)
        if tag in ("style", "script"):
            self.inline.append(tag)


def document(paths: dict[str, Any], **schemas: Any) -> dict[str, Any]:
    """A service's OpenAPI document."""
    return {"openapi": "3.1.0", "info": {}, "paths": paths, "components": {"schemas": schemas}}


def serve_documents(auth: FakeAuth, upstream: FakeService, status: int = 200) -> None:
    """Let both services be ready, or not, and describe themselves."""
    operation = {"summary": "Who am I <here>?", "responses": {"200": {}}, "security": [{"bearer": []}]}
    described = {
        auth: document(
            {"/auth/me": {"get": operation}, "/internal/users": {"get": operation}}, User={"type": "object"}
        ),
        upstream: document({"/profiles/{id}": {"get": operation}}, User={"type": "string"}),
    }

    def answer_of(service: FakeService) -> Any:
        async def answer(seen: Seen, writer: asyncio.StreamWriter) -> None:
            if seen.target == "/readyz":
                writer.write(response(status, b"{}"))
            else:
                assert seen.target in ("/openapi.json", "/asyncapi.json")
                ours = seen.target == "/openapi.json"
                writer.write(response(200, json.dumps(described[service]).encode() if ours else asyncapi.encoded()))

        return answer

    auth.then = answer_of(auth)
    upstream.answer = answer_of(upstream)


async def test_the_first_page_says_what_runs(gateway: Running, auth: FakeAuth, upstream: FakeService) -> None:
    serve_documents(auth, upstream)
    page = await gateway.get("/")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    rows = re.findall(r"<tr><td>(.*?)</td><td class=\"(.*?)\">(.*?)</td></tr>", page.text)
    assert rows == [(name, "ready", "ready") for name in ("auth", "profile", "chat")]
    for words in ("/register", "/login", "/api/chat/rooms/", "python -m devstack.talk", "/asyncapi.json", "/messages/"):
        assert words in page.text
    assert f"BASE=http://127.0.0.1:{gateway.port}" in page.text


async def test_the_first_page_tells_pods_apart(
    start_gateway: StartGateway, auth: FakeAuth, upstream: FakeService
) -> None:
    serve_documents(auth, upstream, status=503)
    gateway: Running = await start_gateway(chat_urls=(upstream.url, DEAD))
    page = await gateway.get("/")
    states = dict(re.findall(r"<tr><td>(.*?)</td><td class=\"away\">(.*?)</td></tr>", page.text))
    assert states == {
        "auth": "not ready",
        "profile": "not ready",
        "chat-1": "away",
        "chat-2": "not ready",
    }


@pytest.mark.parametrize("path", ["/", "/docs", "/docs/events", "/docs/errors"])
async def test_pages_keep_a_strict_policy_and_lead_nowhere_else(
    gateway: Running, auth: FakeAuth, upstream: FakeService, path: str
) -> None:
    serve_documents(auth, upstream)
    page = await gateway.get(path)
    policy = page.headers.get_list("content-security-policy")
    assert len(policy) == 1
    assert "default-src 'none'" in policy[0]
    assert "unsafe" not in policy[0]
    links = Links(page.text)
    assert links.inline == []
    assert links.links
    assert {link[1:] for link in links.links if link.startswith("#")} <= links.anchors
    for link in links.links:
        assert (await gateway.get(link.partition("#")[0] or path)).status_code == 200, link


async def test_the_first_page_does_not_repeat_a_hosts_markup(gateway: Running) -> None:
    page = await gateway.get("/", host='a"><script>alert(1)</script>')
    assert "<script" not in page.text


async def test_a_browsers_navigation_gets_the_first_page(gateway: Running) -> None:
    for method in ("GET", "HEAD"):
        page = await gateway.call(method, "/rooms/3?x=y", accept="text/html,*/*;q=0.8")
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    for method, path, accept in (
        ("GET", "/rooms/3", "application/json"),
        ("POST", "/rooms/3", "text/html"),
        ("GET", "/internal/users", "text/html"),
        ("GET", "/auth2", "application/json"),
        ("GET", "/metrics", "text/html"),
    ):
        answer = await gateway.call(method, path, accept=accept)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_the_merged_document_has_the_routed_paths(
    gateway: Running, auth: FakeAuth, upstream: FakeService
) -> None:
    serve_documents(auth, upstream)
    answer = await gateway.get("/openapi.json")
    merged = answer.json()
    assert answer.headers["content-type"] == "application/json"
    assert merged["openapi"] == "3.1.0"
    assert sorted(merged["paths"]) == ["/auth/me", "/profiles/{id}"]
    assert "x-missing" not in merged
    asked = len(upstream.seen)
    assert (await gateway.get("/openapi.json")).json() == merged
    assert len(upstream.seen) == asked, "it is kept for a while"


async def test_a_service_that_is_away_is_named(
    start_gateway: StartGateway, auth: FakeAuth, upstream: FakeService
) -> None:
    serve_documents(auth, upstream)
    gateway: Running = await start_gateway(profile_url=DEAD)
    merged = (await gateway.get("/openapi.json")).json()
    assert merged["x-missing"] == ["profile"]
    assert "/auth/me" in merged["paths"]


async def test_the_operations_are_listed(gateway: Running, auth: FakeAuth, upstream: FakeService) -> None:
    serve_documents(auth, upstream)
    page = (await gateway.get("/docs")).text
    assert "<code>/profiles/{id}</code>" in page
    assert "Who am I &lt;here&gt;?" in page
    assert "/internal" not in page


async def test_every_frame_and_event_is_on_the_page_of_sockets_with_its_example(
    gateway: Running, auth: FakeAuth, upstream: FakeService
) -> None:
    serve_documents(auth, upstream)
    page = html.unescape((await gateway.get("/docs/events")).text)
    document = asyncapi.document()
    for name, message in document["components"]["messages"].items():
        assert f'<article id="{re.sub(r"[^A-Za-z0-9]+", "-", name)}">' in page, name
        for example in message["examples"]:
            shown = json.loads(json.dumps(example["payload"], default=str))
            assert json.dumps(shown, ensure_ascii=False, indent=2) in page, name
    for name in document["channels"]["socket"]["bindings"]["ws"]["query"]["properties"]:
        assert f"<code>{name}</code>" in page
    assert '<a href="#Message">Message</a>' in page


async def test_the_codes_are_on_a_page_as_the_code_has_them(
    gateway: Running, auth: FakeAuth, upstream: FakeService
) -> None:
    serve_documents(auth, upstream)
    page = (await gateway.get("/docs/errors")).text
    known = [name for row in problem_codes.TABLE for name in row.codes]
    for code in (*known, *codes.ErrorCode, *(str(int(one)) for one in codes.CloseCode)):
        assert f"<code>{code}</code>" in page, code


async def test_without_chat_the_pages_of_sockets_say_so(start_gateway: StartGateway) -> None:
    gateway: Running = await start_gateway(chat_urls=(DEAD,))
    assert "no answer from chat" in (await gateway.get("/docs/events")).text
    page = (await gateway.get("/docs/errors")).text
    assert "no answer from chat" in page
    assert "<code>token_expired</code>" in page


async def preflight(gateway: Running, origin: str, path: str = "/profiles/me") -> httpx.Response:
    """What a browser asks before a request from another site."""
    asked: dict[str, Any] = {
        "origin": origin,
        "access_control_request_method": "PUT",
        "access_control_request_headers": "authorization",
    }
    return await gateway.call("OPTIONS", path, **asked)


async def test_pages_of_allowed_sites_may_call(start_gateway: StartGateway, upstream: FakeService, user: User) -> None:
    gateway: Running = await start_gateway(allowed_origins=("https://app.example",), rate_user_per_minute=2)
    asked = await preflight(gateway, "https://app.example")
    assert asked.status_code == 204
    assert asked.headers["access-control-allow-origin"] == "https://app.example"
    assert "PUT" in asked.headers["access-control-allow-methods"]
    assert asked.headers["access-control-allow-headers"] == "authorization"
    assert upstream.seen == []
    answers = [await gateway.get("/profiles", user, origin="https://app.example") for _ in range(3)]
    answers.append(await gateway.get("/profiles", origin="https://app.example"))
    assert [answer.status_code for answer in answers] == [200, 200, 429, 401]
    for answer in answers:
        assert answer.headers.get_list("access-control-allow-origin") == ["https://app.example"]
        assert "RateLimit-Remaining" in answer.headers["access-control-expose-headers"]
        assert answer.headers["vary"] == "Origin"


async def test_pages_of_other_sites_may_not(gateway: Running, user: User) -> None:
    refused = await preflight(gateway, "https://evil.example")
    assert (refused.status_code, refused.json()["code"]) == (403, "origin_refused")
    answer = await gateway.get("/profiles", user, origin="https://evil.example")
    for each in (refused, answer):
        assert not [name for name in each.headers if name.startswith("access-control-")]


async def test_a_services_own_cors_headers_are_dropped(gateway: Running, upstream: FakeService, user: User) -> None:
    async def answer(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(response(200, b"", "Access-Control-Allow-Origin: *", "RateLimit-Limit: 1"))

    upstream.answer = answer
    reply = await gateway.get("/profiles", user, origin="https://evil.example")
    assert "access-control-allow-origin" not in reply.headers
    assert reply.headers.get_list("ratelimit-limit") == ["300"]
