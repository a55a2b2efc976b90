"""Use cases around messages that were sent: editing and deleting them, from sockets and over HTTP."""

import asyncio
from collections.abc import Coroutine
from typing import Any
from uuid import UUID

from chassis.postgres import Postgres
from chassis.problems import Conflict, Forbidden, NotFound, Problem

from .messages import check_content
from .model import MAX_SEQ, Message
from .realtime.feed import Feed
from .realtime.frames import live_change_of_row
from .receipts import select_receipts
from .store import messages as store
from .store.messages import Change
from .views import Online, view_messages


class Changes:
    """What can be done with messages afterwards. Who wants the same again gets the same answer.

    Arguments:
        database: chat's.
        feed: told of what has changed.
        presence: for what members see.
    """

    def __init__(self, database: Postgres, feed: Feed, presence: Online) -> None:
        self._database = database
        self._feed = feed
        self._presence = presence
        self._under_way: set[asyncio.Task[Change]] = set()

    async def edit(self, by: UUID, room_id: UUID, seq: int, content: str, *, online: bool) -> Change:
        """Give a message other words, and tell its room; outcomes as of `store.edit_message`.

        Arguments:
            online: whether he who does so is connected.
        """
        return await self._see_through(self._change(by, room_id, seq, content, online))

    async def delete(self, by: UUID, room_id: UUID, seq: int) -> Change:
        """Delete a message, and tell its room; outcomes as of `store.delete_message`."""
        return await self._see_through(self._change(by, room_id, seq, None, online=False))

    async def edited(self, by: UUID, room_id: UUID, seq: int, content: str) -> Message:
        """`edit`: the message as he sees it then.

        Raises:
            Invalid: the content.
            NotFound: he is no member, or there is no such message.
            Forbidden: it is somebody else's.
            Conflict: it has been deleted.
        """
        check_content(content, "content")
        online = by in await self._presence.online([by])
        change = await self.edit(by, room_id, seq, content, online=online)
        if change.message is None:
            raise _problem_of(change)
        async with self._database.connection() as connection:
            [view] = await view_messages(connection, self._presence, by, room_id, [change.message])
        return view

    async def deleted(self, by: UUID, room_id: UUID, seq: int) -> None:
        """`delete`; raises as `edited`."""
        change = await self.delete(by, room_id, seq)
        if change.message is None:
            raise _problem_of(change)

    async def _change(self, by: UUID, room_id: UUID, seq: int, content: str | None, online: bool) -> Change:
        seq = min(seq, MAX_SEQ)  # a path may name any number
        async with self._database.connection() as connection:
            if content is None:
                change = await store.delete_message(connection, room_id, seq, by)
            else:
                change = await store.edit_message(connection, room_id, seq, by, content)
            if change.message is not None:
                receipts = await select_receipts(connection, room_id, [change.message])
        if change.outcome == "changed" and change.message is not None:
            self._feed.message_changed(room_id, live_change_of_row(change.message, receipts, online=online))
        elif change.outcome == "unchanged":  # by an attempt before, whose pod may have died before it rang
            self._feed.changed(room_id, change.last_seq, change.room_rev)
        return change

    async def _see_through(self, work: Coroutine[Any, Any, Change]) -> Change:
        """Do the work to its end, even if nobody waits for it any more: what is committed is told."""
        task = asyncio.get_running_loop().create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    def _ended(self, task: asyncio.Task[Change]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # which may have been meant for somebody who has left


def _problem_of(change: Change) -> Problem:
    problems = {
        "no_room": NotFound("There is no such room.", code="room_not_found"),
        "no_message": NotFound("There is no such message.", code="message_not_found"),
        "forbidden": Forbidden("It is somebody else's message.", code="not_the_author"),
        "deleted": Conflict("The message has been deleted.", code="message_deleted"),
    }
    return problems[change.outcome]
