"""Redis dies, freezes and comes back while requests are made."""

import logging
import signal
import time
from collections.abc import Iterator

import pytest
import redis.asyncio
from prometheus_client import REGISTRY

from contracts.keys import REVOCATIONS_SENTINEL
from devstack.engines import Engines
from tests.conftest import running
from tests.integration.gateway.conftest import Running, StartGateway
from tests.integration.gateway.fakes import FakeAuth, User
from tests.support.serving import until


@pytest.fixture
def own_engines() -> Iterator[Engines]:
    """A Valkey that may be killed."""
    with running(valkey=True) as engines:
        yield engines


def degraded(mode: str) -> float:
    """How often that was counted."""
    return REGISTRY.get_sample_value("parley_degraded_total", {"mode": mode}) or 0.0


async def remember(engines: Engines) -> None:
    """Let this Redis know all ended sessions."""
    async with redis.asyncio.Redis.from_url(engines.redis_url) as client:
        await client.set(REVOCATIONS_SENTINEL, b"1")


async def test_without_redis_limits_are_local_and_auth_is_asked(
    start_gateway: StartGateway, own_engines: Engines, auth: FakeAuth, caplog: pytest.LogCaptureFixture
) -> None:
    await remember(own_engines)
    gateway: Running = await start_gateway(redis_url=own_engines.redis_url, rate_user_per_minute=3)
    user, ended = User(), User()
    assert (await gateway.get("/profiles", user)).headers["ratelimit-remaining"] == "2"
    limits, revocations = degraded("limits_without_redis"), degraded("revocation_without_redis")

    own_engines.kill("valkey")
    auth.ended.add(ended.session_id)
    with caplog.at_level(logging.WARNING, logger="gateway_service.limits"):
        answers = [await gateway.get("/profiles", user) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert answers[2].headers["ratelimit-remaining"] == "0"
        assert (await gateway.get("/profiles", ended)).json()["code"] == "token_revoked"
    assert set(auth.asked) == {user.session_id, ended.session_id}
    assert degraded("limits_without_redis") == limits + 5
    assert degraded("revocation_without_redis") == revocations + 5
    assert len([record for record in caplog.records if "Redis is away" in record.message]) == 1

    await own_engines.restart("valkey")
    await remember(own_engines)
    asked = len(auth.asked)

    async def shared_again() -> bool:
        return (await gateway.get("/profiles", User())).status_code == 200 and len(auth.asked) == asked

    async def settled() -> bool:
        nonlocal asked
        before, asked = asked, len(auth.asked)
        return before == asked and await shared_again()

    await until(settled, "Redis to be used again")


async def test_a_frozen_redis_does_not_freeze_the_gateway(start_gateway: StartGateway, own_engines: Engines) -> None:
    await remember(own_engines)
    gateway: Running = await start_gateway(redis_url=own_engines.redis_url)
    user = User()
    assert (await gateway.get("/profiles", user)).status_code == 200
    own_engines.kill("valkey", signal.SIGSTOP)
    try:
        started = time.monotonic()
        for _ in range(20):
            assert (await gateway.get("/profiles", user)).status_code == 200
        assert time.monotonic() - started < 2, "0.2 s for the first, and again every half second"
    finally:
        own_engines.kill("valkey", signal.SIGCONT)
