"""What somebody tries who speaks raw HTTP: smuggling, odd targets, other protocols, what is not for outside."""

import json

import pytest

from tests.integration.gateway.conftest import Running
from tests.integration.gateway.fakes import FakeAuth, FakeService, User
from tests.support.serving import dial, get


async def first_answer(gateway: Running, data: bytes) -> tuple[int, dict[str, str], bytes]:
    """The answer to raw bytes."""
    async with dial(gateway.port) as raw:
        raw.send(data)
        return await raw.response()


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        (["Content-Length: 5", "Transfer-Encoding: chunked"], b"0\r\n\r\n", 400),
        (["Transfer-Encoding: chunked", "Content-Length: 5"], b"0\r\n\r\n", 400),
        (["Content-Length: 5", "Content-Length: 6"], b"hello!", 400),
        (["Content-Length: 5, 6"], b"hello!", 400),
        (["Content-Length: +5"], b"hello", 400),
        (["Content-Length: -5"], b"hello", 400),
        (["Content-Length: 0x5"], b"hello", 400),
        (["Content-Length: 5 5"], b"hello", 400),
        (["Transfer-Encoding: gzip, chunked"], b"0\r\n\r\n", 501),
        (["Transfer-Encoding: identity"], b"", 501),
        (["Transfer-Encoding: xchunked"], b"0\r\n\r\n", 501),
        (["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"], b"0\r\n\r\n", 501),
        (["Transfer-Encoding : chunked"], b"0\r\n\r\n", 400),
        (["Transfer-Encoding: \x0bchunked"], b"0\r\n\r\n", 400),
        (["X: a\r\n Transfer-Encoding: chunked", "X\x00: b"], b"", 400),
        (["Transfer-Encoding: chunked"], b"zz\r\n", 400),
        (["Transfer-Encoding: chunked"], b"-5\r\nhello\r\n0\r\n\r\n", 400),
    ],
)
async def test_ambiguous_framing_is_refused_and_the_connection_ends(
    gateway: Running, upstream: FakeService, user: User, headers: list[str], body: bytes, status: int
) -> None:
    smuggled = get("/profiles/smuggled", f"Authorization: Bearer {user.token}")
    async with dial(gateway.port) as raw:
        raw.send(get("/profiles", f"Authorization: Bearer {user.token}", *headers, method="POST") + body + smuggled)
        answered, answer_headers, content = await raw.response()
        assert answered == status
        assert answer_headers["content-type"] == "application/problem+json"
        assert json.loads(content)["status"] == status
        assert b"200" not in (await raw.rest())[:15] or status == 400
    assert "/profiles/smuggled" not in [seen.target for seen in upstream.seen]


async def test_a_length_that_is_told_twice_is_passed_on_once(
    gateway: Running, upstream: FakeService, user: User
) -> None:
    headers = [f"Authorization: Bearer {user.token}", "Content-Length: 5", "Content-Length: 5"]
    status, _, _ = await first_answer(gateway, get("/profiles", *headers, method="POST") + b"hello")
    assert status == 200
    assert upstream.seen[0].header("content-length") == "5"
    assert upstream.seen[0].body == b"hello"


async def test_requests_in_one_packet_are_two_requests(gateway: Running, upstream: FakeService, user: User) -> None:
    bearer = f"Authorization: Bearer {user.token}"
    async with dial(gateway.port) as raw:
        raw.send(get("/profiles/a", bearer, "Content-Length: 3", method="POST") + b"GET" + get("/profiles/b", bearer))
        assert (await raw.response())[0] == 200
        assert (await raw.response())[0] == 200
    assert [(seen.target, seen.body) for seen in upstream.seen] == [("/profiles/a", b"GET"), ("/profiles/b", b"")]


