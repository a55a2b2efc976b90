"""How sockets begin and end: tokens, tickets, limits, goodbyes."""

import asyncio
import hashlib
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
import websockets
from prometheus_client import REGISTRY
from redis.asyncio import Redis

from contracts import keys
from tests.support.auth import User
from tests.support.chat import Pod, raw_socket, until
from tests.support.frames import connect

People = Callable[[int], list[User]]
StartPod = Callable[..., Any]


@pytest.fixture(params=["on", "off"], ids=["handover", "fallback"])
def handover(request: pytest.FixtureRequest) -> str:
    """All of this holds for sockets that were taken over and for those over Quart, but for what a test says."""
    return str(request.param)


async def refusal(dialling: Any) -> tuple[int, dict[str, Any]]:
    """Status and problem of a handshake that is refused."""
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with dialling:
            pass
    response = refused.value.response
    assert response.headers["content-type"] == "application/problem+json"
    return response.status_code, json.loads(response.body)


@pytest.fixture
async def pod(start_pod: StartPod) -> Pod:
    """One pod."""
    pod: Pod = await start_pod("chat-1")
    return pod


@pytest.mark.parametrize("query", ["", "token=", "token=x.y.z", "ticket=unknown", "token=" + "x" * 5000])
async def test_without_a_good_token_the_upgrade_is_refused(pod: Pod, query: str) -> None:
    status, problem = await refusal(pod.dial(None, query))
    assert (status, problem["status"]) == (401, 401)
    assert problem["request_id"]


async def test_an_expired_token_is_refused_by_name(pod: Pod, people: People) -> None:
    [alice] = people(1)
    status, problem = await refusal(pod.dial(None, f"token={alice.fresh_token(-1)}"))
    assert (status, problem["code"]) == (401, "token_expired")


@pytest.mark.parametrize(
    "query",
    [
        "&room=x",
        "&room=",
        "&resume=x",
        "&resume=%s",
        "&resume=%s:",
        "&resume=%s:1:2:3",
        "&resume=%s:-1",
        "&resume=%s:9007199254740993",
        "&resume=%s:1%%00",
        "&resume=" + ",".join(["%s:1"] * 201),
        "&epoch=%%00",
        "&epoch=" + "x" * 65,
    ],
)
async def test_a_query_that_makes_no_sense_is_refused(pod: Pod, people: People, query: str) -> None:
    [alice] = people(1)
    status, problem = await refusal(pod.dial(alice, query.replace("%s", str(alice.id)).replace("%%", "%")))
    assert (status, problem["errors"][0]["field"]) == (422, query[1:].split("=")[0])


async def test_a_token_may_come_as_a_header_or_a_subprotocol(pod: Pod, people: People) -> None:
    [alice] = people(1)
    async with pod.dial(None, additional_headers=alice.headers) as socket:
        assert json.loads(await socket.recv())["type"] == "session.ready"
    async with pod.dial(None, subprotocols=["bearer", alice.token]) as socket:
        assert socket.subprotocol == "bearer"
        assert json.loads(await socket.recv())["type"] == "session.ready"


async def test_a_ticket_opens_one_socket(pod: Pod, people: People, redis_url: str) -> None:
    [alice] = people(1)
    async with Redis.from_url(redis_url) as redis:
        await redis.set(keys.ws_ticket(hashlib.sha256(b"secret").hexdigest()), alice.token, ex=30)
    async with pod.dial(None, "ticket=secret") as socket:
        assert json.loads(await socket.recv())["data"]["user"]["id"] == str(alice.id)
    status, problem = await refusal(pod.dial(None, "ticket=secret"))
    assert (status, problem["code"]) == (401, "ticket_invalid")


async def test_compression_is_never_negotiated(pod: Pod, people: People) -> None:
    [alice] = people(1)
    url = f"ws://127.0.0.1:{pod.port}/ws?token={alice.token}"
    async with connect(url, compression="deflate") as connection:
        assert connection.response is not None
        assert "sec-websocket-extensions" not in connection.response.headers


async def test_a_socket_ends_with_its_token(pod: Pod, people: People) -> None:
    [alice] = people(1)
    alice.token = alice.fresh_token(2)
    async with pod.connect(alice) as a:
        assert await a.closed() == 4401


async def test_a_fresh_token_keeps_the_socket(pod: Pod, people: People) -> None:
    alice, bob = people(2)
    alice.token = alice.fresh_token(2)
    async with pod.connect(alice) as a:
        first_expiry = pod.sessions()[0].expires_at
        await a.send("auth.refresh", token=bob.token)
        assert (await a.next("error"))["code"] == "token_invalid"
        await a.send("auth.refresh", token=alice.fresh_token(900))
        assert (await a.next("auth.refreshed"))["expires_at"].endswith("Z")
        [session] = pod.sessions()
        await until(lambda: time.time() > first_expiry + 1.1, "the first token's expiry")
        assert not session.closing
        assert await a.quiet() == []


