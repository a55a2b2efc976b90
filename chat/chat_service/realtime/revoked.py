"""Ended logins whose bell was lost: open sockets are compared with Redis, so that none outlives its login.

Once a minute, and whenever Redis comes back: then at once and again a little later, since whoever ended a login while
Redis was away writes it down a moment after that.
"""

import asyncio
import logging
from collections.abc import Sequence
from uuid import UUID

from redis.asyncio import Redis

from chassis.background import Worker, paused
from chassis.redis import RedisAway, guarded
from contracts import keys

from .keeper import Keeper

logger = logging.getLogger(__name__)

SWEEP_SECONDS = 60.0
AGAIN_SECONDS = 3.0  # after Redis came back
RETRY_SECONDS = 1.0  # while Redis is away, or does not know all ended logins yet
SLICE = 500


class RevokedSessions(Worker):
    """Closes the sockets of ended logins that no bell has told of.

    Arguments:
        redis: where ended logins are written down.
        keeper: the open sockets.
    """

    def __init__(self, redis: "Redis", keeper: Keeper) -> None:
        self._redis = redis
        self._keeper = keeper
        self._asked = asyncio.Event()
        self._again = False

    def ask(self) -> None:
        """Redis is back: bells may have been lost."""
        self._again = True
        self._asked.set()

    async def _run(self) -> None:
        wait = SWEEP_SECONDS
        while True:
            await paused(self._asked, wait)
            self._asked.clear()
            try:
                complete = await self.compare()
            except RedisAway:
                complete = False
            except Exception:
                logger.exception("ended logins could not be compared")
                complete = False
            if not complete:
                wait = RETRY_SECONDS
            elif self._again:
                self._again, wait = False, AGAIN_SECONDS
            else:
                wait = SWEEP_SECONDS

    async def compare(self) -> bool:
        """Close what has ended; False while Redis does not know all ended logins.

        Raises:
            RedisAway: it cannot be asked.
        """
        logins = list({session.session_id for session in self._keeper.sessions()})
        complete = True
        for start in range(0, len(logins), SLICE):
            complete = await self._compare(logins[start : start + SLICE]) and complete
        return complete

    async def _compare(self, logins: Sequence[UUID]) -> bool:
        names = [keys.REVOCATIONS_SENTINEL, *(keys.revoked_session(login) for login in logins)]
        async with guarded():
            sentinel, *ended = await self._redis.mget(names)
        for login, mark in zip(logins, ended, strict=True):
            if mark is not None:
                self._keeper.end_session(login)
        return sentinel is not None
