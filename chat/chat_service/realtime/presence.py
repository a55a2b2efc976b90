"""Who is online: a key with an expiry per user, refreshed by the pods that hold his sockets."""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from uuid import UUID

from redis.asyncio import Redis

from chassis.background import end
from chassis.redis import RedisAway, guarded
from contracts import keys

from .hub import Hub

logger = logging.getLogger(__name__)

LEASE_SECONDS = 70
REFRESH_SECONDS = 20
SLICE = 500


class Presence:
    """Keeps the leases of this pod's users and tells about everybody's. Without Redis nobody is known to be online."""

    def __init__(self, redis: "Redis", hub: Hub) -> None:
        self._redis = redis
        self._hub = hub
        self._refresher: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Begin to refresh."""
        self._refresher = asyncio.create_task(self._refresh())

    async def stop(self) -> None:
        """End; the leases run out by themselves, so that a restart of this pod makes nobody appear offline."""
        for task in (self._refresher, *self._tasks):
            await end(task)

    def arrived(self, user_id: UUID) -> None:
        """The user's first socket on this pod has opened."""
        task = asyncio.create_task(self._lease([user_id]))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def online(self, user_ids: Sequence[UUID]) -> set[UUID]:
        """Those of `user_ids` who are connected somewhere."""
        if not user_ids:
            return set()
        try:
            async with guarded():
                found = await self._redis.mget([keys.online(user_id) for user_id in user_ids])
        except RedisAway:
            return {user_id for user_id in user_ids if user_id in self._hub.users}
        return {user_id for user_id, value in zip(user_ids, found, strict=True) if value is not None}

    async def _refresh(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            users = list(self._hub.users)
            for start in range(0, len(users), SLICE):
                await self._lease(users[start : start + SLICE])

    async def _lease(self, user_ids: Iterable[UUID]) -> None:
        try:
            async with guarded(), self._redis.pipeline(transaction=False) as pipe:
                for user_id in user_ids:
                    pipe.set(keys.online(user_id), b"1", ex=LEASE_SECONDS)
                await pipe.execute()
        except RedisAway as error:
            logger.warning("presence could not be refreshed", extra={"error": str(error)})
