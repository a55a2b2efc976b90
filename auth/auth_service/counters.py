"""Counts that end with their window: in Redis, and in this process while Redis is away."""

import time
from collections import OrderedDict
from collections.abc import Awaitable
from typing import Any

from redis.asyncio import Redis

from chassis import metrics
from chassis.redis import RedisAway, guarded

MAX_LOCAL = 10_000
MAX_DOUBLINGS = 4
LOCKOUTS_SECONDS = 24 * 3600  # after which earlier refusals are forgotten

# KEYS: the count, the refusals so far. ARGV: the limit, the window, MAX_DOUBLINGS, LOCKOUTS_SECONDS (all in seconds).
_COUNT = """
redis.call('SET', KEYS[1], 0, 'EX', ARGV[2], 'NX')
local count = redis.call('INCR', KEYS[1])
if count == tonumber(ARGV[1]) + 1 and KEYS[2] then
    local before = redis.call('INCR', KEYS[2]) - 1
    redis.call('EXPIRE', KEYS[2], ARGV[4])
    if before > 0 then
        redis.call('EXPIRE', KEYS[1], ARGV[2] * 2 ^ math.min(before, tonumber(ARGV[3])))
    end
end
return {count, redis.call('PTTL', KEYS[1])}
"""
_TAKE_BACK = """
if redis.call('EXISTS', KEYS[1]) == 1 then
    return redis.call('DECR', KEYS[1])
end
return 0
"""


class Counters:
    """Counts by key.

    Arguments:
        redis: the client.
        mode: the label of `parley_degraded_total` while this process counts alone.
    """

    def __init__(self, redis: "Redis", *, mode: str) -> None:
        self._redis = redis
        self._mode = mode
        self._local: OrderedDict[str, tuple[int, float]] = OrderedDict()  # count, end of the window (monotonic)

    async def count(
        self, key: str, *, limit: int, window_seconds: int, growing: str | None = None
    ) -> tuple[int, float]:
        """One more of that key: how many that makes, and in how many seconds the count ends.

        Arguments:
            limit: beyond which the caller refuses.
            window_seconds: from the first one on.
            growing: the key of the refusals. With it each window in which the limit is passed lasts twice as long as
                the one before it, up to 2 ** MAX_DOUBLINGS times, until there was none for a day. Not without Redis.
        """
        names = [key] if growing is None else [key, growing]
        try:
            async with guarded():
                count, left = await self._redis.eval(
                    _COUNT, len(names), *names, limit, window_seconds, MAX_DOUBLINGS, LOCKOUTS_SECONDS
                )
                return int(count), max(0.0, int(left) / 1000)
        except RedisAway:
            metrics.degraded.labels(self._mode).inc()
            return self._count_here(key, window_seconds)

    async def take_back(self, key: str) -> None:
        """One less."""
        if key in self._local:
            count, ends = self._local[key]
            self._local[key] = (count - 1, ends)
            return
        await self._quietly(self._redis.eval(_TAKE_BACK, 1, key))

    async def forget(self, *keys: str) -> None:
        """Begin anew."""
        for key in keys:
            self._local.pop(key, None)
        await self._quietly(self._redis.delete(*keys))

    def _count_here(self, key: str, window_seconds: int) -> tuple[int, float]:
        now = time.monotonic()
        count, ends = self._local.pop(key, (0, 0.0))
        if ends <= now:
            count, ends = 0, now + window_seconds
        self._local[key] = (count + 1, ends)
        if len(self._local) > MAX_LOCAL:
            self._local.popitem(last=False)
        return count + 1, ends - now

    @staticmethod
    async def _quietly(command: Awaitable[Any]) -> None:
        try:
            async with guarded():
                await command
        except RedisAway:
            pass  # the count ends with its window
