"""Making the end of a session known: Postgres first, then Redis, and again until Redis has it.

Ending a session is a commit in Postgres, in which `announced_at` stays empty. Then, and every second for whatever is
still not announced, Redis gets a key per session and a message for open sockets. So an end that was committed while
Redis, or the process that committed it, went away is announced by whichever auth process comes first.

The sentinel says that Redis knows every end. It is missing after a flush, and it carries the run id of the Redis that
was told, which differs after a restart or a failover that may have lost the last writes. Then everything is written
again: a marker first, then the ends committed by then, then the sentinel, only if the marker is still there. A second
flush in between takes the marker with it, and an end committed after the reading is written by the one who commits it.
"""

import asyncio
import logging
import secrets
from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis

from chassis import background, metrics, postgres
from chassis.postgres import Postgres
from chassis.redis import RedisAway, guarded
from chassis.times import utc_now
from contracts import keys

from .model import Ended
from .store import sessions as store

logger = logging.getLogger(__name__)

MARGIN_SECONDS = (
    60  # beyond the life of an access token: clocks differ, and a token is signed after its session is read
)
BATCH = 500
MARKER_SECONDS = 30

_SET_SENTINEL = """
if redis.call('GET', KEYS[1]) == ARGV[1] then
    redis.call('DEL', KEYS[1])
    redis.call('SET', KEYS[2], ARGV[2])
    return 1
end
return 0
"""


class Revoker:
    """Tells Redis of ended sessions, at once and until it knows, as a component.

    Arguments:
        postgres: where the truth is.
        redis: where everybody looks.
        access_seconds: the life of an access token: for so long an ended session must be known.
        check_seconds: how often Redis is looked after.
    """

    def __init__(self, postgres: Postgres, redis: "Redis", *, access_seconds: int, check_seconds: float) -> None:
        self._postgres = postgres
        self._redis = redis
        self._remember_seconds = access_seconds + MARGIN_SECONDS
        self._check_seconds = check_seconds
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Look after Redis from now on; not waited for, since the service works without it."""
        self._task = asyncio.create_task(self._run(), name="revoker")

    async def stop(self) -> None:
        """Stop looking after it."""
        await background.end(self._task)

    async def announce(self, ended: Sequence[Ended]) -> None:
        """Make ends that have been committed known now. Whatever fails here is made good within a second of its
        becoming possible; until then everybody who cannot ask Redis asks Postgres, through this service."""
        if not ended:
            return
        try:
            await self._announce(ended)
        except Exception as error:
            if not (isinstance(error, RedisAway) or postgres.is_away(error)):
                raise
            metrics.degraded.labels("revocation_announced_late").inc(len(ended))
            logger.warning("ended sessions will be announced later", extra={"sessions": len(ended)})

    async def look_after(self) -> None:
        """One round: everything again if Redis has lost something, then whatever it has not been told.

        Raises:
            RedisAway: not now.
        """
        async with guarded(), self._redis.pipeline(transaction=False) as pipeline:
            pipeline.get(keys.REVOCATIONS_SENTINEL)
            pipeline.info("server")
            sentinel, server = await pipeline.execute()
        run_id = str(server.get("run_id", "unknown"))
        if sentinel != run_id.encode():
            await self._write_all(run_id)
        while True:
            async with self._postgres.connection() as connection:
                late = await store.select_unannounced(connection, self._remember_seconds, BATCH)
            if late:
                await self._announce(late)
            if len(late) < BATCH:
                return

    async def _run(self) -> None:
        complaining = False
        while True:
            try:
                await self.look_after()
                complaining = False
            except Exception as error:
                if not complaining:
                    known = isinstance(error, RedisAway) or postgres.is_away(error)
                    logger.warning(
                        "revocations cannot be looked after; trying on",
                        extra={"error": repr(error)},
                        exc_info=None if known else error,
                    )
                complaining = True
            await asyncio.sleep(self._check_seconds)

    async def _announce(self, ended: Sequence[Ended]) -> None:
        async with guarded(), self._redis.pipeline(transaction=False) as pipeline:
            for session in ended:
                self._remember(pipeline, session)
                pipeline.publish(keys.REVOCATIONS_CHANNEL, str(session.session_id))
            await pipeline.execute()
        async with self._postgres.connection() as connection:
            await store.mark_announced(connection, [session.session_id for session in ended])

    async def _write_all(self, run_id: str) -> None:
        nonce = secrets.token_hex(8)
        marker = keys.revocations_reload(nonce)
        async with guarded():
            await self._redis.delete(keys.REVOCATIONS_SENTINEL)  # of another life, if there is one: not to be trusted
            await self._redis.set(marker, nonce, ex=MARKER_SECONDS)
        async with self._postgres.connection() as connection:
            ended = await store.select_ended(connection, self._remember_seconds)
        async with guarded():
            for start in range(0, len(ended), BATCH):
                async with self._redis.pipeline(transaction=False) as pipeline:
                    for session in ended[start : start + BATCH]:
                        self._remember(pipeline, session)
                    await pipeline.execute()
            done = await self._redis.eval(_SET_SENTINEL, 2, marker, keys.REVOCATIONS_SENTINEL, nonce, run_id)
        logger.info("ended sessions written to Redis", extra={"sessions": len(ended), "complete": bool(done)})

    def _remember(self, pipeline: Any, session: Ended) -> None:
        age = (utc_now() - session.ended_at).total_seconds()
        left = int(self._remember_seconds - max(0.0, age))
        if left > 0:
            pipeline.set(keys.revoked_session(session.session_id), b"1", ex=left)
