"""Socket.IO through the gateway: every request of a session reaches the pod that has it, once, or nobody."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import redis.asyncio
import websockets

from contracts.keys import rate_limit
from contracts.sockets import CONNECTION_HEADER, POD_HEADER, pod_mark
from tests.integration.gateway.conftest import DEAD, Running, StartGateway
from tests.integration.gateway.fakes import FakePod, FakeService, Seen, User, response
from tests.support.serving import until

PATH = "/socket.io/?EIO=4&transport=polling"
UNKNOWN = {"code": 1, "message": "Session ID unknown"}


class FakeChat(FakeService):
    """A chat pod that gives sessions ids as chat does, and says who answers; polls wait for `said`."""

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.said = asyncio.Event()
        self.said.set()
        self.full = False
        self.polls = 0  # that wait now
        self.left = 0  # polls whose connection ended

    async def _answer(self, seen: Seen, writer: asyncio.StreamWriter) -> None:
        if self.full:
            writer.write(response(503, b"{}", "Retry-After: 1"))
        elif "sid=" not in seen.target:
            called = seen.header(POD_HEADER.lower())
            assert called is not None
            writer.write(response(200, json.dumps({"sid": pod_mark(called) + "abc", "by": self.port}).encode()))
        else:
            self.polls += 1
            gone = asyncio.ensure_future(seen.reader.read(1))
            said = asyncio.ensure_future(self.said.wait())
            await asyncio.wait({said, gone}, return_when=asyncio.FIRST_COMPLETED)
            self.left += said.cancel()
            gone.cancel()
            self.polls -= 1
            writer.write(response(200, str(self.port).encode(), "Access-Control-Allow-Origin: *"))


@pytest.fixture
async def chats() -> AsyncIterator[list[FakeChat]]:
    """Three pods."""
    chats = [FakeChat() for _ in range(3)]
    for chat in chats:
        await chat.open()
    yield chats
    for chat in chats:
        await chat.close()


@pytest.fixture
async def gateway(start_gateway: StartGateway, chats: list[FakeChat]) -> Running:
    """A gateway in front of them, which allows one other site."""
    urls = tuple(chat.url for chat in chats)
    started: Running = await start_gateway(chat_urls=urls, allowed_origins=("https://app.example",))
    return started


async def session(gateway: Running) -> dict[str, Any]:
    """A new session: its id, and who made it."""
    reply = await gateway.get(PATH)
    assert reply.status_code == 200, reply.text
    made: dict[str, Any] = reply.json()
    return made


def to(made: dict[str, Any]) -> str:
    """The path of the later requests of a session."""
    return f"{PATH}&sid={made['sid']}"


async def test_later_requests_reach_the_pod_that_made_the_session(gateway: Running, chats: list[FakeChat]) -> None:
    makers = set()
    for _ in range(30):
        made = await session(gateway)
        makers.add(made["by"])
        replies = [await gateway.get(to(made)), await gateway.call("POST", to(made), content=b"3")]
        assert [reply.text for reply in replies] == [str(made["by"])] * 2
    assert makers == {chat.port for chat in chats}  # new ones are spread


async def test_any_gateway_finds_it(start_gateway: StartGateway, gateway: Running, chats: list[FakeChat]) -> None:
    other: Running = await start_gateway(chat_urls=tuple(chat.url for chat in reversed(chats)))
    for _ in range(5):
        made = await session(gateway)
        assert (await other.get(to(made))).text == str(made["by"])


@pytest.mark.parametrize("sid", ["", "x", "00000000abc", "%00%ff", "a" * 3000, pod_mark("127.0.0.1:9") + "abc"])
async def test_a_session_of_no_known_pod_is_refused_as_engine_io_does(
    gateway: Running, chats: list[FakeChat], sid: str
) -> None:
    for method in ("GET", "POST"):
        content = b"4" * 1000 if method == "POST" else None
        reply = await gateway.call(method, f"{PATH}&sid={sid}", content=content, origin="https://app.example")
        if sid == "":  # none at all: a new session
            assert reply.status_code == 200
            continue
        assert (reply.status_code, reply.json()) == (400, UNKNOWN)
        assert reply.headers["content-type"] == "application/json"
        assert reply.headers["access-control-allow-origin"] == "https://app.example"
    assert all(not chat.seen for chat in chats) or sid == ""


async def test_a_session_of_a_dead_pod_is_unknown_and_the_next_is_made_elsewhere(
    gateway: Running, chats: list[FakeChat]
) -> None:
    made = await session(gateway)
    [dead] = [chat for chat in chats if chat.port == made["by"]]
    await dead.close()
    for _ in range(2):  # a pooled connection that has ended, and one that is not accepted
        reply = await gateway.get(to(made))
        assert (reply.status_code, reply.json()) == (400, UNKNOWN)
    for _ in range(5):
        assert (await session(gateway))["by"] != dead.port


async def test_a_poll_is_never_sent_twice(gateway: Running, chats: list[FakeChat]) -> None:
    made = await session(gateway)
    [chat] = [chat for chat in chats if chat.port == made["by"]]
    assert (await gateway.get(to(made))).status_code == 200  # now there is a connection to use again
    chat.said.clear()
    polling = asyncio.create_task(gateway.get(to(made)))
    await until(lambda: chat.polls == 1)
    count = len(chat.seen)
    chat.drop()
    assert (await polling).json() == UNKNOWN
    assert len(chat.seen) == count


async def test_a_full_pod_is_passed_over_for_new_sessions(gateway: Running, chats: list[FakeChat]) -> None:
    chats[0].full = chats[1].full = True
    for _ in range(10):
        assert (await session(gateway))["by"] == chats[2].port
    chats[2].full = True
    refused = await gateway.get(PATH)
    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "1"


async def test_polls_that_wait_do_not_take_the_connections_of_others(
    start_gateway: StartGateway, chats: list[FakeChat], user: User
) -> None:
    gateway: Running = await start_gateway(chat_urls=(chats[0].url,), max_connections=2, max_polls=6)
    made = await session(gateway)
    chats[0].said.clear()
    polls = [asyncio.create_task(gateway.get(to(made))) for _ in range(6)]
    await until(lambda: chats[0].polls == 6)
    busy = await gateway.get(to(made))
    assert (busy.status_code, busy.json()["code"]) == (503, "upstream_busy")
    assert (await session(gateway))["by"] == chats[0].port
    chats[0].said.set()
    assert {reply.status_code for reply in await asyncio.gather(*polls)} == {200}


async def test_a_client_that_leaves_a_poll_is_noticed_by_the_pod(gateway: Running, chats: list[FakeChat]) -> None:
    made = await session(gateway)
    [chat] = [chat for chat in chats if chat.port == made["by"]]
    chat.said.clear()
    with pytest.raises(httpx.ReadTimeout):
        await gateway.client.get(to(made), timeout=0.3)
    await until(lambda: chat.left == 1)


async def test_pages_of_other_sites_are_refused(gateway: Running, chats: list[FakeChat]) -> None:
    made = await session(gateway)
    for path in (PATH, to(made)):
        refused = await gateway.get(path, origin="https://evil.example")
        assert (refused.status_code, refused.json()["code"]) == (403, "origin_refused")
        allowed = await gateway.get(path, origin="https://app.example")
        assert allowed.headers["access-control-allow-origin"] == "https://app.example"
    preflight = await gateway.call(
        "OPTIONS",
        to(made),
        origin="https://app.example",
        access_control_request_method="POST",
        access_control_request_headers="authorization",
    )
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-headers"] == "authorization"


async def test_new_sessions_count_as_sockets_and_what_follows_does_not(
    start_gateway: StartGateway, chats: list[FakeChat], user: User, store: "redis.asyncio.Redis"
) -> None:
    urls = tuple(chat.url for chat in chats)
    gateway: Running = await start_gateway(
        chat_urls=urls,
        rate_address_sockets_per_second=1,
        rate_address_sockets_burst=2,
        rate_sockets_per_second=1,
        rate_sockets_burst=1,
    )
    made = await session(gateway)
    for _ in range(5):
        assert (await gateway.get(to(made))).headers["ratelimit-limit"] == "12000"
    assert (await gateway.get(PATH)).headers["ratelimit-limit"] == "2"
    assert (await gateway.get(PATH)).status_code == 429
    by_user = await gateway.get(f"{PATH}&token={user.token}")
    assert (by_user.status_code, by_user.headers["ratelimit-limit"]) == (200, "1")
    assert (await gateway.get(PATH, user)).status_code == 429
    assert await store.exists(rate_limit("socket", f"u:{user.id}")) == 1


async def test_a_bad_token_is_the_pods_business(gateway: Running, user: User, chats: list[FakeChat]) -> None:
    """Its answer is a `connect_error`, which the client understands."""
    expired = user.make_token(seconds=-60)
    for path, header in ((f"{PATH}&token=x", ""), (f"{PATH}&token={expired}", ""), (PATH, "Bearer x")):
        assert (await gateway.get(path, authorization=header)).status_code == 200


async def test_what_clients_say_of_pods_is_taken_away(gateway: Running, chats: list[FakeChat]) -> None:
    reply = await gateway.get(PATH, x_parley_pod="127.0.0.1:1", x_parley_connection="mine")
    made = reply.json()
    [seen] = [seen for chat in chats for seen in chat.seen]
    assert seen.header(POD_HEADER.lower()) == f"127.0.0.1:{made['by']}"
    assert CONNECTION_HEADER.lower() not in seen.names()


async def test_the_last_slash_may_be_missing(gateway: Running) -> None:
    assert (await gateway.get(PATH.replace("/?", "?"))).status_code == 200


# --- over WebSockets -------------------------------------------------------------------------------------------------


def dial(gateway: Running, sid: str = "", **options: Any) -> Any:
    """A WebSocket, of a session if there is one."""
    path = "/socket.io/?EIO=4&transport=websocket" + (f"&sid={sid}" if sid else "")
    options = {"compression": None, "ping_interval": None, "proxy": None, "close_timeout": 1, **options}
    return websockets.connect(gateway.ws_url + path, **options)


async def test_a_socket_goes_to_the_pod_that_has_the_session(start_gateway: StartGateway) -> None:
    async with FakePod().running() as one, FakePod().running() as two, FakePod().running() as three:
        pods = {pod_mark(f"127.0.0.1:{pod.port}"): pod for pod in (one, two, three)}
        gateway: Running = await start_gateway(chat_urls=tuple(pod.url for pod in pods.values()))
        for _ in range(3):
            for mark, pod in pods.items():
                async with dial(gateway, mark + "abc") as socket:
                    await socket.send("2probe")
                    assert await socket.recv() == "2probe"
                [handshake] = pod.handshakes
                assert handshake.headers[POD_HEADER] == f"127.0.0.1:{pod.port}"
                assert handshake.path.endswith(f"&sid={mark}abc")
                pod.handshakes.clear()
        async with dial(gateway) as socket:  # a new session
            await socket.send("40/chat,{}")
            assert await socket.recv() == "40/chat,{}"


async def test_a_socket_of_a_session_that_is_gone_is_refused(start_gateway: StartGateway) -> None:
    async with FakePod().running() as pod:
        gateway: Running = await start_gateway(chat_urls=(pod.url, DEAD))
        for sid in ("nobody", pod_mark("127.0.0.1:9") + "abc"):
            with pytest.raises(websockets.InvalidStatus) as caught:
                async with dial(gateway, sid):
                    pass
            refused = caught.value.response
            assert (refused.status_code, json.loads(refused.body)) == (400, UNKNOWN)
        with pytest.raises(websockets.InvalidStatus) as caught:
            async with dial(gateway, origin="https://evil.example"):
                pass
        assert caught.value.response.status_code == 403
        assert pod.handshakes == []
