"""Logins elsewhere that are under way, in Redis: each is taken out once, and forgotten after a while."""

from typing import TypeVar
from uuid import UUID

import msgspec
from redis.asyncio import Redis

from chassis.problems import Unavailable
from chassis.redis import RedisAway, guarded
from contracts import keys

from ..tokens import digest, new_secret
from .provider import Wanted

STATE_SECONDS = 600  # for the person to prove himself elsewhere
CODE_SECONDS = 60  # for his client to exchange the code

ModelT = TypeVar("ModelT", bound=msgspec.Struct)


class Pending(msgspec.Struct, frozen=True):
    """A login that has been begun."""

    provider: str
    wanted: Wanted
    browser: str  # the hash of what this browser's cookie holds
    target: str  # where it goes in the end
    challenge: str  # of the client, for the exchange; "" when it gave none
    link_to: UUID | None  # who is logged in and adds this identity


class Proven(msgspec.Struct, frozen=True):
    """Somebody who has proved who he is, and has to collect his session."""

    user_id: UUID
    provider: str
    challenge: str


class PendingLogins:
    """Keeps logins by the hash of their state, and proofs by the hash of their code."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis

    async def put(self, pending: Pending) -> None:
        """Keep a login. Raises Unavailable without Redis."""
        await self._set(keys.oauth_state(digest(pending.wanted.state).hex()), pending, STATE_SECONDS)

    async def take(self, state: str) -> Pending | None:
        """The login of a state, once."""
        return await self._take(keys.oauth_state(digest(state).hex()), Pending)

    async def put_proven(self, proven: Proven) -> str:
        """Keep a proof; the code that it can be had for."""
        code = new_secret()
        await self._set(keys.oauth_code(digest(code).hex()), proven, CODE_SECONDS)
        return code

    async def take_proven(self, code: str) -> Proven | None:
        """The proof of a code, once."""
        return await self._take(keys.oauth_code(digest(code).hex()), Proven)

    async def _set(self, key: str, value: msgspec.Struct, seconds: int) -> None:
        try:
            async with guarded():
                await self._redis.set(key, msgspec.json.encode(value), ex=seconds)
        except RedisAway:
            raise _unavailable() from None

    async def _take(self, key: str, model: type[ModelT]) -> ModelT | None:
        try:
            async with guarded():
                raw = await self._redis.getdel(key)
        except RedisAway:
            raise _unavailable() from None
        return msgspec.json.decode(raw, type=model) if raw is not None else None


def _unavailable() -> Unavailable:
    return Unavailable("Nobody can log in by another account right now.")
