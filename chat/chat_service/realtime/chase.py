"""Catching up: what a session has missed is written page by page until it is where everybody is; then it is attached.

No live message is queued meanwhile: what is said while a page is read is on the next page. First come the messages that
it does not have, in the state in which they are now, then the changes of those that it has, each message once and in
the order of their revs.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from itertools import takewhile
from typing import TypeVar

import msgspec

from chassis import postgres
from chassis.postgres import Postgres

from ..model import MessageRow
from ..receipts import Receipts, select_receipts
from ..store import members as member_store
from ..store import messages as message_store
from . import events, protocol
from .feed import Feed
from .frames import live_change_of_row, live_message_of_row
from .history import History
from .hub import Hub, LiveRoom
from .live import LiveMessage
from .session import Session

PAGE = 200
RETRY_SECONDS = 0.5  # while Postgres is away

Result = TypeVar("Result")


class Known(msgspec.Struct):
    """What a session has of a room, and had.

    Arguments:
        seq: it has the messages up to here,
        rev: in the state of this rev of the room, or in a later one.
        first: what `seq` was at first.
        began: the rev of the room at that time: messages after `first` are read no earlier, so in its state or later.
    """

    seq: int
    rev: int
    first: int
    began: int

    @classmethod
    def now(cls, room: LiveRoom, seq: int, rev: int) -> "Known":
        """Before anything is read."""
        return cls(seq, rev, seq, room.rev)

    def lacks(self, changed: MessageRow) -> bool:
        """Whether the session has that message, and had it before this change."""
        return changed.seq <= self.seq and (changed.seq <= self.first or changed.rev > self.began)


class Chase:
    """Brings a session level with a room.

    Arguments:
        database: chat's.
        hub: where it is attached.
        feed: knows how far the room is; the caller holds the room.
        history: writes the pages that a client may ask for.
    """

    def __init__(self, database: Postgres, hub: Hub, feed: Feed, history: History) -> None:
        self._database = database
        self._hub = hub
        self._feed = feed
        self._history = history

    async def with_history(self, session: Session, room: LiveRoom, known: Known, rev: int) -> None:
        """Write the last messages up to `known` as a page, then chase from there."""
        await _patiently(lambda: self._history.write_last(session, room, known.seq + 1))
        await self.chase(session, room, known, rev)

    async def with_pages(self, session: Session, room: LiveRoom, known: Known, rev: int) -> None:
        """Write everything after `known` as pages, then chase from there."""
        end, more = room.seq, True
        while more:
            known.seq, more = await _patiently(lambda: self._history.write_page(session, room.id, known.seq, end))
            await session.drained()
        await self.chase(session, room, known, rev)

    async def chase(self, session: Session, room: LiveRoom, known: Known, rev: int) -> None:
        """Write what the session has not seen until it has seen what everybody has; then attach it.

        Arguments:
            known: where it is; moved on.
            rev: of the room when the user was last known to be in it; when it has moved, the members are read again.
        """
        repairs = self._feed.repairs
        while not session.closing:
            if known.seq > room.seq or known.rev > room.rev:
                await repairs.catch_up(room)
                if known.seq > room.seq or known.rev > room.rev:  # a position from another life of this room
                    session.write(protocol.frame(events.RoomReset(events.Reset(room.id, room.seq, room.rev))))
                    known = Known.now(room, room.seq, room.rev)
            if known.seq == room.seq and known.rev == room.rev <= rev:
                if not repairs.under_way(room):
                    self._hub.attach(session, room)
                    return
                await repairs.wait(room)
                continue
            upto = room.rev
            rows, changes, receipts, rev, is_member = await _patiently(
                lambda: self._read(session, room, known, upto)  # noqa: B023  it is awaited before they change
            )
            if not is_member:
                session.write(protocol.frame(events.RoomRemoved(events.InRoom(room.id))))
                return
            fresh = list(takewhile(lambda row: row.seq <= room.seq and row.rev <= room.rev, rows))
            missed = [row for row in changes if known.lacks(row)]
            messages = [live_message_of_row(row, receipts) for row in fresh]
            _write(session, [*messages, *(live_change_of_row(row, receipts) for row in missed)])
            if len(rows) < PAGE:
                known.rev = changes[-1].rev if len(changes) == PAGE else upto
            if fresh:
                known.seq = fresh[-1].seq
            elif rows:
                await repairs.catch_up(room)  # the next one has been changed, of which the room has not heard
            await session.drained()

    async def _read(
        self, session: Session, room: LiveRoom, known: Known, upto: int
    ) -> tuple[Sequence[MessageRow], Sequence[MessageRow], Receipts, int, bool]:
        """(further messages, changes up to `upto`, their receipts, the room's rev, whether the user is in it).

        The members are read last. Receipts are read for his own messages and for changed ones, which he may have shown
        as read: for what others have said they would cost as much as the room has members, for each who comes back.
        """
        rows: Sequence[MessageRow] = []
        changes: Sequence[MessageRow] = []
        async with self._database.connection() as connection:
            if known.seq < room.seq:
                rows = await message_store.select_messages_after(connection, room.id, known.seq, PAGE)
            if known.rev < upto and len(rows) < PAGE:
                changes = await message_store.select_changes(connection, room.id, known.rev, upto, PAGE)
            looked_at = [*(row for row in rows if row.sender.id == session.user_id), *changes]
            receipts = await select_receipts(connection, room.id, [*rows, *changes] if looked_at else [])
            rev, members = await member_store.select_fence(connection, room.id, [session.user_id])
        return rows, changes, receipts, rev, session.user_id in members


def _write(session: Session, messages: Iterable[LiveMessage]) -> None:
    """In one write: a second one would be held against a reader who is just beginning."""
    own = session.user_id
    data = b"".join(message.sent() if message.sender_id == own else message.received() for message in messages)
    if data:
        session.write(data)


async def _patiently(read: Callable[[], Awaitable[Result]]) -> Result:
    """What `read` gives, once Postgres is there."""
    while True:
        try:
            return await read()
        except Exception as error:
            if not postgres.is_away(error):
                raise
        await asyncio.sleep(RETRY_SECONDS)
