"""Who may do what: every route of every service and of the gateway, by everybody who could ask.

`LINES` has a line for each route that the applications have, with the status that each role gets; a new route without
one fails. Everybody asks through the gateway; who is refused there asks the service itself too, with the same success.
The owner asks at last: that he can do what the others were refused shows that nobody did it before.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import httpx
import pytest
import websockets

from devstack.background import Background
from gateway_service.routes import CHAT, GATEWAY, TABLE, Kind
from tests.e2e.people import PASSWORD, SECONDS, Person, Platform
from tests.e2e.test_routes import filled
from tests.unit.docs.code import routes, routes_of

ROLES = ("anonymous", "revoked", "deleted", "stranger", "removed", "member", "owner")
LINES = """
#                                                     anonymous
#                                                     |   whose session was ended
#                                                     |   |   whose account was deleted
#                                                     |   |   |   a stranger
#                                                     |   |   |   |   who was removed from the room
#                                                     |   |   |   |   |   another member of it
#                                                     |   |   |   |   |   |   the owner
auth    GET       /.well-known/jwks.json              200 200 200 200 200 200 200
auth    GET       /auth/me                            401 401 401 200 200 200 200
auth    GET       /auth/me/export                     401 401 401 200 200 200 200
auth    GET       /auth/sessions                      401 401 401 200 200 200 200
auth    GET       /auth/identities                    401 401 401 200 200 200 200
auth    GET       /users/show                         401 401 401 200 200 200 200
auth    GET       /auth/oauth                         200 200 200 200 200 200 200
auth    GET       /auth/oauth/{provider}              404 404 404 404 404 404 404
auth    GET       /auth/oauth/{provider}/callback     404 404 404 404 404 404 404
auth    POST      /auth/oauth/exchange                422 422 422 422 422 422 422
auth    POST      /auth/register                      422 422 422 422 422 422 422
auth    POST      /register                           422 422 422 422 422 422 422
auth    POST      /auth/login                         422 422 422 422 422 422 422
auth    POST      /login                              422 422 422 422 422 422 422
auth    POST      /auth/refresh                       422 422 422 422 422 422 422
auth    POST      /auth/password/reset                422 422 422 422 422 422 422
auth    POST      /auth/password/reset/confirm        422 422 422 422 422 422 422
auth    POST      /auth/email/verify/confirm          422 422 422 422 422 422 422
auth    POST      /auth/email/verify                  401 401 401 409 409 409 409
auth    PUT       /auth/email                         401 401 401 403 403 403 403
auth    POST      /auth/password                      401 401 401 403 403 403 403
auth    POST      /auth/identities/{provider}         401 401 401 404 404 404 404
auth    DELETE    /auth/identities/{provider}         401 401 401 404 404 404 404
auth    POST      /auth/ws-ticket                     401 401 401 200 200 200 200
auth    DELETE    /auth/devices/{token}               401 401 401 404 404 404 204
auth    PUT       /auth/devices                       401 401 401 204 204 204 204
auth    DELETE    /auth/sessions/{session_id}         401 401 401 404 404 404 204
auth    DELETE    /auth/me                            401 401 401 403 403 403 403
auth    POST      /auth/logout                        401 401 401 204 204 204 204
auth    GET       /internal/sessions/{session_id}     200 200 200 200 200 200 200 inside
auth    GET       /internal/users                     200 200 200 200 200 200 200 inside
auth    POST      /internal/devices/lost              204 204 204 204 204 204 204 inside
auth    GET       /openapi.json                       200 200 200 200 200 200 200 inside

profile GET       /profiles                           401 401 401 200 200 200 200
profile GET       /profiles/{user_id}                 401 401 401 200 200 200 200
profile POST      /profiles                           401 401 401 409 409 409 409
profile PUT       /profiles/{user_id}                 401 401 401 403 403 403 200
profile PATCH     /profiles/{user_id}                 401 401 401 403 403 403 200
profile DELETE    /profiles/{user_id}                 401 401 401 403 403 403 204
profile GET       /internal/export                    401 401 401 200 200 200 200 inside
profile POST      /internal/notification-preferences  200 200 200 200 200 200 200 inside
profile GET       /openapi.json                       200 200 200 200 200 200 200 inside

