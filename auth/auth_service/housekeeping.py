"""Removing what has expired, now and then and a little at a time."""

import asyncio
import logging
import random

from chassis import background
from chassis.postgres import Postgres, is_away

from . import events
from .store import devices as store_devices
from .store import email_tokens as store_email_tokens
from .store import refresh_tokens as store_refresh_tokens
from .store import retired_usernames as store_names
from .store import sessions as store_sessions
from .store.accounts import lock_users

logger = logging.getLogger(__name__)

INTERVAL_SECONDS = 3600.0
BATCH = 500


class Housekeeping:
    """Deletes expired tokens and, a day after the last refresh token, their sessions, as a component."""

    def __init__(self, postgres: Postgres, *, interval_seconds: float = INTERVAL_SECONDS) -> None:
        self._postgres = postgres
        self._interval_seconds = interval_seconds
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin, at a random time, so that the processes of a deployment do not all do it at once."""
        self._task = asyncio.create_task(self._run(), name="housekeeping")

    async def stop(self) -> None:
        """End it."""
        await background.end(self._task)

    async def tidy(self) -> None:
        """One round."""
        async with self._postgres.connection() as connection:
            await store_email_tokens.delete_expired_email_tokens(connection)
            await store_names.delete_free_usernames(connection)
        while True:
            async with self._postgres.connection() as connection:
                if await store_refresh_tokens.delete_expired_refresh_tokens(connection, BATCH) < BATCH:
                    break
        while True:
            async with self._postgres.transaction() as connection:
                expired = await store_sessions.select_expired(connection, BATCH)
                session_ids = [session_id for session_id, _ in expired]
                await lock_users(connection, {user_id for _, user_id in expired if user_id is not None})
                removed = await store_devices.delete_devices_of_sessions(connection, session_ids)
                await events.devices_removed(connection, removed)
                await store_sessions.delete_expired_sessions(connection, session_ids)
            if len(expired) < BATCH:
                break

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._interval_seconds * random.uniform(0.1, 1))  # noqa: S311
            try:
                await self.tidy()
            except Exception as error:
                if is_away(error):
                    logger.warning("housekeeping put off", extra={"error": repr(error)})
                else:
                    logger.exception("housekeeping failed")
