"""Tokens, limits and revocations at the door."""

import asyncio
import time
from collections import Counter
from typing import Any

import pytest
import redis.asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chassis.redis import connect
from contracts import keys
from contracts.keys import REVOCATIONS_SENTINEL
from gateway_service.limits import Limit, Limits, gcra
from tests.integration.gateway.conftest import DEAD, Running, StartGateway
from tests.integration.gateway.fakes import FakeAuth, FakeService, User
from tests.support.serving import until


def assert_challenged(answer: Any, code: str) -> None:
    """401 with that code."""
    assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_bearer_route_needs_a_token(gateway: Running, upstream: FakeService) -> None:
    assert_challenged(await gateway.get("/profiles"), "unauthorized")
    assert_challenged(await gateway.get("/profiles", authorization="Basic abc"), "unauthorized")
    assert_challenged(await gateway.get("/profiles", authorization="Bearer nonsense"), "token_invalid")
    assert upstream.seen == []


async def test_an_expired_token_is_refused(gateway: Running, user: User) -> None:
    token = user.make_token(seconds=-5)
    assert_challenged(await gateway.get("/profiles", authorization=f"Bearer {token}"), "token_expired")


async def test_a_token_signed_by_somebody_else_is_refused(gateway: Running, user: User) -> None:
    token = user.make_token(key=Ed25519PrivateKey.generate())
    assert_challenged(await gateway.get("/profiles", authorization=f"Bearer {token}"), "token_invalid")


async def test_two_tokens_are_none(gateway: Running, user: User) -> None:
    both = [("Authorization", f"Bearer {user.token}"), ("Authorization", "Bearer other")]
    assert_challenged(await gateway.client.get("/profiles", headers=both), "unauthorized")


async def test_a_revoked_session_is_refused_at_once(
    gateway: Running, store: "redis.asyncio.Redis", user: User, upstream: FakeService
) -> None:
    assert (await gateway.get("/profiles", user)).status_code == 200
    await store.set(keys.revoked_session(user.session_id), b"1")
    assert_challenged(await gateway.get("/profiles", user), "token_revoked")
    assert len(upstream.seen) == 1


async def test_public_routes_do_not_look_at_the_token(gateway: Running, auth: FakeAuth) -> None:
    for path in ("/auth/login", "/login", "/auth/refresh", "/auth/oauth/x"):
        answer = await gateway.call("POST", path, content=b"{}", authorization="Bearer nonsense")
        assert answer.status_code == 200, path
    assert dict(answer.json()["headers"])["authorization"] == "Bearer nonsense"


async def test_keys_that_cannot_be_had_are_503(start_gateway: StartGateway, user: User) -> None:
    gateway: Running = await start_gateway(auth_url=DEAD)
    answer = await gateway.get("/profiles", user)
    assert (answer.status_code, answer.json()["code"]) == (503, "keys_unavailable")
    assert "retry-after" in answer.headers


async def test_every_answer_tells_the_limit(gateway: Running, user: User) -> None:
    first, second = [await gateway.get("/profiles", user) for _ in range(2)]
    assert [answer.headers["ratelimit-limit"] for answer in (first, second)] == ["300", "300"]
    assert [answer.headers["ratelimit-remaining"] for answer in (first, second)] == ["299", "298"]
    assert int(second.headers["ratelimit-reset"]) >= 1
    refused = await gateway.get("/profiles")
    assert refused.headers["ratelimit-limit"] == "60"
    page = await gateway.get("/docs")
    assert page.headers["ratelimit-limit"] == "300"


