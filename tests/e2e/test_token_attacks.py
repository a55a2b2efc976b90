"""The attack table for access tokens at every door: of the gateway, and of each service by itself.

Nobody takes the gateway's word: what it refuses is refused by the service behind it too, over HTTP, in the handshake of
a WebSocket, in a frame of an open one, and by Socket.IO. The tokens are signed by the key of the running platform.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx
import pytest
import websockets

from auth_service import keys
from devstack.background import Background
from tests.e2e.people import SECONDS, Person, Platform
from tests.support.attacks import attacks, expired, schemes
from tests.support.chat import Client
from tests.support.frames import connect
from tests.support.tokens import Forge

UPGRADE = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
UPGRADE |= {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
MAX_SENT = 10_000  # characters: larger heads and frames are refused whatever is in them, see test_probing
AT_ONCE = 8
SOME = slice(None, None, 7)  # of the attacks, where it is another way to say the same to the same function


class Case(NamedTuple):
    """A token and the code of its refusal."""

    name: str
    token: str
    code: str


class Door(NamedTuple):
    """Where a token is taken: `process` is "gateway" or a service."""

    process: str
    method: str
    path: str


HTTP = [
    Door("gateway", "GET", "/auth/me"),
    Door("gateway", "GET", "/profiles/me"),
    Door("gateway", "GET", "/api/chat/users/"),
    Door("gateway", "POST", "/web/logout"),
    Door("auth", "GET", "/auth/me"),
    Door("auth", "POST", "/auth/ws-ticket"),
    Door("profile", "GET", "/profiles/me"),
    Door("profile", "GET", "/internal/export"),
    Door("chat-1", "GET", "/api/chat/users/"),
    Door("chat-1", "GET", "/internal/export"),
]
SOCKETS = [Door("gateway", "GET", "/ws"), Door("chat-1", "GET", "/api/chat/ws/chat/")]
SOCKET_IO = ["gateway", "chat-1"]


def shown(door: Door) -> str:
    """For the name of a test."""
    return f"{door.process} {door.method} {door.path}"


@pytest.fixture
async def fresh() -> AsyncIterator[httpx.AsyncClient]:
    """A client with a connection for each request: one that was refused an upgrade is closed."""
    limits = httpx.Limits(max_keepalive_connections=0)
    async with httpx.AsyncClient(timeout=SECONDS, trust_env=False, limits=limits) as client:
        yield client


@pytest.fixture
def url_of(stack: Background) -> Callable[[str], str]:
    """The address of a process."""
    return lambda process: stack.gateway_url if process == "gateway" else stack.urls[process]


@pytest.fixture
async def forge(stack: Background, alice: Person) -> Forge:
    """Makes tokens of Alice's session, with the key that signs."""
    file = keys.read(stack.keys_file)
    others = [key.kid for key in file.keys if key.role == "next"]
    session: str = (await alice.get("/auth/me"))["session_id"]
    made = Forge(
        file.current.private_key(),
        file.current.kid,
        sub=alice.id,
        sid=session,
        username=alice.username,
        now=int(time.time()),
        others=others,
    )
    assert (await alice.platform.call("GET", "/auth/me", token=made.token())).status_code == 200
    return made


@pytest.fixture
async def cases(forge: Forge, alice: Person) -> list[Case]:
    """Everything that should be refused."""
    ticket = (await alice.call("POST", "/auth/ws-ticket")).json()["ticket"]
    bad = {**attacks(forge), "a refresh token": alice.grant["refresh_token"], "a ticket": ticket}
    assert len(bad) > 100
    found = [Case(name, token, "token_invalid") for name, token in bad.items() if len(token) < MAX_SENT]
    return found + [Case(f"expired {ago}", token, "token_expired") for ago, token in expired(forge).items()]


def sayable(cases: list[Case]) -> list[Case]:
    """Those that can stand in a header: without what HTTP does not allow there, or takes away at its ends."""
    return [case for case in cases if _stands(case.token)]


