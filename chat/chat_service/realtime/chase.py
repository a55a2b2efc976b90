"""Catching up: what a session has missed is written page by page until it is where everybody is; then it is attached.

No live message is queued meanwhile: what is said while a page is read is on the next page.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from chassis import postgres
from chassis.postgres import Postgres

from ..store import members as member_store
from ..store import messages as message_store
from . import events, protocol
from .feed import Feed
from .frames import live_message_of_row
from .history import History
from .hub import Hub, LiveRoom
from .session import Session

PAGE = 200
RETRY_SECONDS = 0.5  # while Postgres is away


class Chase:
    """Brings a session level with a room.

    Arguments:
        database: chat's.
        hub: where it is attached.
        feed: knows how far the room is; the caller holds the room.
        history: writes the page that a client may ask for with its connection.
    """

    def __init__(self, database: Postgres, hub: Hub, feed: Feed, history: History) -> None:
        self._database = database
        self._hub = hub
        self._feed = feed
        self._history = history

    async def with_history(self, session: Session, room: LiveRoom, rev: int) -> None:
        """Write the last messages as a page, then chase from there."""
        position = room.seq
        while True:
            try:
                await self._history.write_last(session, room, position + 1)
                break
            except Exception as error:
                if not postgres.is_away(error):
                    raise
                await asyncio.sleep(RETRY_SECONDS)
        await self.chase(session, room, position, rev)

    async def chase(self, session: Session, room: LiveRoom, since: int, rev: int) -> None:
        """Write what the session has not seen until it has seen what everybody has; then attach it.

        Arguments:
            since: the last message that the session has.
            rev: of the room when the user was last known to be in it; when it has moved, the members are read again.
        """
        while not session.closing:
            if since > room.seq:
                await self._feed.repairs.catch_up(room)
                if since > room.seq:  # a position from another life of this room
                    session.write(protocol.frame(events.RoomReset(events.Reset(room.id, room.seq))))
                    since = room.seq
            if since == room.seq and room.rev <= rev:
                self._hub.attach(session, room)
                return
            try:
                async with self._database.connection() as connection:
                    rows = await message_store.select_messages_after(connection, room.id, since, PAGE)
                    rev, members = await member_store.select_fence(connection, room.id, [session.user_id])
            except Exception as error:
                if not postgres.is_away(error):
                    raise
                await asyncio.sleep(RETRY_SECONDS)
                continue
            if session.user_id not in members:
                session.write(protocol.frame(events.RoomRemoved(events.InRoom(room.id))))
                return
            fresh: Sequence[Any] = [row for row in rows if row.seq <= room.seq]
            messages = [live_message_of_row(row) for row in fresh]
            own = session.user_id
            session.write(b"".join(m.sent() if m.sender_id == own else m.received() for m in messages))
            since = fresh[-1].seq if fresh else since
            await session.drained()
