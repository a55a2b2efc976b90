"""Whether a session has been ended although its access tokens have time left.

Redis holds a key per ended session for as long as its tokens could live, and one sentinel. The sentinel tells "not
revoked" from "flushed": without it, or without Redis, the service that owns the sessions is asked, briefly cached.
"""

import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from uuid import UUID

from redis.asyncio import Redis

from . import metrics
from .problems import Unauthorized
from .redis import RedisAway, guarded
from .tokens import Claims, TokenVerifier

logger = logging.getLogger(__name__)
Ask = Callable[[UUID], Awaitable[bool]]


class Revocations:
    """Answers from Redis, else from the owner.

    Arguments:
        redis: the client.
        key: the key of an ended session.
        sentinel: the key that says that Redis knows all of them.
        ask: the owner's answer to "is this session alive?"; raises Unavailable when it cannot be had.
        cache_seconds: how long an owner's answer is good.
    """

    def __init__(
        self, redis: "Redis", *, key: Callable[[UUID], str], sentinel: str, ask: Ask, cache_seconds: float = 2
    ) -> None:
        self._redis = redis
        self._key = key
        self._sentinel = sentinel
        self._ask = ask
        self._cache_seconds = cache_seconds
        self._cache: OrderedDict[UUID, tuple[float, bool]] = OrderedDict()

    async def is_alive(self, session_id: UUID) -> bool:
        """False once the session has been ended.

        Raises:
            Unavailable: neither Redis nor the owner can tell.
        """
        try:
            async with guarded():
                ended, known = await self._redis.mget(self._key(session_id), self._sentinel)
        except RedisAway:
            metrics.degraded.labels("revocation_without_redis").inc()
            return await self.ask_owner(session_id)
        if ended is not None:
            return False
        if known is not None:
            return True
        metrics.degraded.labels("revocation_after_flush").inc()
        return await self.ask_owner(session_id)

    async def ask_owner(self, session_id: UUID) -> bool:
        """The owner's answer, cached; for callers that have asked Redis themselves."""
        now = time.monotonic()
        cached = self._cache.get(session_id)
        if cached is not None and cached[0] > now:
            return cached[1]
        alive = await self._ask(session_id)
        self._cache[session_id] = (now + self._cache_seconds, alive)
        if len(self._cache) > 10_000:
            self._cache.popitem(last=False)
        return alive


class Guard:
    """Verifies a token and that its session lives: what a `@bearer` route and a WebSocket handshake need."""

    def __init__(self, verifier: TokenVerifier, revocations: Revocations) -> None:
        self._verifier = verifier
        self._revocations = revocations

    async def __call__(self, token: str) -> Claims:
        """The claims of `token`.

        Raises:
            Unauthorized: not valid, expired or revoked.
            Unavailable: it cannot be known now.
        """
        claims = await self._verifier.verify(token)
        if not await self._revocations.is_alive(claims.session_id):
            raise Unauthorized("The session has been ended; log in again.", code="token_revoked")
        return claims