def _stands(token: str) -> bool:
    return token.isascii() and token.isprintable() and token.strip() == token != ""


async def refusals(cases: list[Case], ask: Callable[[str], Any]) -> list[str]:
    """What was not refused as it should have been; `ask(token)` is the request."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(case: Case) -> str | None:
        async with turn:
            reply: httpx.Response = await ask(case.token)
        wanted = (401, case.code, "application/problem+json", True)
        challenged = reply.headers.get("www-authenticate", "").startswith("Bearer")
        kind = reply.headers.get("content-type", "")
        code = reply.json()["code"] if kind == "application/problem+json" else ""
        return None if (reply.status_code, code, kind, challenged) == wanted else f"{case.name}: {reply} {code}"

    return [wrong for wrong in await asyncio.gather(*map(one, cases)) if wrong]


@pytest.mark.parametrize("door", HTTP, ids=shown)
async def test_no_attack_passes_over_http(
    client: httpx.AsyncClient, url_of: Callable[[str], str], forge: Forge, cases: list[Case], door: Door
) -> None:
    url = url_of(door.process) + door.path
    origin = {"Origin": url_of("gateway")} if door.path.startswith("/web/") else {}

    async def ask(token: str) -> httpx.Response:
        return await client.request(door.method, url, headers={"Authorization": f"Bearer {token}", **origin})

    assert await refusals(sayable(cases), ask) == []
    assert (await ask(forge.token())).is_success, "and a good one does"


@pytest.mark.parametrize("door", HTTP, ids=shown)
async def test_a_token_comes_alone_and_with_its_scheme(
    client: httpx.AsyncClient, url_of: Callable[[str], str], forge: Forge, door: Door
) -> None:
    for name, values in schemes(forge.token()).items():
        headers = [("Origin", url_of("gateway")), *(("Authorization", value) for value in values)]
        reply = await client.request(door.method, url_of(door.process) + door.path, headers=headers)
        assert reply.status_code == 401, name
        assert reply.json()["code"] in ("unauthorized", "token_invalid"), name


@pytest.mark.parametrize("door", SOCKETS, ids=shown)
async def test_no_attack_opens_a_websocket(
    fresh: httpx.AsyncClient, url_of: Callable[[str], str], forge: Forge, cases: list[Case], door: Door
) -> None:
    url = url_of(door.process) + door.path

    async def in_query(token: str) -> httpx.Response:
        return await fresh.get(f"{url}?token={quote(token.encode(errors='surrogatepass'), safe='')}", headers=UPGRADE)

    async def in_header(token: str) -> httpx.Response:
        return await fresh.get(url, headers={**UPGRADE, "Authorization": f"Bearer {token}"})

    async def as_subprotocol(token: str) -> httpx.Response:
        return await fresh.get(url, headers={**UPGRADE, "Sec-WebSocket-Protocol": f"bearer, {token}"})

    assert await refusals([case for case in cases if case.token], in_query) == []
    assert await refusals(sayable(cases)[SOME], in_header) == []
    separators = set('()<>@,;:\\"/[]?={} ')  # which no subprotocol may have: they make another request of it
    tokens = [case for case in sayable(cases) if not separators & set(case.token)]
    assert await refusals(tokens[SOME], as_subprotocol) == []
    good, address = forge.token(), url.replace("http", "ws", 1)
    async with connect(f"{address}?token={good}"), connect(address, subprotocols=["bearer", good]):
        pass  # a good one opens it
    async with connect(address, additional_headers={"Authorization": f"Bearer {good}"}):
        pass


@pytest.mark.parametrize("door", SOCKETS, ids=shown)
async def test_a_websocket_takes_one_token_or_one_ticket(
    fresh: httpx.AsyncClient, url_of: Callable[[str], str], alice: Person, forge: Forge, door: Door
) -> None:
    url, good = url_of(door.process) + door.path, forge.token()
    ticket = (await alice.call("POST", "/auth/ws-ticket")).json()["ticket"]
    for query in (
        "?token=",
        f"?token={good}&token=",
        f"?token={good}&token={good}",
        f"?token=x&token={good}",
        "?ticket=",
        "?ticket=x",
        f"?ticket={good}",
        f"?ticket=x&token={good}",
        f"?ticket={ticket}&ticket={ticket}",
        f"?token={ticket}",
        f"?token=Bearer%20{good}",
    ):
        reply = await fresh.get(url + query, headers=UPGRADE)
        assert reply.status_code == 401, query
        assert reply.json()["code"] in ("unauthorized", "token_invalid", "ticket_invalid"), query
    for name, values in schemes(good).items():
        headers = [*UPGRADE.items(), *(("Authorization", value) for value in values)]
        assert (await fresh.get(url, headers=headers)).status_code == 401, name
    for offered in (
        "bearer",
        f"{good}, bearer",
        f"bearer, {good}, {good}",
        f"bearer, bearer, {good}",
        f"Bearer, {good}",
    ):
        reply = await fresh.get(url, headers={**UPGRADE, "Sec-WebSocket-Protocol": offered})
        assert reply.status_code == 401, offered.replace(good, "TOKEN")
    async with connect(f"{url.replace('http', 'ws', 1)}?ticket={ticket}"):
        pass
    assert (await fresh.get(f"{url}?ticket={ticket}", headers=UPGRADE)).status_code == 401, "once only"


@pytest.mark.parametrize("process", ["gateway", "chat-1"])
async def test_no_attack_prolongs_an_open_websocket(
    client: httpx.AsyncClient,
    url_of: Callable[[str], str],
    alice: Person,
    bob: Person,
    forge: Forge,
    cases: list[Case],
    process: str,
) -> None:
    async with Platform(url_of(process), client).dial(f"?token={alice.token}") as socket:
        talk = Client(socket)
        await talk.next("session.ready")
        for case in [*cases, Case("of somebody else", bob.token, "token_invalid")]:
            await talk.send_wrong("auth.refresh", {"token": case.token})
            answer = await talk.next_of("error", "auth.refreshed")
            assert answer["type"] == "error", case.name
            assert answer["data"]["code"] in ("token_invalid", "bad_frame"), case.name
        await talk.send("auth.refresh", token=forge.token())
        await talk.next("auth.refreshed")


@pytest.mark.parametrize("process", SOCKET_IO)
async def test_no_attack_comes_in_by_socket_io(
    url_of: Callable[[str], str], forge: Forge, cases: list[Case], process: str
) -> None:
    url = url_of(process).replace("http", "ws", 1) + "/socket.io/?EIO=4&transport=websocket"

    async def answer(query: str, auth: Any) -> str:
        async with websockets.connect(url + query, compression=None, proxy=None, close_timeout=1) as socket:
            assert str(await socket.recv()).startswith("0{")
            await socket.send("40/chat," + (json.dumps(auth) if auth is not None else ""))
            while not (packet := str(await socket.recv())).startswith("4"):
                pass
            return packet

    turn = asyncio.Semaphore(AT_ONCE)

    async def one(case: Case, *, in_url: bool = False) -> str | None:
        async with turn:
            field = f"&token={quote(case.token.encode(errors='surrogatepass'), safe='')}"
            packet = await answer(field, None) if in_url else await answer("", {"token": case.token, "resume": False})
        return None if packet.startswith("44/chat,") else f"{case.name}: {packet}"

    asked = [*(one(case) for case in cases), *(one(case, in_url=True) for case in cases[SOME])]
    assert [wrong for wrong in await asyncio.gather(*asked) if wrong] == []
    assert (await answer("", {"token": forge.token(), "resume": False})).startswith("40/chat,")