chat    GET       /api/chat/users/                    401 401 401 200 200 200 200
chat    GET       /api/chat/users/{room}/             401 401 401 404 404 200 200
chat    GET       /api/chat/{room}/messages/          401 401 401 404 404 200 200
chat    POST      /api/chat/{room}/messages/          401 401 401 404 404 200 200
chat    POST      /api/chat/messages/                 401 401 401 404 404 201 201
chat    PATCH     /api/chat/{room}/messages/{seq}/    401 401 401 404 404 403 200
chat    DELETE    /api/chat/{room}/messages/{seq}/    401 401 401 404 404 403 204
chat    GET       /api/chat/messages/                 401 401 401 200 200 200 200
chat    POST      /api/chat/rooms/                    401 401 401 201 201 201 201
chat    PATCH     /api/chat/rooms/{room}/             401 401 401 404 404 403 200
chat    PUT       /api/chat/rooms/{room}/mute/        401 401 401 404 404 200 200
chat    POST      /api/chat/rooms/{room}/members/     401 401 401 404 404 201 201
chat    DELETE    /api/chat/rooms/{room}/members/{user}/ 401 401 401 404 404 403 204
chat    WEBSOCKET /api/chat/ws/chat/                  401 401 401 101 101 101 101
chat    WEBSOCKET /ws                                 401 401 401 101 101 101 101
chat    GET       /socket.io                          200 200 200 200 200 200 200
chat    WEBSOCKET /socket.io                          101 101 101 101 101 101 101
chat    GET       /asyncapi.json                      200 200 200 200 200 200 200
chat    GET       /internal/rooms/{room}              200 200 200 200 200 200 200 inside
chat    POST      /internal/standings                 200 200 200 200 200 200 200 inside
chat    POST      /internal/sockets/drain             200 200 200 200 200 200 200 inside
chat    GET       /internal/export                    401 401 401 200 200 200 200 inside
chat    GET       /openapi.json                       200 200 200 200 200 200 200 inside

notification GET  /openapi.json                       200 200 200 200 200 200 200 inside

gateway GET       /                                   200 200 200 200 200 200 200
gateway GET       /assets                             404 404 404 404 404 404 404
gateway GET       /favicon.svg                          0   0   0   0   0   0   0
gateway GET       /status                             200 200 200 200 200 200 200
gateway GET       /docs                               200 200 200 200 200 200 200
gateway GET       /openapi.json                       200 200 200 200 200 200 200
gateway GET       /style.css                          200 200 200 200 200 200 200
gateway POST      /web/login                          422 422 422 422 422 422 422
gateway POST      /web/register                       422 422 422 422 422 422 422
gateway POST      /web/exchange                       422 422 422 422 422 422 422
gateway POST      /web/refresh                        204 204 204 204 204 204 204
gateway POST      /web/logout                         401 401 401 204 204 204 204
"""
PROCESSES = {"auth": "auth", "profile": "profile", "chat": "chat-1", "notification": "notifications"}
EITHER = 0  # 200 where the web client was built, else 404
INSIDE = "inside"  # the mark of what the gateway does not route to


class Line(NamedTuple):
    """A route and what it answers to each role."""

    service: str
    method: str
    path: str
    statuses: tuple[int, ...]
    inside: bool


def lines() -> list[Line]:
    """The table, in its order."""
    found = []
    for text in LINES.strip().splitlines():
        if text and not text.startswith("#"):
            service, method, path, *rest = text.split()
            inside = rest[-1] == INSIDE
            statuses = tuple(int(status) for status in (rest[:-1] if inside else rest))
            found.append(Line(service, method, path, statuses, inside))
    return found


def there_is() -> set[tuple[str, str, str]]:
    """Every route of every application: what the services say, and what the gateway answers without them."""
    found = {(row.service, row.method, row.path) for row in [*routes(), *routes_of("notification")]}
    found |= {("gateway", "GET", route.prefix) for route in TABLE if route.service == GATEWAY}
    libraries = [route for route in TABLE if route.service == CHAT and route.prefix == "/socket.io"]
    return found | {("chat", "GET" if route.kind is Kind.HTTP else "WEBSOCKET", route.prefix) for route in libraries}


def test_every_route_has_its_line_and_every_line_its_route() -> None:
    told = [(line.service, line.method, line.path) for line in lines()]
    assert len(told) == len(set(told))
    assert set(told) == there_is()
    assert all(len(line.statuses) == len(ROLES) for line in lines())


class Cast:
    """One for each role, and what is the owner's."""

    def __init__(self, people: dict[str, Person], names: dict[str, str]) -> None:
        self.people = people
        self.names = names

    def token(self, role: str) -> str:
        """His access token; nobody's is empty."""
        return self.people[role].token if role in self.people else ""

    def body(self, line: Line) -> Any:
        """What is sent there, None without a body."""
        wrong = "not my password"
        bodies: dict[str, Any] = {
            "DELETE /auth/me": {"password": wrong},
            "POST /auth/password": {"current_password": wrong, "new_password": PASSWORD},
            "PUT /auth/email": {"password": wrong, "email": "somebody@example.org"},
            "PUT /auth/devices": {"token": "a-device"},
            "POST /internal/devices/lost": {"tokens": []},
            "PUT /profiles/{user_id}": {"displayName": "Owner"},
            "PATCH /profiles/{user_id}": {"statusMessage": "here"},
            "POST /profiles": {"displayName": "Anew"},
            "POST /internal/notification-preferences": {"users": [self.people["owner"].id]},
            "POST /api/chat/messages/": {"room": self.names["room"], "message": "hello"},
            "POST /api/chat/rooms/": {"type": "group", "name": "of one's own", "members": []},
            "POST /api/chat/rooms/{room}/members/": {"user": self.names["newcomer"]},
            "PATCH /api/chat/rooms/{room}/": {"name": "renamed"},
            "PUT /api/chat/rooms/{room}/mute/": {"muted": True},
            "PATCH /api/chat/{room}/messages/{seq}/": {"content": "other words"},
            "POST /internal/sockets/drain": {"connections": [], "budget_seconds": 0},
            "POST /internal/standings": {"rooms": []},
        }
        return bodies.get(f"{line.method} {line.path}", {} if line.method in ("POST", "PUT", "PATCH") else None)

    def path(self, line: Line) -> str:
        """The path, with what is the owner's in place of its names."""
        queries = {"/api/chat/messages/": "with", "/internal/users": "username"}
        query = f"?{queries[line.path]}={self.names['user_name']}" if line.path in queries else ""
        path = line.path + query
        for name, value in self.names.items():
            path = path.replace(f"{{{name}}}", value)
        return filled(path)


