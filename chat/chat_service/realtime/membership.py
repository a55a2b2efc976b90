"""Connected users are put into rooms and out of them: their sessions hear of it without reconnecting.

A bell on the user's channel tells at once. A bell can be lost, so each user's `rooms_rev` is compared with Postgres
once a minute and whenever Redis comes back; who has moved gets what he is missing.
"""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any
from uuid import UUID

from chassis import postgres
from chassis.background import paused
from chassis.postgres import Postgres
from chassis.problems import NotFound

from ..rooms import Rooms
from ..store import members as store
from . import events, protocol
from .arrivals import Arrivals
from .bells import MembershipBell
from .hub import Hub
from .session import Session

logger = logging.getLogger(__name__)

RETRY_SECONDS = 0.5
SWEEP_SECONDS = 60.0
SLICE = 500


class MembershipChanges:
    """Brings sessions into rooms and out of them when their users' memberships change."""

    def __init__(self, database: Postgres, hub: Hub, arrivals: Arrivals, rooms: Rooms) -> None:
        self._database = database
        self._hub = hub
        self._arrivals = arrivals
        self._rooms = rooms
        self._asked = asyncio.Event()
        self._sweeper: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Begin to compare."""
        self._sweeper = asyncio.create_task(self._sweep())

    async def stop(self) -> None:
        """End."""
        tasks = [*self._tasks, *([self._sweeper] if self._sweeper else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def compare(self) -> None:
        """Bells may have been lost: compare now."""
        self._asked.set()

    def heard(self, user_id: UUID, change: MembershipBell) -> None:
        """A bell on the user's channel; see Bells."""
        if change.anew:
            self._spawn(self._show(user_id, change.room))
            return
        for session in self._sessions(user_id):
            work = self._add(session, change.room) if change.added else self._remove(session, change.room)
            session.spawn(asyncio.get_running_loop().create_task(work))

    def renamed(self, room_id: UUID) -> None:
        """The room looks different: its local members get `room.updated`, each from his side."""
        self._spawn(self._tell(room_id))

    def _sessions(self, user_id: UUID) -> list[Session]:
        return [session for session in self._hub.listeners_of(user_id) if isinstance(session, Session)]

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _add(self, session: Session, room_id: UUID) -> None:
        while not session.closing:
            try:
                room = await self._rooms.one(session.user_id, room_id)
                if await self._arrivals.added(session, room_id, room):
                    now = await self._rooms.one(session.user_id, room_id)
                    if now.name != room.name:
                        session.write(protocol.frame(events.RoomUpdated(now)))
                return
            except NotFound:
                return  # and removed again
            except Exception as error:
                if not postgres.is_away(error):
                    logger.exception("a session could not be told of its new room")
                    return
                await asyncio.sleep(RETRY_SECONDS)

    async def _remove(self, session: Session, room_id: UUID) -> None:
        try:
            async with self._database.connection() as connection:
                joined_seq = await store.select_joined_seq(connection, room_id, session.user_id)
            if joined_seq is not None:
                return  # the bell came late: he has been added again
        except Exception as error:
            if not postgres.is_away(error):
                logger.exception("a removal could not be looked up")
        self._arrivals.removed(session, room_id)

    async def _tell(self, room_id: UUID) -> None:
        room = self._hub.rooms.get(room_id)
        if room is None:
            return
        try:
            sessions = [*room.sessions, *self._arrivals.coming(room_id)]
            views = await self._rooms.seen_by(room_id, list({session.user_id for session in sessions}))
        except Exception as error:
            if not postgres.is_away(error):
                logger.exception("a changed room could not be shown")
            return
        for session in {*room.sessions, *self._arrivals.coming(room_id)}:
            view = views.get(session.user_id)
            if view is not None:
                session.write(protocol.frame(events.RoomUpdated(view)))

    async def _show(self, user_id: UUID, room_id: UUID) -> None:
        try:
            room = await self._rooms.one(user_id, room_id)
        except NotFound:
            return  # he is not in it any more
        except Exception as error:
            if not postgres.is_away(error):
                logger.exception("a changed room could not be shown")
            return
        for session in self._sessions(user_id):
            if room_id in session.rooms:
                session.write(protocol.frame(events.RoomUpdated(room)))

    async def _sweep(self) -> None:
        while True:
            await paused(self._asked, SWEEP_SECONDS)
            self._asked.clear()
            try:
                await self._compare()
            except Exception as error:
                if not postgres.is_away(error):
                    logger.exception("memberships could not be compared")
                await asyncio.sleep(RETRY_SECONDS)
                self._asked.set()

    async def _compare(self) -> None:
        known = [(user_id, self._hub.rooms_revs.get(user_id, 0)) for user_id in self._hub.users]
        for start in range(0, len(known), SLICE):
            part = known[start : start + SLICE]
            async with self._database.connection() as connection:
                moved = await store.select_moved_users(connection, [u for u, _ in part], [rev for _, rev in part])
                current = [(user_id, await store.select_memberships(connection, user_id)) for user_id, _ in moved]
            for user_id, (rooms_rev, memberships) in current:
                self._bring(user_id, memberships)
                if user_id in self._hub.users:
                    self._hub.rooms_revs[user_id] = rooms_rev

    def _bring(self, user_id: UUID, memberships: list[store.Membership]) -> None:
        """Give the user's sessions the rooms they are missing, and take those they should not have."""
        ids = {membership.room_id for membership in memberships}
        for session in self._sessions(user_id):
            for membership in memberships:
                if membership.room_id not in session.rooms and not self._arrivals.is_arriving(
                    session, membership.room_id
                ):
                    work = self._add(session, membership.room_id)
                    session.spawn(asyncio.get_running_loop().create_task(work))
            for room_id in session.rooms - ids:
                self._arrivals.removed(session, room_id)