async def test_an_ended_login_closes_its_sockets_and_no_others(pod: Pod, people: People, redis_url: str) -> None:
    alice, bob = people(2)
    async with pod.connect(alice) as a, pod.connect(bob) as b:
        async with Redis.from_url(redis_url) as redis:
            await redis.set(keys.revoked_session(alice.session_id), b"1", ex=60)
            await redis.publish(keys.REVOCATIONS_CHANNEL, str(alice.session_id))
        assert await a.closed() == 4401
        assert await b.quiet() == []
        status, problem = await refusal(pod.dial(alice))
        assert (status, problem["code"]) == (401, "token_revoked")


async def test_a_draining_pod_says_goodbye_and_takes_nobody_new(pod: Pod, people: People) -> None:
    alice, bob = people(2)
    async with pod.connect(alice) as a:
        draining = asyncio.create_task(pod.service.lifecycle.drain(0, 1))
        assert 0 <= (await a.next("session.draining"))["reconnect_after_ms"] <= 2000
        assert await a.closed() == 1012
        await draining
        status, problem = await refusal(pod.dial(bob))
        assert (status, problem["code"]) == (503, "unavailable")


async def test_a_gateway_that_goes_away_takes_only_its_own_sockets(pod: Pod, people: People) -> None:
    alice, bob = people(2)
    headers = {"X-Parley-Connection": "gateway-1:7"}
    async with pod.connect(alice, additional_headers=headers) as a, pod.connect(bob) as b:
        body = {"connections": ["gateway-1:7", "gateway-1:8"], "budget_seconds": 1}
        response = await pod.client.post("/internal/sockets/drain", json=body)
        assert response.json() == {"closed": 1}
        assert await a.closed() == 1012
        assert await b.quiet() == []


@pytest.mark.parametrize(("payload", "code"), [("x" * 65537, 1009), (b"\xff" * 65537, 1009)])
async def test_a_frame_too_big_ends_the_socket_with_its_code(
    pod: Pod, people: People, payload: str | bytes, code: int
) -> None:
    [alice] = people(1)
    async with pod.connect(alice) as a:
        await a.socket.send(payload)
        assert await a.closed() == code


async def test_bad_frames_without_end_end_the_socket(pod: Pod, people: People) -> None:
    [alice] = people(1)
    async with pod.connect(alice) as a:
        for _ in range(30):
            await a.socket.send("nonsense")
        assert await a.closed() == 4400


async def test_frames_beyond_the_rate_are_refused_and_a_flood_ends_the_socket(
    start_pod: StartPod, people: People
) -> None:
    pod = await start_pod("chat-1", rate_limits="on", frame_burst=10, frames_per_second=1)
    alice, bob = people(2)
    room = await pod.direct(alice, bob)
    async with pod.connect(alice) as a:
        for number in range(11):
            await a.send("chat.message", room=room, content="x", client_id=str(number))
        refused = await a.next("error")
        assert (refused["code"], refused["client_id"]) == ("rate_limited", "10")
        assert refused["retry_after"] >= 1
        for _ in range(250):
            await a.send("ping")
        assert await a.closed() == 4429


async def test_who_does_not_read_is_sent_away_and_the_others_do_not_wait(pod: Pod, people: People) -> None:
    alice, bob, carol = people(3)
    room = await pod.group(alice, bob, carol)
    slow = raw_socket(pod, bob)
    async with pod.connect(alice) as a, pod.connect(carol) as c:
        await until(lambda: len(pod.sessions()) == 3, "three sessions")
        victim = next(session for session in pod.sessions() if session.user_id == bob.id)
        number, before = 0, closes_with(4408)
        while not victim.closing:
            number += 1
            assert number < 100, "the slow reader was never sent away"
            for _ in range(50):
                await a.send("chat.message", room=room, content="x" * 3900)
            assert len(await c.messages(50)) == len(await a.messages(50)) == 50
        assert closes_with(4408) == before + 1
    slow.close()


def closes_with(code: int) -> float:
    """How many sockets have been closed with that code by all pods of this process."""
    return REGISTRY.get_sample_value("parley_chat_closes_total", {"code": str(code)}) or 0


async def test_a_storm_is_admitted_at_a_bounded_rate(start_pod: StartPod, people: People) -> None:
    pod = await start_pod("chat-1", rate_limits="on", new_sockets_per_second=5)
    users = people(12)

    async def attempt(user: User) -> int:
        try:
            async with pod.dial(user):
                return 101
        except websockets.InvalidStatus as refused:
            assert 1 <= int(refused.response.headers["retry-after"]) <= 11
            return refused.response.status_code

    started = time.monotonic()
    answers = await asyncio.gather(*(attempt(user) for user in users))
    assert set(answers) <= {101, 503}
    assert 5 <= answers.count(101) <= 5 + 5 * (time.monotonic() - started) + 1
