"""The route table: complete, marked, and closed to what is not in it."""

import pytest

from gateway_service.admission import rates_of
from gateway_service.routes import (
    AUTH,
    BROWSERS,
    CHAT,
    GATEWAY,
    PROFILE,
    SERVICES,
    TABLE,
    Access,
    Kind,
    Rate,
    Route,
    Router,
)
from gateway_service.settings import Settings

SETTINGS = Settings(
    redis_url="redis://localhost", auth_url="http://a:1", profile_url="http://p:1", chat_urls=("http://c:1",)
)


@pytest.mark.parametrize("route", TABLE, ids=lambda route: f"{route.kind.value} {route.prefix}")
def test_every_route_has_a_rate_class_with_limits_and_an_auth_mark(route: Route) -> None:
    limits = rates_of(SETTINGS)[route.rate]
    assert limits.address.burst > 0
    assert limits.user is None or limits.user.burst > 0
    assert route.access in Access
    assert route.service in (*SERVICES, GATEWAY, BROWSERS)


def test_no_two_rows_say_different_things_of_one_prefix() -> None:
    keys = [(route.kind, route.prefix) for route in TABLE]
    assert len(keys) == len(set(keys))


def test_prefixes_are_clear_paths() -> None:
    for route in TABLE:
        assert route.prefix == "/" or not route.prefix.endswith("/")
        assert route.prefix.startswith("/")


@pytest.mark.parametrize(
    ("path", "service", "access", "rate"),
    [
        ("/register", AUTH, Access.PUBLIC, Rate.LOGIN),
        ("/login", AUTH, Access.PUBLIC, Rate.LOGIN),
        ("/auth/register", AUTH, Access.PUBLIC, Rate.LOGIN),
        ("/auth/login", AUTH, Access.PUBLIC, Rate.LOGIN),
        ("/auth/refresh", AUTH, Access.PUBLIC, Rate.DEFAULT),
        ("/auth/logout", AUTH, Access.BEARER, Rate.DEFAULT),
        ("/auth/me", AUTH, Access.BEARER, Rate.DEFAULT),
        ("/auth/sessions", AUTH, Access.BEARER, Rate.DEFAULT),
        ("/auth/sessions/3", AUTH, Access.BEARER, Rate.DEFAULT),
        ("/auth/password", AUTH, Access.BEARER, Rate.DEFAULT),
        ("/auth/devices/token", AUTH, Access.BEARER, Rate.DEFAULT),
        ("/auth/ws-ticket", AUTH, Access.BEARER, Rate.DEFAULT),
        ("/auth/oauth/some/callback", AUTH, Access.PUBLIC, Rate.DEFAULT),
        ("/.well-known/jwks.json", AUTH, Access.PUBLIC, Rate.DEFAULT),
        ("/users/show", AUTH, Access.BEARER, Rate.DEFAULT),
        ("/profiles", PROFILE, Access.BEARER, Rate.DEFAULT),
        ("/profiles/me", PROFILE, Access.BEARER, Rate.DEFAULT),
        ("/api/chat/users", CHAT, Access.BEARER, Rate.DEFAULT),
        ("/api/chat/some-room/messages", CHAT, Access.BEARER, Rate.DEFAULT),
        ("/socket.io", CHAT, Access.PUBLIC, Rate.POLLING),
    ],
)
def test_every_public_path_is_routed(path: str, service: str, access: Access, rate: Rate) -> None:
    route = Router().find(Kind.HTTP, path)
    assert route is not None
    assert (route.service, route.access, route.rate) == (service, access, rate)


@pytest.mark.parametrize("path", ["/ws", "/api/chat/ws/chat", "/socket.io"])
def test_sockets_have_their_own_class(path: str) -> None:
    route = Router().find(Kind.SOCKET, path)
    assert route is not None
    assert (route.service, route.rate) == (CHAT, Rate.SOCKET)


@pytest.mark.parametrize(
    "path",
    [
        "/internal",
        "/internal/users",
        "/internal/sockets/drain",
        "/livez",
        "/readyz",
        "/metrics",
        "/authx",
        "/api",
        "/api/chatter",
        "/login/x",
        "/users",
        "/users/show/x",
        "/nothing",
        "/AUTH/login",
        "/openapi.json/x",
    ],
)
def test_what_is_not_in_the_table_is_not_routed(path: str) -> None:
    assert Router().find(Kind.HTTP, path) is None
    assert Router().find(Kind.SOCKET, path) is None


def test_the_longest_prefix_wins_whatever_the_order() -> None:
    rows = [Route("/a", AUTH, Access.PUBLIC, Rate.DEFAULT), Route("/a/b", CHAT, Access.BEARER, Rate.DEFAULT)]
    for table in (rows, rows[::-1]):
        found = [Router(table).find(Kind.HTTP, path) for path in ("/a/b/c", "/a/c", "/a")]
        assert [route and route.prefix for route in found] == ["/a/b", "/a", "/a"]


def test_an_exact_row_does_not_hide_the_prefix_above_it() -> None:
    rows = [
        Route("/a", AUTH, Access.PUBLIC, Rate.DEFAULT),
        Route("/a/b", CHAT, Access.BEARER, Rate.DEFAULT, exact=True),
    ]
    found = Router(rows).find(Kind.HTTP, "/a/b/c")
    assert found is not None
    assert found.service == AUTH


@pytest.mark.parametrize(("path", "api"), [("/internal/x", True), ("/auth/x", True), ("/rooms/3", False), ("/", True)])
def test_only_paths_outside_the_api_may_be_a_browsers(path: str, api: bool) -> None:
    assert Router().is_api(path) is api