async def test_beyond_the_limit_is_429(start_gateway: StartGateway, user: User, upstream: FakeService) -> None:
    gateway: Running = await start_gateway(rate_user_per_minute=3)
    answers = [await gateway.get("/profiles", user) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    refused = answers[-1]
    assert (refused.json()["code"], refused.headers["content-type"]) == ("rate_limited", "application/problem+json")
    assert 1 <= int(refused.headers["retry-after"]) <= 20
    assert refused.headers["ratelimit-remaining"] == "0"
    assert len(upstream.seen) == 3
    assert (await gateway.get("/profiles", User())).status_code == 200, "another user has his own"


async def test_login_and_register_share_a_limit_of_their_own_per_address(
    start_gateway: StartGateway, user: User
) -> None:
    gateway: Running = await start_gateway(rate_login_per_minute=3)
    paths = ("/auth/login", "/register", "/login/", "/auth/register")
    answers = [await gateway.call("POST", path, user, content=b"{}") for path in paths]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert (await gateway.get("/profiles", user)).status_code == 200


async def test_bad_tokens_count_against_the_address(start_gateway: StartGateway, user: User) -> None:
    gateway: Running = await start_gateway(rate_address_per_minute=3)
    answers = [await gateway.get("/profiles", authorization="Bearer bad") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429]
    assert (await gateway.get("/profiles", user)).status_code == 200


async def test_addresses_behind_a_proxy_have_their_own_limits(start_gateway: StartGateway) -> None:
    gateway: Running = await start_gateway(rate_address_per_minute=1, trusted_proxies=("127.0.0.1",))
    for number in range(3):
        answer = await gateway.get("/auth/refresh", x_forwarded_for=f"198.51.100.{number}")
        assert answer.status_code == 200
    assert (await gateway.get("/auth/refresh", x_forwarded_for="1.1.1.1, 198.51.100.0")).status_code == 429


async def test_limits_can_be_turned_off(start_gateway: StartGateway, user: User, store: "redis.asyncio.Redis") -> None:
    gateway: Running = await start_gateway(rate_limits="off", rate_user_per_minute=1, rate_address_per_minute=1)
    for _ in range(3):
        answer = await gateway.get("/profiles", user)
        assert answer.status_code == 200
        assert not [name for name in answer.headers if name.startswith("ratelimit")]
        assert (await gateway.get("/profiles")).status_code == 401
    await store.set(keys.revoked_session(user.session_id), b"1")
    assert_challenged(await gateway.get("/profiles", user), "token_revoked")


async def test_parallel_requests_admit_exactly_the_burst(redis_url: str) -> None:
    clients = [connect(redis_url) for _ in range(3)]  # as many gateways
    limits = [Limits(client, enabled=True) for client in clients]
    limit = Limit.per(100, 3600)
    verdicts = await asyncio.gather(*(limits[n % 3].check(limit, "parley:rate:test:a", None) for n in range(300)))
    assert Counter(verdict.allowed for verdict in verdicts) == {True: 100, False: 200}
    assert sorted(verdict.remaining for verdict in verdicts if verdict.allowed) == list(range(100))
    for client in clients:
        await client.aclose()


async def test_the_script_and_the_local_arithmetic_agree(store: "redis.asyncio.Redis") -> None:
    limits, limit, arrival, key = Limits(store, enabled=True), Limit.per(5, 1), 0, "parley:rate:test:b"
    for _ in range(40):
        verdict = await limits.check(limit, key, None)
        state = await store.get(key)
        if verdict.allowed:  # the state tells when Redis thought it was: arrival - reset
            assert state is not None
            now = int(state) - round(verdict.reset_seconds * 1_000_000)
            arrival, allowed, remaining, _ = gcra(arrival, now, limit)
            assert (allowed, remaining, arrival) == (True, verdict.remaining, int(state))
        else:
            assert 0 < verdict.retry_seconds <= 0.2
            await asyncio.sleep(verdict.retry_seconds / 3)
        assert 0 < await store.pttl(key) <= 1001


async def test_after_a_flush_the_owner_of_the_sessions_is_asked(
    gateway: Running, store: "redis.asyncio.Redis", auth: FakeAuth, user: User
) -> None:
    ended = User()
    auth.ended.add(ended.session_id)
    assert (await gateway.get("/profiles", ended)).status_code == 200, "Redis says that it knows all"
    await store.delete(REVOCATIONS_SENTINEL)
    assert (await gateway.get("/profiles", user)).status_code == 200
    assert_challenged(await gateway.get("/profiles", ended), "token_revoked")
    assert auth.asked == [user.session_id, ended.session_id]


@pytest.mark.parametrize("limits", ["on", "off"])
async def test_nobody_to_ask_is_503(
    start_gateway: StartGateway, store: "redis.asyncio.Redis", auth: FakeAuth, user: User, limits: str
) -> None:
    gateway: Running = await start_gateway(rate_limits=limits)
    assert (await gateway.get("/profiles", user)).status_code == 200
    await store.delete(REVOCATIONS_SENTINEL)
    await auth.close()
    answer = await gateway.get("/profiles", user)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")


async def test_the_keys_are_there_before_the_first_request(
    gateway: Running, auth: FakeAuth, upstream: FakeService, user: User
) -> None:
    await until(lambda: auth.seen, "the keys to be fetched")
    assert [seen.target for seen in auth.seen] == ["/.well-known/jwks.json"]
    await auth.close()
    assert (await gateway.get("/profiles", user)).status_code == 200


async def test_keys_that_were_not_there_at_the_start_are_asked_for_again(
    start_gateway: StartGateway, auth: FakeAuth, upstream: FakeService, user: User
) -> None:
    await auth.close()
    gateway: Running = await start_gateway()
    assert (await gateway.get("/profiles", user)).json()["code"] == "keys_unavailable"
    await auth.open()
    began = time.monotonic()
    await until(lambda: auth.seen, "the keys to be fetched")
    assert time.monotonic() - began < 1
    assert (await gateway.get("/profiles", user)).status_code == 200
