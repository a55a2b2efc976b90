"""`chat.history` frames: the last messages of a room, or all since a position."""

from uuid import UUID

from chassis.postgres import Postgres

from ..store import messages as message_store
from ..views import Online, view_messages
from . import events, protocol
from .hub import LiveRoom
from .session import Session

HISTORY = 100  # messages that a client gets with a room


class History:
    """Reads pages and writes them to sessions."""

    def __init__(self, database: Postgres, presence: Online) -> None:
        self._database = database
        self._presence = presence

    async def write_last(self, session: Session, room: LiveRoom, before: int) -> None:
        """The last messages below `before`, oldest first; `has_more` says that there are older ones."""
        async with self._database.connection() as connection:
            rows = await message_store.select_messages_before(connection, room.id, before, HISTORY)
            views = await view_messages(connection, self._presence, session.user_id, room.id, rows)
        views.reverse()
        has_more = bool(views) and views[0].seq > 1
        session.write(protocol.frame(events.ChatHistory(events.History(room.id, views, has_more))))

    async def write_since(self, session: Session, room: LiveRoom, since: int) -> None:
        """Everything after `since` in `chat.history` frames, oldest first; `has_more` says that another one follows."""
        end, more = room.seq, True
        while more:
            since, more = await self.write_page(session, room.id, since, end)
            await session.drained()

    async def write_page(self, session: Session, room_id: UUID, since: int, end: int) -> tuple[int, bool]:
        """A page after `since`, up to `end`: (the last message that the session has then, whether another follows)."""
        async with self._database.connection() as connection:
            rows = await message_store.select_messages_after(connection, room_id, since, HISTORY)
            rows = [row for row in rows if row.seq <= end]
            views = await view_messages(connection, self._presence, session.user_id, room_id, rows)
        since = views[-1].seq if views else max(since, end)
        more = since < end
        session.write(protocol.frame(events.ChatHistory(events.History(room_id, views, more))))
        return since, more
