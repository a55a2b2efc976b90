"""Redis with short deadlines and no hidden retries: a frozen Redis must cost a request 0.2 s, not a minute."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from . import metrics

TIMEOUT_SECONDS = 0.2


class RedisAway(Exception):
    """Redis did not answer in time or not properly; the caller knows what to do without it."""


def connect(url: str, *, max_connections: int = 50, seconds: float = TIMEOUT_SECONDS) -> "Redis":
    """A client for short commands; opens nothing until it is used. Replies are bytes.

    Arguments:
        url: `redis://[:password@]host:port/db`, or `rediss://` for TLS.
        seconds: that an answer may take; more than the default only where nothing can be done without it.
    """
    pool = BlockingConnectionPool.from_url(
        url,
        timeout=seconds,  # for a free connection: a burst waits a moment instead of failing
        socket_timeout=seconds,
        socket_connect_timeout=seconds,
        retry=Retry(NoBackoff(), 0),
        max_connections=max_connections,
        decode_responses=False,
    )
    return Redis.from_pool(pool)


@asynccontextmanager
async def guarded() -> AsyncIterator[None]:
    """Turn whatever can go wrong with Redis into `RedisAway`, counted.

    Raises:
        RedisAway: the block failed on Redis.
    """
    try:
        yield
    except (RedisError, OSError, TimeoutError) as error:
        metrics.dependency_errors.labels("redis").inc()
        raise RedisAway(repr(error)) from error
