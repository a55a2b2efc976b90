"""From rows to what one member sees: presence, receipts and direction put in."""

from collections.abc import Sequence
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
    online = await presence.online(list({row.sender.id for row in rows}))
    read = _Highest([(user, read_seq) for user, read_seq, _ in marks])
    delivered = _Highest([(user, max(read_seq, delivered_seq)) for user, read_seq, delivered_seq in marks])
    return [
        Message(
            id=row.id,
            room=row.room_id,
            seq=row.seq,
            rev=row.rev,
            user=user_of(row.sender, online=row.sender.id in online),
            content=row.content,
            created_at=rfc3339(row.created_at) or "",
            is_delivered=delivered.by_others(row.sender.id) >= row.seq,
            is_read=read.by_others(row.sender.id) >= row.seq,
            reply_to=msgspec.UNSET if row.reply_to is None else row.reply_to,
            edited_at=rfc3339(row.edited_at) or msgspec.UNSET,
            deleted=msgspec.UNSET if row.deleted_at is None else True,
            direction="sent" if row.sender.id == member_id else "received",
            client_id=(given_client_id(row) or msgspec.UNSET) if row.sender.id == member_id else msgspec.UNSET,
        )
        for row in rows
    ]


class _Highest:
    """The highest of the members' marks, without one of them: the two highest of different members tell."""

    def __init__(self, marks: Sequence[tuple[UUID, int]]) -> None:
        ranked = sorted(marks, key=lambda mark: mark[1], reverse=True)[:2]
        self._first = ranked[0] if ranked else None
        self._second = ranked[1][1] if len(ranked) > 1 else 0

    def by_others(self, user_id: UUID) -> int:
        """The highest mark of anybody but this user."""
        if self._first is None:
            return 0
        return self._second if self._first[0] == user_id else self._first[1]
