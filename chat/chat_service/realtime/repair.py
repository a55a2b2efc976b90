"""Closing gaps from Postgres: read, fence, deliver, until nothing is missing. At most one repair per room at a time.

While one is under way nobody is attached to the room, so that whoever hears what was read has been looked for among the
members when it was.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from uuid import UUID

from prometheus_client import Counter

from chassis import postgres
from chassis.postgres import Postgres

from ..model import MessageRow
from ..receipts import NOTHING, Receipts, select_receipts
from ..store import members as member_store
from ..store import messages as message_store
from . import events, protocol
from .frames import live_change_of_row, live_message_of_row
from .hub import Hub, LiveRoom

PAGE = 200  # messages, or changes of messages, read at once
RETRY_SECONDS = 0.5  # while Postgres is away
MAX_READS_IN_VAIN = 5  # without a row, although something is held

logger = logging.getLogger(__name__)

repairs = Counter("parley_feed_repairs_total", "Gaps read from Postgres", ["reason"])


class Repairs:
    """Brings rooms forward from Postgres.

    Arguments:
        database: chat's.
        hub: where rooms and sessions are.
        release: delivers what a room holds and is next now.
        close_if_unused: called with rooms that sessions have been taken out of.
    """

    def __init__(
        self,
        database: Postgres,
        hub: Hub,
        release: Callable[[LiveRoom], None],
        close_if_unused: Callable[[LiveRoom], None],
    ) -> None:
        self._database = database
        self._hub = hub
        self._release = release
        self._close_if_unused = close_if_unused
        self._tasks: set[asyncio.Task[None]] = set()

    async def stop(self) -> None:
        """End all repairs."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def start_later(self, room: LiveRoom, seconds: float, reason: str) -> None:
        """Repair after a moment, unless that is planned or under way; `feed` cancels it when the gap closes itself."""
        if room.repair is None:
            room.repair = asyncio.get_running_loop().call_later(seconds, self.start, room, reason)

    def start(self, room: LiveRoom, reason: str) -> None:
        """Repair now, unless that is under way."""
        if isinstance(room.repair, asyncio.Task) and not room.repair.done():
            return
        if isinstance(room.repair, asyncio.TimerHandle):
            room.repair.cancel()
        repairs.labels(reason).inc()
        task = asyncio.create_task(self._repair(room))
        room.repair = task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _repair(self, room: LiveRoom) -> None:
        """Read and deliver until nothing is missing; tries again while Postgres is away."""
        try:
            in_vain = 0
            while self._hub.rooms.get(room.id) is room:
                have = room.rev
                changes: list[MessageRow] = []
                try:
                    async with self._database.connection() as connection:
                        rows = await message_store.select_messages_after(connection, room.id, room.seq, PAGE)
                        users = list({session.user_id for session in room.sessions})
                        rev, members = await member_store.select_fence(connection, room.id, users)
                        if rev > have and len(rows) < PAGE:
                            changes = await message_store.select_changes(connection, room.id, have, rev, PAGE)
                        receipts = await select_receipts(connection, room.id, changes)
                except Exception as error:
                    if not postgres.is_away(error):
                        raise
                    await asyncio.sleep(RETRY_SECONDS)
                    continue
                if room.rev != have:
                    continue  # it has been reset
                self._fence(room, {user for user in users if user not in members})
                self._deliver(room, rows, changes, receipts, rev)
                self._release(room)
                behind = room.seq < room.heard_seq or room.rev < max(rev, room.heard_rev)
                if len(rows) < PAGE and not room.held and not behind:
                    return
                # What is still missing came in while we read; it was committed before it rang: the next read has it.
                in_vain = 0 if rows or room.rev > have else in_vain + 1
                if in_vain >= MAX_READS_IN_VAIN:
                    logger.error("a room was told of what is not there", extra={"room": str(room.id)})
                    room.held, room.heard_seq, room.heard_rev = None, room.seq, room.rev
                    return
        finally:
            room.repair = None

    def _deliver(
        self,
        room: LiveRoom,
        rows: Sequence[MessageRow],
        changes: Sequence[MessageRow],
        receipts: Receipts,
        rev: int,
    ) -> None:
        """Hand over messages in their present state, then the changes of others, and move on as far as that goes.

        Arguments:
            rows: as the messages were before the members were read.
            changes: of messages up to `rev`, in that order.
            receipts: of these.
            rev: of the room when its members were read.
        """
        fresh = {}
        for row in rows:
            if row.seq == room.seq + 1:
                room.seq = row.seq
                fresh[row.seq] = row.rev
                self._hub.message(room, live_message_of_row(row, NOTHING))
        if len(rows) == PAGE:
            return  # there are more: what has been changed may be among them
        for row in changes:
            if row.seq > room.seq:  # stored since we read the messages: the room may hold it as it was at first
                room.rev = row.rev - 1
                return
            room.rev = row.rev
            if fresh.get(row.seq) != row.rev:
                self._hub.message(room, live_change_of_row(row, receipts))
        if len(changes) < PAGE:
            room.rev = max(room.rev, rev)

    def _fence(self, room: LiveRoom, gone: set[UUID]) -> None:
        """Those who are no longer members hear nothing more; read after the messages, so never too late."""
        if gone:
            for session in tuple(room.sessions):
                if session.user_id in gone:
                    self._hub.detach(session, room)
                    session.write(protocol.frame(events.RoomRemoved(events.InRoom(room.id))))
            self._close_if_unused(room)

    async def catch_up(self, room: LiveRoom) -> None:
        """Bring one room to the present of Postgres."""
        await self.wait(room)  # it may have read before that
        self.start(room, "asked")
        await self.wait(room)

    @staticmethod
    def under_way(room: LiveRoom) -> bool:
        """Whether the room is being read now."""
        return isinstance(room.repair, asyncio.Task)

    async def wait(self, room: LiveRoom) -> None:
        """Wait for the end of the repair that is under way, if one is."""
        if isinstance(room.repair, asyncio.Task):
            await asyncio.shield(room.repair)
