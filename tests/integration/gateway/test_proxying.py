"""What goes through the gateway to a service, and what comes back."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.integration.gateway.conftest import DEAD, Running, StartGateway
from tests.integration.gateway.fakes import FakeAuth, FakeService, Seen, User, response
from tests.support.serving import dial, get, until


async def test_a_request_reaches_its_service_as_it_was(gateway: Running, upstream: FakeService, user: User) -> None:
    answer = await gateway.call("PATCH", "/profiles/me?a=1&b=%20c", user, content=b'{"x": 1}', x_custom="y")
    assert answer.status_code == 200
    seen = answer.json()
    assert (seen["method"], seen["target"], seen["body"]) == ("PATCH", "/profiles/me?a=1&b=%20c", '{"x": 1}')
    headers = dict(seen["headers"])
    assert headers["authorization"] == f"Bearer {user.token}"
    assert headers["x-custom"] == "y"
    assert headers["host"] == f"127.0.0.1:{gateway.port}"
    assert headers["content-length"] == "8"


@pytest.mark.parametrize(
    ("path", "service"),
    [("/auth/login", "auth"), ("/login/", "auth"), ("/.well-known/jwks.json", "auth"), ("/profiles/", "upstream")],
)
async def test_a_trailing_slash_is_optional(
    gateway: Running, auth: FakeAuth, upstream: FakeService, user: User, path: str, service: str
) -> None:
    assert (await gateway.get(path, user)).status_code == 200
    assert path in [seen.target for seen in {"auth": auth, "upstream": upstream}[service].seen]


async def test_the_request_id_is_passed_on_and_comes_back_once(gateway: Running, user: User) -> None:
    answer = await gateway.get("/profiles", user, x_request_id="abcdefgh-1")
    assert dict(answer.json()["headers"])["x-request-id"] == "abcdefgh-1"
    assert answer.headers.get_list("x-request-id") == ["abcdefgh-1"]
    made = await gateway.get("/profiles", user, x_request_id="in sane!")
    assert dict(made.json()["headers"])["x-request-id"] == made.headers["x-request-id"] != "in sane!"


async def test_headers_of_services_are_there_once(gateway: Running, upstream: FakeService, user: User) -> None:
    async def answer(seen: Seen, writer: asyncio.StreamWriter) -> None:
        more = ["X-Request-Id: theirs", "X-Content-Type-Options: nosniff", "Cache-Control: max-age=5"]
        more += ["Connection: x-hop", "X-Hop: 1", "Keep-Alive: timeout=5", "Set-Cookie: a=1", "Set-Cookie: b=2"]
        writer.write(response(200, b"{}", *more))

    upstream.answer = answer
    reply = await gateway.get("/profiles", user)
    for name in ("x-request-id", "x-content-type-options", "cache-control", "content-length", "date"):
        assert len(reply.headers.get_list(name)) == 1, name
    assert reply.headers["x-request-id"] != "theirs"
    assert reply.headers["cache-control"] == "max-age=5"
    assert reply.headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert not {"x-hop", "keep-alive", "connection"} & set(reply.headers)


async def test_identity_and_hop_headers_of_a_client_do_not_reach_a_service(gateway: Running, user: User) -> None:
    lies = {
        "X-User-Id": "1",
        "x_user_id": "1",
        "X-Forwarded-User": "root",
        "X-Forwarded-For": "6.6.6.6",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "evil.example",
        "X-Real-IP": "6.6.6.6",
        "Forwarded": "for=6.6.6.6",
        "X-Parley-Connection": "1",
        "Remote-User": "root",
        "Proxy-Authorization": "Basic x",
        "TE": "trailers",
        "Connection": "X-Hop, keep-alive",
        "X-Hop": "1",
    }
    answer = await gateway.client.get("/profiles", headers={**user.headers, **lies})
    headers = dict(answer.json()["headers"])
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert headers["x-forwarded-proto"] == "http"
    assert headers["x-forwarded-host"] == f"127.0.0.1:{gateway.port}"
    refused = {name.lower() for name in lies} - {"x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"}
    assert not refused & set(headers)


async def test_a_trusted_proxy_is_believed(start_gateway: StartGateway, user: User) -> None:
    gateway: Running = await start_gateway(trusted_proxies=("127.0.0.0/8",))
    headers = {
        "X-Forwarded-For": "6.6.6.6, 198.51.100.7",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "chat.example",
    }
    answer = await gateway.client.get("/profiles", headers={**user.headers, **headers})
    passed = dict(answer.json()["headers"])
    assert passed["x-forwarded-for"] == "198.51.100.7"
    assert passed["x-forwarded-proto"] == "https"
    assert passed["x-forwarded-host"] == "chat.example"


async def test_a_long_body_is_streamed_both_ways(start_gateway: StartGateway, user: User) -> None:
    gateway: Running = await start_gateway(max_body_bytes=10_000_000)
    content = json.dumps("x" * 3_000_000).encode()

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(content), 70_000):
            yield content[start : start + 70_000]

    for body in (content, pieces()):
        answer = await gateway.call("PUT", "/profiles/me", user, content=body)
        assert answer.json()["body"].encode() == content


async def test_a_chunked_answer_of_unknown_length_comes_through(
    gateway: Running, upstream: FakeService, user: User
) -> None:
    async def chunked(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n")

    async def until_closed(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nabcde")
        writer.close()

    for upstream.answer in (chunked, until_closed):
        assert (await gateway.get("/profiles", user)).content == b"abcde"
    assert len(upstream.seen) == 2


@pytest.mark.parametrize("status", [204, 304])
async def test_answers_without_a_body(gateway: Running, upstream: FakeService, user: User, status: int) -> None:
    async def answer(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 %d X\r\nETag: x\r\n\r\n" % status)

    upstream.answer = answer
    async with dial(gateway.port) as raw:
        raw.send(get("/profiles", f"Authorization: Bearer {user.token}") * 2)
        for _ in range(2):  # the connection lives on
            code, headers = await raw.head()
            assert code == status
            assert headers["etag"] == "x"
            assert "transfer-encoding" not in headers
            assert "content-length" not in headers


async def test_head_has_the_length_and_no_body(gateway: Running, upstream: FakeService, user: User) -> None:
    async def answer(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n")

    upstream.answer = answer
    async with dial(gateway.port) as raw:
        raw.send(get("/profiles", f"Authorization: Bearer {user.token}", method="HEAD") * 2)
        for _ in range(2):
            code, headers = await raw.head()
            assert (code, headers["content-length"]) == (200, "1234")
    assert upstream.connections == 1


async def test_informational_answers_are_skipped(gateway: Running, upstream: FakeService, user: User) -> None:
    async def answer(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + response(200, b"later"))

    upstream.answer = answer
    assert (await gateway.get("/profiles", user)).text == "later"


async def test_connections_to_services_are_used_again(gateway: Running, upstream: FakeService, user: User) -> None:
    for _ in range(5):
        assert (await gateway.get("/profiles", user)).status_code == 200
    assert upstream.connections == 1


async def test_concurrent_requests_get_their_own_answers(start_gateway: StartGateway, user: User) -> None:
    gateway: Running = await start_gateway(rate_limits="off")
    answers = await asyncio.gather(*(gateway.get(f"/profiles?n={n}", user) for n in range(100)))
    assert [answer.json()["target"] for answer in answers] == [f"/profiles?n={n}" for n in range(100)]


async def test_more_requests_than_connections_are_told_to_wait(
    start_gateway: StartGateway, upstream: FakeService, user: User
) -> None:
    gateway: Running = await start_gateway(max_connections=1)
    release = asyncio.Event()

    async def wait(seen: Seen, writer: asyncio.StreamWriter) -> None:
        await release.wait()
        writer.write(response(200))

    upstream.answer = wait
    first = asyncio.create_task(gateway.get("/profiles", user))
    await until(lambda: upstream.seen)
    answer = await gateway.get("/profiles", user)
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "upstream_busy", "1")
    release.set()
    assert (await first).status_code == 200


async def test_a_slow_client_holds_the_service_back(gateway: Running, upstream: FakeService, user: User) -> None:
    total = 64 * 1024 * 1024
    written = 0

    async def flood(seen: Seen, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % total)
        while written < total:
            writer.write(b"x" * 65536)
            await writer.drain()
            written += 65536

    upstream.answer = flood
    async with dial(gateway.port) as raw:
        raw.send(get("/profiles", f"Authorization: Bearer {user.token}"))
        status, _ = await raw.head()
        assert status == 200
        before = -1
        while before != written:  # until the kernel's buffers are full and nothing moves
            before = written
            await asyncio.sleep(0.1)
        assert written < total / 2
        received = 0
        while received < total:
            received += len(await raw.reader.read(1 << 20))
    assert written == total


async def test_a_slow_service_holds_the_client_back(
    start_gateway: StartGateway, upstream: FakeService, user: User
) -> None:
    gateway: Running = await start_gateway(max_body_bytes=1 << 30)
    upstream.read_bodies = False
    release = asyncio.Event()

    async def hold(seen: Seen, writer: asyncio.StreamWriter) -> None:
        await release.wait()

    upstream.answer = hold
    sent, total = 0, 256 * 1024 * 1024
    async with dial(gateway.port) as raw:
        raw.send(get("/profiles", f"Authorization: Bearer {user.token}", f"Content-Length: {total}", method="PUT"))
        try:
            while sent < total:
                raw.send(b"x" * 65536)
                async with asyncio.timeout(1):
                    await raw.writer.drain()
                sent += 65536
        except TimeoutError:
            pass
    release.set()
    assert sent < total / 4


async def test_a_client_who_leaves_ends_the_request(gateway: Running, upstream: FakeService, user: User) -> None:
    async def never(seen: Seen, writer: asyncio.StreamWriter) -> None:
        await seen.reader.read()

    upstream.answer = never
    async with dial(gateway.port) as raw:
        raw.send(get("/profiles", f"Authorization: Bearer {user.token}"))
        await until(lambda: upstream.writers and upstream.seen)
    await until(lambda: not upstream.writers, "the service's connection to end")


async def test_an_early_answer_to_an_upload_is_passed_on(
    start_gateway: StartGateway, upstream: FakeService, user: User
) -> None:
    gateway: Running = await start_gateway(max_body_bytes=1 << 30)
    upstream.read_bodies = False

    async def refuse(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(response(403, b"no", "Connection: close"))

    upstream.answer = refuse
    async with dial(gateway.port) as raw:
        raw.send(get("/profiles", f"Authorization: Bearer {user.token}", "Content-Length: 500000", method="PUT"))
        raw.send(b"x" * 1000)
        status, _, body = await raw.response()
    assert (status, body) == (403, b"no")


async def test_a_draining_service_is_not_asked_twice_on_one_connection(
    gateway: Running, upstream: FakeService, user: User
) -> None:
    async def goodbye(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(response(200, b"ok", "Connection: close"))

    upstream.answer = goodbye
    for _ in range(3):
        assert (await gateway.call("POST", "/profiles", user)).status_code == 200
    assert upstream.connections == 3


async def test_http_goes_to_the_pods_that_are_there(
    start_gateway: StartGateway, upstream: FakeService, user: User
) -> None:
    gateway: Running = await start_gateway(chat_urls=(DEAD, upstream.url), rate_limits="off")
    for method in ("GET", "POST"):
        for _ in range(10):
            assert (await gateway.call(method, "/api/chat/users/", user)).status_code == 200
    assert len(upstream.seen) == 20


async def test_pods_are_found_by_name(start_gateway: StartGateway, upstream: FakeService, user: User) -> None:
    gateway: Running = await start_gateway(chat_service=f"localhost:{upstream.port}")
    assert (await gateway.get("/api/chat/users/", user)).json()["target"] == "/api/chat/users/"


async def test_a_client_of_http_1_0_is_served(gateway: Running, upstream: FakeService, user: User) -> None:
    async with dial(gateway.port) as raw:
        raw.send(f"GET /profiles HTTP/1.0\r\nAuthorization: Bearer {user.token}\r\n\r\n".encode())
        status, headers, _ = await raw.response()
    assert status == 200
    assert headers["connection"] == "close"
    assert upstream.seen[0].header("host") == f"127.0.0.1:{upstream.port}"


async def test_many_clients_share_few_connections(
    start_gateway: StartGateway, upstream: FakeService, user: User
) -> None:
    gateway: Running = await start_gateway(rate_limits="off")
    limits = httpx.Limits(max_connections=30)
    async with httpx.AsyncClient(base_url=gateway.url, limits=limits, trust_env=False) as client:
        for _ in range(4):
            answers = await asyncio.gather(*(client.get("/profiles", headers=user.headers) for _ in range(30)))
            assert {answer.status_code for answer in answers} == {200}
    assert upstream.connections <= 30