@pytest.fixture
async def cast(platform: Platform) -> Cast:
    """Everybody, in a group of the owner."""
    words = ("owner", "member", "removed", "stranger", "deleted", "victim", "newcomer")
    people = dict(zip(words, await asyncio.gather(*map(platform.register, words)), strict=True))
    owner = people["owner"]
    room = await owner.group("Group", *(people[word] for word in ("member", "removed", "deleted", "victim")))
    await owner.say(room, "my words")
    other, people["revoked"] = await asyncio.gather(owner.log_in(), owner.log_in())
    done = [
        await people["revoked"].call("POST", "/auth/logout"),
        await owner.call("DELETE", f"/api/chat/rooms/{room}/members/{people['removed'].id}/"),
        await people["deleted"].call("DELETE", "/auth/me", {"password": PASSWORD}),
        await owner.call("PUT", "/auth/devices", {"token": "sample"}),
    ]
    assert [reply.status_code for reply in done] == [204] * 4
    names = {
        "room": room,
        "seq": "1",
        "user_id": owner.id,
        "user": people["victim"].id,
        "user_name": owner.username,
        "newcomer": people["newcomer"].id,
        "session_id": (await other.get("/auth/me"))["session_id"],
        "token": "sample",
        "provider": "nowhere",
    }
    return Cast(people, names)


@pytest.fixture
async def fresh() -> AsyncIterator[httpx.AsyncClient]:
    """A client that follows nothing."""
    async with httpx.AsyncClient(timeout=SECONDS, trust_env=False) as client:
        yield client


async def status_of(client: httpx.AsyncClient, base: str, line: Line, cast: Cast, role: str, origin: str) -> int:
    """What a role gets there."""
    token, path = cast.token(role), cast.path(line)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    if line.method == "WEBSOCKET":
        query = "?EIO=4&transport=websocket" if line.path == "/socket.io" else ""
        try:
            url = base.replace("http", "ws", 1) + path + query
            async with websockets.connect(url, additional_headers=headers, proxy=None, compression=None):
                return 101
        except websockets.InvalidStatus as refused:
            return refused.response.status_code
    if line.path.startswith("/web/"):
        headers["Origin"] = origin
    url = base + path + ("?EIO=4&transport=polling" if line.path == "/socket.io" else "")
    body = cast.body(line)
    if body is None:
        return (await client.request(line.method, url, headers=headers)).status_code
    headers["Content-Type"] = "application/json"
    return (await client.request(line.method, url, headers=headers, content=json.dumps(body))).status_code


@pytest.mark.timeout(120)
@pytest.mark.parametrize("service", [*PROCESSES, "gateway"])
async def test_everybody_gets_what_he_may_have(
    stack: Background, fresh: httpx.AsyncClient, cast: Cast, service: str
) -> None:
    gateway = stack.gateway_url
    direct = stack.urls[PROCESSES[service]] if service in PROCESSES else gateway

    async def answers(line: Line, role: str) -> list[int]:
        """What he gets; if that is a refusal, at both places."""
        got = await status_of(fresh, direct if line.inside else gateway, line, cast, role, gateway)
        again = service in PROCESSES and not line.inside and got in (401, 403, 404)
        return [got, await status_of(fresh, direct, line, cast, role, gateway)] if again else [got]

    wrong = []
    for line in (line for line in lines() if line.service == service):
        expected = dict(zip(ROLES, line.statuses, strict=True))
        asking = [role for role in ROLES[:-1] if len(set(line.statuses)) > 1 or role in ("anonymous", "revoked")]
        found = dict(zip(asking, await asyncio.gather(*(answers(line, role) for role in asking)), strict=True))
        found["owner"] = await answers(line, "owner")
        for role, got in found.items():
            if set(got) != {expected[role]} and not (expected[role] == EITHER and got[0] in (200, 404)):
                wrong.append(f"{line.method} {line.path} as {role}: {got}, not {expected[role]}")
    assert "\n".join(wrong) == ""


async def test_what_is_inside_is_nowhere_outside(stack: Background, fresh: httpx.AsyncClient, cast: Cast) -> None:
    for line in (line for line in lines() if line.inside and line.path != "/openapi.json"):
        for role in ROLES:
            got = await status_of(fresh, stack.gateway_url, line, cast, role, stack.gateway_url)
            assert got == 404, f"{line.method} {line.path} as {role}"
