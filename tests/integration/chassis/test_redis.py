"""Redis that is away in any way costs a moment, and is used again as soon as it is back."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest
from prometheus_client import REGISTRY
from redis.asyncio import Redis

from chassis.redis import RedisAway, connect, guarded
from tests.support.links import Link
from tests.support.serving import until
from tests.support.timing import within

AWAY_SECONDS = 0.3


async def ask(redis: "Redis") -> bytes | None:
    async with guarded():
        return cast("bytes | None", await redis.get("key"))


async def fails_soon(action: Callable[[], Awaitable[Any]]) -> None:
    async with within(AWAY_SECONDS):
        with pytest.raises(RedisAway):
            await action()


async def recovers(redis: "Redis") -> None:
    async def answers() -> bool:
        try:
            await ask(redis)
        except RedisAway:
            return False
        return True

    await until(answers, "recovery")


def errors() -> float:
    return REGISTRY.get_sample_value("parley_dependency_errors_total", {"dependency": "redis"}) or 0


async def test_replies_are_bytes(redis: "Redis") -> None:
    async with guarded():
        await redis.set("key", "é", ex=10)
    assert await ask(redis) == "é".encode()


async def test_a_frozen_redis_costs_a_moment(redis: "Redis", redis_link: Link) -> None:
    await ask(redis)
    before = errors()
    redis_link.freeze()
    await fails_soon(lambda: ask(redis))  # on a connection that was there
    await fails_soon(lambda: ask(redis))  # on a new one
    assert errors() == before + 2
    redis_link.thaw()
    await recovers(redis)


async def test_many_requests_to_a_frozen_redis_wait_at_the_same_time(redis: "Redis", redis_link: Link) -> None:
    """More than there are connections: nobody waits for another's time-out and then for his own."""
    await ask(redis)
    redis_link.freeze()
    async with within(0.5):
        results = await asyncio.gather(*(ask(redis) for _ in range(120)), return_exceptions=True)
    assert {type(result) for result in results} == {RedisAway}
    redis_link.thaw()
    await recovers(redis)


async def test_a_burst_waits_for_connections_instead_of_failing(redis_url: str) -> None:
    client = connect(redis_url, max_connections=2)
    results = await asyncio.gather(*(ask(client) for _ in range(50)))
    await client.aclose()
    assert results == [None] * 50


async def test_a_reply_that_comes_too_late_is_not_anothers(redis: "Redis", redis_link: Link) -> None:
    async with guarded():
        await redis.set("key", b"right")
        await redis.set("other", b"wrong")
    redis_link.freeze()

    async def other() -> None:
        async with guarded():
            await redis.get("other")

    await fails_soon(other)
    redis_link.thaw()
    await recovers(redis)
    assert [await ask(redis) for _ in range(5)] == [b"right"] * 5


async def test_a_request_that_is_given_up_leaves_no_reply_behind(redis: "Redis", redis_link: Link) -> None:
    async with guarded():
        await redis.set("key", b"right")
        await redis.set("other", b"wrong")
    redis_link.freeze()
    task: asyncio.Task[Any] = asyncio.create_task(redis.get("other"))  # type: ignore[arg-type]
    await asyncio.sleep(0.02)
    task.cancel()
    await asyncio.wait({task})
    redis_link.thaw()
    await recovers(redis)
    assert [await ask(redis) for _ in range(5)] == [b"right"] * 5


async def test_a_cut_way_is_noticed_and_mends(redis: "Redis", redis_link: Link) -> None:
    await ask(redis)
    await redis_link.cut()
    for _ in range(3):
        await fails_soon(lambda: ask(redis))
    await redis_link.open()
    await recovers(redis)


async def test_a_command_is_not_sent_twice(redis: "Redis", redis_link: Link) -> None:
    """No retry behind our back: the caller knows whether repeating does harm."""
    async with guarded():
        await redis.set("count", 0)
    redis_link.freeze()

    async def count() -> None:
        async with guarded():
            await redis.incr("count")

    await fails_soon(count)
    redis_link.thaw()
    await recovers(redis)
    async with guarded():
        assert await redis.get("count") in (b"0", b"1")


async def test_a_refused_command_is_away_too(redis: "Redis") -> None:
    async with guarded():
        await redis.set("key", b"text")
    with pytest.raises(RedisAway):
        async with guarded():
            await redis.lpush("key", 1)


async def test_what_is_not_redis_passes(redis: "Redis") -> None:
    with pytest.raises(ZeroDivisionError):
        async with guarded():
            raise ZeroDivisionError


async def test_a_client_opens_nothing_until_it_is_used() -> None:
    client = connect("redis://127.0.0.1:1/0")
    await fails_soon(lambda: ask(client))
    await client.aclose()
