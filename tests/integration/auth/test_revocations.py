"""The end of a session reaches everybody, whatever happens to Redis."""

from typing import Any
from uuid import UUID

import pytest
from redis.asyncio import Redis

from auth_service.store import sessions as store
from chassis.revocations import Revocations
from contracts import keys

from .conftest import Auth, Link, StartAuth, eventually


def gateway(redis: "Redis", auth: Auth) -> Revocations:
    """How another service looks at sessions."""

    async def ask(session_id: UUID) -> bool:
        return bool((await auth.api.get(f"/internal/sessions/{session_id}")).json()["alive"])

    return Revocations(redis, key=keys.revoked_session, sentinel=keys.REVOCATIONS_SENTINEL, ask=ask, cache_seconds=0)


async def sentinel(redis: "Redis") -> object:
    return await redis.get(keys.REVOCATIONS_SENTINEL)


async def test_the_sentinel_appears_by_itself_and_names_this_life_of_redis(auth: Auth, redis_client: "Redis") -> None:
    await eventually(lambda: sentinel(redis_client))
    assert await sentinel(redis_client) == (await redis_client.info("server"))["run_id"].encode()
    assert await redis_client.keys("parley:revocations:reload:*") == []


async def test_a_logout_is_still_in_force_after_a_flush(auth: Auth, redis_client: "Redis") -> None:
    await eventually(lambda: sentinel(redis_client))
    user, other = await auth.register(), await auth.register()
    session = await user.session_id()
    await user.call("POST", "/auth/logout")
    await redis_client.flushall()
    for outsider in (await gateway(redis_client, auth).is_alive(UUID(session)), await user.call("GET", "/auth/me")):
        assert outsider is False or getattr(outsider, "status_code", 0) == 401
    await eventually(lambda: sentinel(redis_client))
    assert await redis_client.exists(f"parley:revoked:{session}")
    assert 880 < await redis_client.ttl(f"parley:revoked:{session}") <= 960
    assert not await gateway(redis_client, auth).is_alive(UUID(session))
    assert await gateway(redis_client, auth).is_alive(UUID(await other.session_id()))


async def test_another_life_of_redis_is_told_everything_again(
    auth: Auth, redis_client: "Redis", monkeypatch: pytest.MonkeyPatch
) -> None:
    await eventually(lambda: sentinel(redis_client))
    user = await auth.register()
    session = await user.session_id()
    await user.call("POST", "/auth/logout")
    select = store.select_ended
    trusted = []

    async def watched(*arguments: Any) -> object:
        trusted.append(await sentinel(redis_client))
        return await select(*arguments)

    monkeypatch.setattr(store, "select_ended", watched)
    async with redis_client.pipeline() as pipeline:  # as a restart does that loses the last second
        pipeline.delete(f"parley:revoked:{session}")
        pipeline.set(keys.REVOCATIONS_SENTINEL, "the run id of the life before")
        await pipeline.execute()
    await eventually(lambda: redis_client.exists(f"parley:revoked:{session}"))
    await eventually(lambda: sentinel(redis_client))
    assert await sentinel(redis_client) == (await redis_client.info("server"))["run_id"].encode()
    assert trusted == [None]  # meanwhile everybody asks here


async def test_a_logout_while_redis_is_away_is_in_force_at_once_here_and_later_everywhere(
    start_auth: StartAuth, redis_link: Link, redis_client: "Redis"
) -> None:
    async with start_auth(redis_url=redis_link.url) as auth:
        await eventually(lambda: sentinel(redis_client))
        user = await auth.register()
        session = UUID(await user.session_id())
        async with redis_client.pubsub() as pubsub:
            await pubsub.subscribe(keys.REVOCATIONS_CHANNEL)
            await pubsub.get_message(timeout=5)
            await redis_link.cut()
            assert (await user.call("POST", "/auth/logout")).status_code == 204
            assert (await user.call("GET", "/auth/me")).status_code == 401
            assert (await auth.api.get(f"/internal/sessions/{session}")).json() == {"alive": False}
            assert not await redis_client.exists(keys.revoked_session(session))
            await redis_link.heal()
            message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=10)
        assert message is not None
        assert message["data"] == str(session).encode()
        assert not await gateway(redis_client, auth).is_alive(session)


async def test_a_logout_that_was_never_announced_is_by_whoever_comes_next(
    start_auth: StartAuth, redis_link: Link, redis_client: "Redis"
) -> None:
    async with start_auth(redis_url=redis_link.url) as auth:
        user = await auth.register()
        session = await user.session_id()
        await redis_link.cut()
        assert (await user.call("POST", "/auth/logout")).status_code == 204
    await redis_client.set(keys.REVOCATIONS_SENTINEL, (await redis_client.info("server"))["run_id"])
    async with start_auth():
        await eventually(lambda: redis_client.exists(f"parley:revoked:{session}"))


async def test_what_is_announced_is_announced_once(auth: Auth, redis_client: "Redis") -> None:
    await eventually(lambda: sentinel(redis_client))
    user = await auth.register()
    session = await user.session_id()
    await user.call("POST", "/auth/logout")
    rows = await auth.sql("SELECT announced_at FROM sessions WHERE id = $1", UUID(session))
    assert rows[0]["announced_at"] is not None


async def test_a_flush_in_the_middle_of_writing_everything_is_noticed(
    start_auth: StartAuth, redis_client: "Redis", monkeypatch: pytest.MonkeyPatch
) -> None:
    select = store.select_ended
    flushes = 0

    async def flushed_meanwhile(*arguments: Any) -> object:
        nonlocal flushes
        ended = await select(*arguments)
        if flushes < 3:
            flushes += 1
            await redis_client.flushall()
            assert await sentinel(redis_client) is None
        return ended

    monkeypatch.setattr(store, "select_ended", flushed_meanwhile)
    evaluated = []
    evaluate: Any = Redis.eval

    async def spy(self: "Redis", *arguments: Any) -> object:
        result = await evaluate(self, *arguments)
        evaluated.append(result)
        return result

    monkeypatch.setattr(Redis, "eval", spy)
    async with start_auth(revocation_check_seconds=0.05):
        await eventually(lambda: sentinel(redis_client))
    assert evaluated == [0, 0, 0, 1]


async def test_old_ends_are_not_kept_in_redis(auth: Auth, redis_client: "Redis") -> None:
    user = await auth.register()
    session = await user.session_id()
    await user.call("POST", "/auth/logout")
    await auth.sql("UPDATE sessions SET ended_at = now() - interval '961 s' WHERE id = $1", UUID(session))
    await redis_client.flushall()
    await eventually(lambda: sentinel(redis_client))
    assert not await redis_client.exists(f"parley:revoked:{session}")
    assert not await gateway(redis_client, auth).ask_owner(UUID(session))
