"""Tokens and sessions away from the service that owns them, which is asked over HTTP."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx
import pytest
from redis.asyncio import Redis

from chassis.identity import Owner, remote_guard, remote_revocations
from chassis.ids import uuid7
from chassis.problems import Unauthorized, Unavailable
from tests.support.auth import FakeAuth

SENTINEL = "test:complete"


def key(session_id: UUID) -> str:
    return f"test:revoked:{session_id}"


@pytest.fixture
async def auth() -> AsyncIterator[FakeAuth]:
    """Auth."""
    auth = FakeAuth()
    await auth.open()
    yield auth
    await auth.close()


def known(url: str) -> Owner:
    return Owner(url, "/.well-known/jwks.json", "/internal/sessions", "parley", "parley", key, SENTINEL)


async def test_a_guard_knows_tokens_and_sessions(redis: "Redis", auth: FakeAuth) -> None:
    alice = auth.register("alice")
    async with httpx.AsyncClient(trust_env=False) as client:
        guard = remote_guard(client, redis, known(auth.url + "/"))
        assert (await guard(alice.token)).user_id == alice.id
        await redis.set(SENTINEL, b"1")
        await redis.set(key(alice.session_id), b"1")
        with pytest.raises(Unauthorized) as caught:
            await guard(alice.token)
        assert caught.value.code == "token_revoked"
        with pytest.raises(Unauthorized) as caught:
            await guard(alice.token + "x")
        assert caught.value.code == "token_invalid"


async def test_while_auth_is_away_known_sessions_are_served_and_others_are_503(redis: "Redis", auth: FakeAuth) -> None:
    alice, bob = auth.register("alice"), auth.register("bob")
    async with httpx.AsyncClient(trust_env=False) as client:
        guard = remote_guard(client, redis, known(auth.url))
        await redis.set(SENTINEL, b"1")
        await guard(alice.token)
        await auth.close()
        assert (await guard(alice.token)).user_id == alice.id
        assert (await guard(bob.token)).user_id == bob.id  # the key is known, and Redis knows the sessions
        await redis.flushall()
        with pytest.raises(Unavailable) as caught:
            await guard(bob.token)
        assert caught.value.code == "sessions_unavailable"


async def test_without_keys_it_is_503_and_not_401(redis: "Redis", auth: FakeAuth) -> None:
    alice = auth.register("alice")
    await auth.close()
    async with httpx.AsyncClient(trust_env=False) as client:
        guard = remote_guard(client, redis, known(auth.url))
        with pytest.raises(Unavailable) as caught:
            await guard(alice.token)
        assert caught.value.code == "keys_unavailable"


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500),
        httpx.Response(404),
        httpx.Response(200, content=b"<html>"),
        httpx.Response(200, json={"alive": "yes"}),
        httpx.Response(200, json={}),
        httpx.ReadTimeout("slow"),
        httpx.ConnectError("refused"),
    ],
)
async def test_a_bad_answer_of_the_owner_is_none(redis: "Redis", answer: httpx.Response | Exception) -> None:
    asked: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        if isinstance(answer, Exception):
            raise answer
        return answer

    session = uuid7()
    async with httpx.AsyncClient(transport=httpx.MockTransport(handle)) as client:
        with pytest.raises(Unavailable):
            await remote_revocations(client, redis, known("http://auth")).is_alive(session)
    assert asked == [f"/internal/sessions/{session}"]


async def test_an_owner_that_hangs_is_given_up(redis: "Redis", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chassis.identity.ASK_SECONDS", 0.1)

    async def handle(request: httpx.Request) -> Any:
        await asyncio.Event().wait()

    async with httpx.AsyncClient(transport=httpx.MockTransport(handle)) as client:
        with pytest.raises(Unavailable):
            await remote_revocations(client, redis, known("http://auth")).is_alive(uuid7())
