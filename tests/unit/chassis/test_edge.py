"""The outermost layer: what is counted, what is logged, what a WebSocket is told."""

import asyncio
import logging
from typing import Any, cast
from uuid import UUID

import httpx
import msgspec
import pytest
from prometheus_client import REGISTRY
from quart import Response

from chassis import http, logs
from chassis.app import create_app
from chassis.asgi import ROUTE, App, Edge
from chassis.ids import uuid7
from chassis.lifecycle import Lifecycle, Phase
from chassis.logs import request_id
from chassis.problems import Forbidden
from chassis.tokens import Claims


def counted(method: str, route: str, status: int) -> float:
    labels = {"method": method, "route": route, "status": str(status)}
    return REGISTRY.get_sample_value("parley_http_requests_total", labels) or 0


async def never() -> Any:
    raise AssertionError("nothing is to be received")


async def websocket(app: Any, lifecycle: Lifecycle, *headers: tuple[bytes, bytes]) -> list[dict[str, Any]]:
    """What a WebSocket handshake is answered."""
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "websocket", "path": "/ws", "headers": list(headers), "query_string": b"token=secret"}
    await Edge(app, lifecycle)(scope, never, send)
    return sent


async def test_requests_are_counted_by_rule_and_not_by_path(client: httpx.AsyncClient) -> None:
    before = counted("GET", "/words/<word>", 200), counted("GET", "unmatched", 404), counted("OTHER", "/page", 405)
    for word in "abc":
        await client.get(f"/words/{word}")
    await client.get("/nowhere/at/all")
    await client.request("BREW", "/page")
    after = counted("GET", "/words/<word>", 200), counted("GET", "unmatched", 404), counted("OTHER", "/page", 405)
    assert [new - old for new, old in zip(after, before, strict=True)] in ([3, 1, 1], [3, 1, 0])


async def test_the_log_line_has_no_path_and_no_query_of_a_known_route(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await client.get("/words/a-device-token?token=secret")
    await client.get("/nowhere?token=secret")
    known, unknown = [record for record in caplog.records if record.name == "access"]
    assert (known.__dict__["route"], known.__dict__["path"], known.__dict__["status"]) == ("/words/<word>", "", 200)
    assert (unknown.__dict__["route"], unknown.__dict__["path"]) == ("unmatched", "/nowhere")
    assert "secret" not in str(known.__dict__) + str(unknown.__dict__)


async def test_a_refused_socket_gets_one_problem_with_its_request_id(lifecycle: Lifecycle) -> None:
    async def refusing(scope: Any, receive: Any, send: Any) -> None:
        scope[ROUTE] = "/ws"
        raise Forbidden("Not you.")

    start, body = await websocket(refusing, lifecycle, (b"x-request-id", b"from-the-caller"))
    assert (start["type"], start["status"]) == ("websocket.http.response.start", 403)
    assert (b"x-request-id", b"from-the-caller") in start["headers"]
    assert msgspec.json.decode(body["body"])["request_id"] == "from-the-caller"


async def test_a_close_before_the_accept_is_a_403_problem(lifecycle: Lifecycle) -> None:
    async def closing(scope: Any, receive: Any, send: Any) -> None:
        scope[ROUTE] = "/closing"
        await send({"type": "websocket.close", "code": 1008})

    before = counted("WEBSOCKET", "/closing", 403)
    start, body = await websocket(closing, lifecycle)
    assert start["status"] == 403
    assert msgspec.json.decode(body["body"])["code"] == "forbidden"
    assert counted("WEBSOCKET", "/closing", 403) == before + 1


async def test_a_close_after_the_accept_is_passed_on(lifecycle: Lifecycle) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": 1000})

    accept, close = await websocket(app, lifecycle, (b"x-request-id", b"from-the-caller"))
    assert accept["headers"] == [(b"x-request-id", b"from-the-caller")]
    assert close == {"type": "websocket.close", "code": 1000}


async def test_a_failure_after_the_accept_adds_no_second_answer(lifecycle: Lifecycle) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        raise Forbidden("Too late.")

    assert len(await websocket(app, lifecycle)) == 1


async def test_a_socket_before_the_start_is_503(lifecycle: Lifecycle) -> None:
    lifecycle.phase = Phase.STARTING
    start, _ = await websocket(never, lifecycle)
    assert start["status"] == 503
    assert (b"retry-after", b"2") in start["headers"]


async def test_a_request_that_is_given_up_is_counted_as_499(lifecycle: Lifecycle) -> None:
    reached = asyncio.Event()

    async def hanging(scope: Any, receive: Any, send: Any) -> None:
        scope[ROUTE] = "/given-up"
        reached.set()
        await asyncio.Event().wait()

    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    task = asyncio.create_task(Edge(hanging, lifecycle)(scope, never, never))  # type: ignore[arg-type]
    await reached.wait()
    in_flight = REGISTRY.get_sample_value("parley_http_requests_in_flight") or 0
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()
    assert counted("GET", "/given-up", 499) == 1
    assert REGISTRY.get_sample_value("parley_http_requests_in_flight") == in_flight - 1


async def test_each_request_logs_with_its_own_id(lifecycle: Lifecycle) -> None:
    seen: dict[str, str] = {}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0)
        seen[scope["path"]] = request_id.get()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async with httpx.AsyncClient(transport=httpx.ASGITransport(Edge(app, lifecycle)), base_url="http://test") as client:
        names = [f"request-{number}" for number in range(10)]
        await asyncio.gather(*(client.get(f"/{name}", headers={"X-Request-Id": name}) for name in names))
    assert seen == {f"/{name}": name for name in names}


async def test_the_log_line_names_the_user_and_the_ids_in_the_path(
    lifecycle: Lifecycle, caplog: pytest.LogCaptureFixture
) -> None:
    async def verify(token: str) -> Claims:
        return Claims(uuid7(), uuid7(), "jti", "anna", 0, 1)

    app = create_app("rooms", title="Rooms", max_body_bytes=100, verify=verify)
    seen = []

    @app.get("/rooms/<uuid:room>/<word>/<uuid:user_id>")
    @http.bearer
    async def read(room: UUID, word: str, user_id: UUID) -> Response:
        seen.append((logs.user_id.get(), http.claims().user_id))
        return http.reply({})

    caplog.set_level(logging.INFO)
    room, other = uuid7(), uuid7()
    transport = httpx.ASGITransport(cast("Any", Edge(cast("App", app), lifecycle)))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.get(f"/rooms/{room}/a-token/{other}", headers={"Authorization": "Bearer abc"})
    assert answer.status_code == 200
    [record] = [record for record in caplog.records if record.name == "access"]
    assert (record.__dict__["room"], record.__dict__["subject_id"]) == (str(room), str(other))
    assert "a-token" not in str(record.__dict__)
    assert [logged == str(user) for logged, user in seen] == [True]
