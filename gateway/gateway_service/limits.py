"""Rate limits: GCRA, a leaky bucket that needs one number per caller, kept in Redis, and here while that is away.

A limit of N per period admits N at once, then one every period/N seconds.
"""

import asyncio
import logging
import math
import time
from collections import OrderedDict
from pathlib import Path
from uuid import UUID

import msgspec
from redis.asyncio import Redis

from chassis import metrics
from chassis.redis import RedisAway, guarded
from contracts import keys

logger = logging.getLogger(__name__)

MICROSECONDS = 1_000_000
RETRY_SECONDS = 0.5  # how long Redis is left alone after it failed, so that a frozen one does not slow every request
LOG_SECONDS = 10.0
MAX_LOCAL = 50_000
MAX_CALLS = 16  # at the same time: redis-py does not wait for a free connection beyond its maximum, it fails


class Limit(msgspec.Struct, frozen=True):
    """`burst` at once, then one every `interval_us` microseconds."""

    burst: int
    interval_us: int

    @classmethod
    def per(cls, count: int, seconds: float, burst: int | None = None) -> "Limit":
        """`count` per `seconds`, that many at once unless `burst` says otherwise."""
        return cls(burst or count, max(1, round(seconds * MICROSECONDS / count)))


class Verdict(msgspec.Struct, frozen=True):
    """What became of one request. `revoked` is None when nobody knows: ask the owner of the sessions."""

    allowed: bool
    limit: Limit | None = None  # None: limits are off
    remaining: int = 0
    reset_seconds: float = 0.0  # until everything is there again
    retry_seconds: float = 0.0  # until one more is there
    revoked: bool | None = False

    def headers(self) -> dict[str, str]:
        """`RateLimit-Limit`, `-Remaining` and `-Reset` (draft-ietf-httpapi-ratelimit-headers-07)."""
        if self.limit is None:
            return {}
        return {
            "RateLimit-Limit": str(self.limit.burst),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(math.ceil(self.reset_seconds)),
        }


def gcra(arrival: int, now: int, limit: Limit) -> tuple[int, bool, int, int]:
    """One step, the same as in limits.lua; all times in microseconds.

    Arguments:
        arrival: the caller's theoretical arrival time, 0 for a new one.
        now: the time.
        limit: what is allowed.

    Returns:
        the new arrival time, whether this request is allowed, how many more are, and how long to wait if not.
    """
    arrival = max(arrival, now)
    wait = arrival + limit.interval_us - now - limit.interval_us * limit.burst
    allowed = wait <= 0
    if allowed:
        arrival += limit.interval_us
    remaining = (limit.interval_us * limit.burst - (arrival - now)) // limit.interval_us
    return arrival, allowed, remaining, max(0, wait)


class LocalLimits:
    """The limits of this process alone: what is left when Redis is away. Bounded: the oldest callers are forgotten."""

    def __init__(self, size: int = MAX_LOCAL) -> None:
        self._size = size
        self._arrivals: OrderedDict[str, int] = OrderedDict()

    def check(self, key: str, limit: Limit, now_us: int) -> Verdict:
        """Take one token of `key`; revocations are not known here."""
        arrival, allowed, remaining, wait = gcra(self._arrivals.pop(key, 0), now_us, limit)
        self._arrivals[key] = arrival
        if len(self._arrivals) > self._size:
            self._arrivals.popitem(last=False)
        return Verdict(allowed, limit, remaining, (arrival - now_us) / MICROSECONDS, wait / MICROSECONDS, revoked=None)


class Limits:
    """Takes tokens, and says in the same round trip whether the caller's session has been ended.

    Arguments:
        redis: the client.
        enabled: False turns the limits off; sessions are looked at all the same.
    """

    def __init__(self, redis: "Redis", *, enabled: bool) -> None:
        self._redis = redis
        self._enabled = enabled
        self._script = redis.register_script(Path(__file__).with_name("limits.lua").read_text())
        self._slots = asyncio.Semaphore(MAX_CALLS)
        self._local = LocalLimits()
        self._away_until = 0.0
        self._logged_at = float("-inf")

    async def check(self, limit: Limit, key: str, session_id: UUID | None) -> Verdict:
        """Count one request. Never raises for Redis: without it this process's own limits hold.

        Arguments:
            limit: of the caller's class.
            key: of the caller's state, see `contracts.keys.rate_limit`.
            session_id: whose revocation is looked up; None for a caller without one.
        """
        if not self._enabled and session_id is None:
            return Verdict(allowed=True)
        try:
            async with self._slots:
                if time.monotonic() >= self._away_until:
                    return await self._ask(limit, key, session_id)
        except RedisAway as error:
            self._away_until = time.monotonic() + RETRY_SECONDS
            self._log(error)
        if session_id is not None:
            metrics.degraded.labels("revocation_without_redis").inc()
        if not self._enabled:
            return Verdict(allowed=True, revoked=None)
        metrics.degraded.labels("limits_without_redis").inc()
        return self._local.check(key, limit, time.monotonic_ns() // 1000)

    async def _ask(self, limit: Limit, key: str, session_id: UUID | None) -> Verdict:
        async with guarded():
            if self._enabled:
                return await self._count(limit, key, session_id)
            return await self._look(session_id)

    async def _count(self, limit: Limit, key: str, session_id: UUID | None) -> Verdict:
        names = [key] if session_id is None else [key, keys.revoked_session(session_id), keys.REVOCATIONS_SENTINEL]
        allowed, remaining, reset, wait, revoked, complete = await self._script(
            keys=names, args=(limit.interval_us, limit.burst)
        )
        known = _revoked(bool(revoked), bool(complete)) if session_id is not None else False
        return Verdict(bool(allowed), limit, remaining, reset / MICROSECONDS, wait / MICROSECONDS, known)

    async def _look(self, session_id: UUID | None) -> Verdict:
        assert session_id is not None  # noqa: S101  for the type checker: `check` has looked
        ended, complete = await self._redis.mget(keys.revoked_session(session_id), keys.REVOCATIONS_SENTINEL)
        return Verdict(allowed=True, revoked=_revoked(ended is not None, complete is not None))

    def _log(self, error: RedisAway) -> None:
        now = time.monotonic()
        if now - self._logged_at >= LOG_SECONDS:
            self._logged_at = now
            logger.warning("Redis is away: limits are local, revocations are asked for", extra={"error": str(error)})


def _revoked(ended: bool, complete: bool) -> bool | None:
    if not ended and not complete:
        metrics.degraded.labels("revocation_after_flush").inc()
        return None
    return ended
