"""From rows to what one member sees: presence, receipts and direction put in."""

from collections.abc import Sequence
from itertools import accumulate
from typing import Protocol
from uuid import UUID

import msgspec

from chassis.postgres import Connection
from chassis.times import rfc3339

from .model import Message, MessageRow, Room, RoomRow, room_of, user_of
from .realtime.live import given_client_id
from .store import messages as message_store


class Online(Protocol):
    """Who tells who is online."""

    async def online(self, user_ids: Sequence[UUID]) -> set[UUID]:
        """Those of `user_ids` who are connected."""


async def view_rooms(presence: Online, rows: Sequence[RoomRow]) -> list[Room]:
    """The rooms as their member sees them."""
    online = await presence.online([row.friend.id for row in rows if row.friend is not None])
    return [room_of(row, friend_online=row.friend is not None and row.friend.id in online) for row in rows]


async def view_messages(
    connection: Connection, presence: Online, member_id: UUID, room_id: UUID, rows: Sequence[MessageRow]
) -> list[Message]:
    """The messages of one room as its member sees them, in the order of `rows`."""
    if not rows:
        return []
    marks = await message_store.select_marks(connection, room_id)
    senders = {row.sender.id: row.sender for row in rows}
    online = await presence.online(list(senders))
    users = {sender.id: user_of(sender, online=sender.id in online) for sender in senders.values()}
    seqs = [row.seq for row in rows]
    read = _Reached([(mark.user_id, mark.joined_seq, mark.read_seq) for mark in marks], min(seqs), max(seqs))
    delivered = _Reached(
        [(mark.user_id, mark.joined_seq, max(mark.read_seq, mark.delivered_seq)) for mark in marks],
        min(seqs),
        max(seqs),
    )
    return [
        Message(
            id=row.id,
            room=row.room_id,
            seq=row.seq,
            rev=row.rev,
            user=users[row.sender.id],
            content=row.content,
            created_at=rfc3339(row.created_at) or "",
            is_delivered=delivered.by_others(row.sender.id, row.seq),
            is_read=read.by_others(row.sender.id, row.seq),
            reply_to=msgspec.UNSET if row.reply_to is None else row.reply_to,
            edited_at=rfc3339(row.edited_at) or msgspec.UNSET,
            deleted=msgspec.UNSET if row.deleted_at is None else True,
            direction="sent" if row.sender.id == member_id else "received",
            client_id=(given_client_id(row) or msgspec.UNSET) if row.sender.id == member_id else msgspec.UNSET,
        )
        for row in rows
    ]


class _Reached:
    """Which messages are within the marks of others.

    A member's mark speaks of what was sent since he joined: what was sent before is not unread for him, but he has not
    read it either.

    Arguments:
        marks: (member, the last message before he joined, his mark).
        first, last: the messages that will be asked for.
    """

    def __init__(self, marks: Sequence[tuple[UUID, int, int]], first: int, last: int) -> None:
        steps = [0] * (last - first + 2)
        for _, joined_seq, mark in marks:
            start, end = max(joined_seq + 1, first), min(mark, last)
            if start <= end:
                steps[start - first] += 1
                steps[end + 1 - first] -= 1
        self._first = first
        self._members = list(accumulate(steps))  # by message, how many marks it is within
        self._own = {user_id: (joined_seq, mark) for user_id, joined_seq, mark in marks}

    def by_others(self, user_id: UUID, seq: int) -> bool:
        """Whether the message is within the mark of anybody but this user."""
        joined_seq, mark = self._own.get(user_id, (0, 0))
        return self._members[seq - self._first] > (joined_seq < seq <= mark)
