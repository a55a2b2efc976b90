"""Counting failed logins per account: so many in a window, then 429 until the window ends."""

import hashlib
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any

from redis.asyncio import Redis

from chassis import metrics
from chassis.problems import Problem, TooMany
from chassis.redis import RedisAway, guarded
from contracts import keys

from .policy import fold

MAX_LOCAL = 10_000

_TAKE_BACK = """
if redis.call('EXISTS', KEYS[1]) == 1 then
    return redis.call('DECR', KEYS[1])
end
return 0
"""


def account_name(given: str) -> str:
    """Under what a login is counted: what was typed, whether or not there is such an account, hashed, because people
    type passwords into the wrong field."""
    return "n:" + hashlib.sha256(fold(given).encode()).hexdigest()[:32]


class Throttle:
    """Failures by name, in Redis, and in this process while Redis is away.

    Arguments:
        redis: the client.
        limit: how many failures a window may have.
        window_seconds: from the first failure on.
        enabled: False lets everything through.
    """

    def __init__(self, redis: "Redis", *, limit: int, window_seconds: int, enabled: bool = True) -> None:
        self._redis = redis
        self._limit = limit
        self._window_seconds = window_seconds
        self._enabled = enabled
        self._local: OrderedDict[str, tuple[int, float]] = OrderedDict()  # count, end of the window (monotonic)

    @asynccontextmanager
    async def attempt(self, name: str) -> AsyncIterator[None]:
        """Around one attempt. It is counted before it is made, so that many at once are no more than many in a row; it
        stays counted if it ends in a 4xx, is taken back if it could not be made, and wipes the count if it succeeds.

        Raises:
            TooMany: there have been too many failures.
        """
        if not self._enabled:
            yield
            return
        count, left = await self._count(name)
        if count > self._limit:
            raise TooMany(left, "Too many failed logins for this account.", code="too_many_failures")
        try:
            yield
        except Problem as problem:
            if problem.status >= 500:
                await self._take_back(name)
            raise
        except BaseException:
            await self._take_back(name)
            raise
        await self._forget(name)

    async def _count(self, name: str) -> tuple[int, float]:
        key = keys.login_failures(name)
        try:
            async with guarded(), self._redis.pipeline(transaction=True) as pipeline:
                pipeline.set(key, 0, ex=self._window_seconds, nx=True)
                pipeline.incr(key)
                pipeline.ttl(key)
                _, count, left = await pipeline.execute()
                return int(count), float(left)
        except RedisAway:
            metrics.degraded.labels("login_throttle_without_redis").inc()
            return self._count_here(name)

    def _count_here(self, name: str) -> tuple[int, float]:
        now = time.monotonic()
        count, ends = self._local.pop(name, (0, 0.0))
        if ends <= now:
            count, ends = 0, now + self._window_seconds
        self._local[name] = (count + 1, ends)
        if len(self._local) > MAX_LOCAL:
            self._local.popitem(last=False)
        return count + 1, ends - now

    async def _take_back(self, name: str) -> None:
        if name in self._local:
            count, ends = self._local[name]
            self._local[name] = (count - 1, ends)
            return
        await self._quietly(self._redis.eval(_TAKE_BACK, 1, keys.login_failures(name)))

    async def _forget(self, name: str) -> None:
        self._local.pop(name, None)
        await self._quietly(self._redis.delete(keys.login_failures(name)))

    @staticmethod
    async def _quietly(command: Awaitable[Any]) -> None:
        try:
            async with guarded():
                await command
        except RedisAway:
            pass  # the count ends with its window