@pytest.mark.parametrize(
    "target",
    [
        "/auth/../internal/users",
        "/auth/..%2finternal/users",
        "/auth/..%2Finternal/users",
        "/auth/%2e%2e/internal/users",
        "/profiles/..;/internal/users",
        "//internal/users",
        "/%2finternal/users",
        "/auth/%5c..%5cinternal",
        "/./internal/users",
        "/internal/users",
        "/internal/users/",
        "/%69nternal/users",
        "/internal/sockets/drain",
        "/internal/sessions/x",
        "/INTERNAL/users",
        "/livez",
        "/readyz",
        "/metrics",
        "/metrics/",
        "/api/chat/../../metrics",
        "/auth/openapi.json/..",
        "http://127.0.0.1/internal/users",
        "*",
        "internal/users",
    ],
)
async def test_what_is_not_routed_is_not_reached(
    gateway: Running, auth: FakeAuth, upstream: FakeService, user: User, target: str
) -> None:
    for accept in ("*/*", "text/html"):
        bearer = f"Authorization: Bearer {user.token}"
        status, headers, body = await first_answer(gateway, get(target, bearer, f"Accept: {accept}"))
        seen = [request for request in (*auth.seen, *upstream.seen) if request.target != "/.well-known/jwks.json"]
        if status not in (400, 404):  # then it is a name below a prefix, which only that service gets
            assert target == "/profiles/..;/internal/users"
            assert [request.target for request in upstream.seen] == [target] * len(upstream.seen)
            continue
        assert seen == []
        assert headers["content-type"] == "application/problem+json"
        assert json.loads(body)["status"] == status


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/nothing"), ("POST", "/"), ("POST", "/nothing"), ("GET", "/api")]
)
async def test_an_unknown_path_is_404_as_a_problem(gateway: Running, method: str, path: str) -> None:
    answer = await gateway.call(method, path)
    assert (answer.status_code, answer.headers["content-type"]) in (
        (404, "application/problem+json"),
        (405, "application/problem+json"),
    )


@pytest.mark.parametrize("method", ["TRACE", "FOO", "PROPFIND"])
async def test_strange_methods_are_the_services_business(
    gateway: Running, upstream: FakeService, user: User, method: str
) -> None:
    status, _, body = await first_answer(
        gateway, get("/profiles", f"Authorization: Bearer {user.token}", method=method)
    )
    assert (status, json.loads(body)["method"]) == (200, method)


async def test_connect_is_refused(gateway: Running) -> None:
    status, headers, _ = await first_answer(gateway, get("internal:443", method="CONNECT"))
    assert (status, headers["content-type"]) == (400, "application/problem+json")


async def test_other_upgrades_are_ignored(gateway: Running, upstream: FakeService, user: User) -> None:
    upgrade = ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA"]
    status, headers, _ = await first_answer(gateway, get("/profiles", f"Authorization: Bearer {user.token}", *upgrade))
    assert status == 200
    assert "upgrade" not in headers
    assert not {"upgrade", "http2-settings", "connection"} & upstream.seen[0].names()


async def test_http_2_is_not_spoken(gateway: Running) -> None:
    async with dial(gateway.port) as raw:
        raw.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
        status, _, _ = await raw.response()
        assert status in (400, 505)
        await raw.closed()


async def test_very_long_headers_are_refused(gateway: Running) -> None:
    status, headers, _ = await first_answer(gateway, get("/profiles", "X: " + "x" * 40_000))
    assert (status, headers["content-type"]) == (431, "application/problem+json")


async def test_a_websocket_where_there_is_none_is_404(gateway: Running) -> None:
    upgrade = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"]
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    for path in ("/auth/login", "/internal/users", "/nothing", "/ws/more"):
        status, headers, _ = await first_answer(gateway, get(path, *upgrade, key))
        assert (status, headers["content-type"]) == (404, "application/problem+json")
    for path in ("/auth/../ws", "//ws", "/%2fws"):
        assert (await first_answer(gateway, get(path, *upgrade, key)))[0] == 400


@pytest.mark.parametrize("path", ["/ws", "/api/chat/ws/chat/"])
async def test_a_plain_request_to_a_websocket_is_426(gateway: Running, path: str) -> None:
    answer = await gateway.get(path)
    assert (answer.status_code, answer.json()["code"]) == (426, "upgrade_required")
    assert answer.headers["upgrade"].lower() == "websocket"


async def test_the_ops_port_has_the_ops_and_nothing_else(gateway: Running, user: User) -> None:
    async with dial(gateway.ops_port) as raw:
        for path, status in (("/livez", 200), ("/readyz", 200), ("/metrics", 200), ("/", 404), ("/profiles", 404)):
            raw.send(get(path, f"Authorization: Bearer {user.token}"))
            assert (await raw.response())[0] == status
