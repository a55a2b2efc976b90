"""A connected user is added to a room or removed from it: his sessions hear of it without reconnecting."""

import asyncio
import logging
from uuid import UUID

from chassis import postgres
from chassis.problems import NotFound

from ..rooms import Rooms
from .arrivals import Arrivals
from .bells import Membership
from .hub import Hub
from .session import Session

logger = logging.getLogger(__name__)

RETRY_SECONDS = 0.5
ATTEMPTS = 20


class MembershipChanges:
    """Hears membership bells for the users who are here."""

    def __init__(self, hub: Hub, arrivals: Arrivals, rooms: Rooms) -> None:
        self._hub = hub
        self._arrivals = arrivals
        self._rooms = rooms

    def heard(self, user_id: UUID, change: Membership) -> None:
        """A bell on the user's channel; see Bells."""
        for session in self._hub.listeners_of(user_id):
            if not isinstance(session, Session):
                continue
            if change.added:
                session.spawn(asyncio.get_running_loop().create_task(self._added(session, change)))
            else:
                self._arrivals.removed(session, change.room)

    async def _added(self, session: Session, change: Membership) -> None:
        for _ in range(ATTEMPTS):
            try:
                room = await self._rooms.one(session.user_id, change.room)
                await self._arrivals.added(session, change.room, room, change.since)
                return
            except NotFound:
                return  # and removed again
            except Exception as error:
                if not postgres.is_away(error):
                    logger.exception("a session could not be told of its new room")
                    return
                await asyncio.sleep(RETRY_SECONDS)
