"""Every route of every service says who may call it, is in the gateway's table, and is out of reach if internal."""

import asyncio
import re

import httpx
import pytest

from devstack.background import Background
from gateway_service.routes import BROWSERS, TABLE, Access, Kind, Rate, Router
from tests.e2e.people import Person, Platform
from tests.e2e.shapes import is_problem
from tests.unit.docs.code import Row, routes

ROWS = sorted(set(routes()))
PRIVATE = ["/openapi.json"]  # of a service: the gateway's own is another
PUBLIC = [row for row in ROWS if row.access != "internal" and row.path not in PRIVATE]
PODS = {"auth": ["auth"], "profile": ["profile"], "chat": ["chat-1", "chat-2"]}


def name(row: Row) -> str:
    """For the name of a test."""
    return f"{row.method} {row.path}"


def filled(path: str) -> str:
    """A path with something in place of its names."""
    path = path.replace("{user_id}", "me").replace("{token}", "sample").replace("{provider}", "sample")
    path = path.replace("{seq}", "1")
    return re.sub(r"\{\w+\}", "00000000-0000-7000-8000-000000000000", path)


@pytest.mark.parametrize("row", ROWS, ids=name)
def test_every_route_says_who_may_call_it(row: Row) -> None:
    assert row.access in ("public", "bearer", "internal")


@pytest.mark.parametrize("row", PUBLIC, ids=name)
def test_the_gateway_knows_every_public_route_with_a_rate_class_and_an_auth_mark(row: Row) -> None:
    kind = Kind.SOCKET if row.method == "WEBSOCKET" else Kind.HTTP
    route = Router().find(kind, filled(row.path).rstrip("/"))
    assert route is not None
    assert isinstance(route.rate, Rate)
    if route.service == BROWSERS:  # the gateway's own, in front of auth; see tests/integration/gateway/test_browsers.py
        assert row.service == "gateway"
        return
    assert route.service == row.service
    if kind is Kind.SOCKET:
        assert (route.rate, route.access) == (Rate.SOCKET, Access.BEARER)
    else:
        assert route.access is {"bearer": Access.BEARER, "public": Access.PUBLIC}[row.access]
        is_guessed_at = row.path.endswith(("/login", "/register")) or row.path.startswith("/auth/password/reset")
        assert (route.rate is Rate.LOGIN) == is_guessed_at


def test_the_gateway_routes_to_nothing_that_is_not_there() -> None:
    elsewhere = {"/socket.io"}  # answered by a library in front of Quart, see test_socketio
    for route in TABLE:
        if route.service not in ("gateway", BROWSERS) and route.prefix not in elsewhere:
            below = [row for row in PUBLIC if row.service == route.service and row.path.startswith(route.prefix)]
            assert below, route


@pytest.mark.parametrize("row", [row for row in ROWS if row.access == "internal"], ids=name)
async def test_internal_routes_are_out_of_reach(alice: Person, row: Row) -> None:
    path = filled(row.path)
    for spelled in (
        path,
        f"{path}/",
        path.replace("internal", "%69nternal"),
        f"/auth/%2e%2e{path}",
        f"/auth/%2F{path}",
    ):
        reply = await alice.call(row.method, spelled)
        assert reply.status_code in (400, 404), spelled
        assert reply.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics"])
async def test_ops_paths_are_on_the_services_and_not_on_the_gateway(
    stack: Background, client: httpx.AsyncClient, platform: Platform, path: str
) -> None:
    is_problem(await platform.call("GET", path), 404, "not_found")
    for pods in PODS.values():
        for pod in pods:
            assert (await client.get(stack.urls[pod] + path)).status_code == 200


@pytest.mark.parametrize("row", [row for row in PUBLIC if row.access == "bearer"], ids=name)
async def test_without_a_token_it_is_401_at_the_gateway_and_at_the_service(
    stack: Background, platform: Platform, row: Row
) -> None:
    for spelled in (filled(row.path).rstrip("/"), filled(row.path).rstrip("/") + "/"):  # the last slash is optional
        is_problem(await platform.call(row.method, spelled), 401, "unauthorized")
        replies = await asyncio.gather(
            *(platform.call(row.method, stack.urls[pod] + spelled) for pod in PODS[row.service])
        )
        for reply in replies:
            is_problem(reply, 401, "unauthorized")


@pytest.mark.parametrize(
    "row", [row for row in PUBLIC if row.access == "public" and row.method != "WEBSOCKET"], ids=name
)
async def test_a_public_route_answers_with_and_without_its_last_slash(platform: Platform, row: Row) -> None:
    plain = filled(row.path).rstrip("/")
    replies = [await platform.call(row.method, spelled) for spelled in (plain, f"{plain}/")]
    assert replies[0].status_code == replies[1].status_code
    assert replies[0].status_code not in (301, 308, 404, 405)
