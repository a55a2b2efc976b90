"""From rows to what one member sees: presence, receipts and direction put in."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

import msgspec

from chassis.postgres import Connection
from chassis.times import rfc3339

from .model import Message, MessageRow, Room, RoomRow, room_of, user_of
from .realtime.live import given_client_id
from .receipts import select_receipts


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
    receipts = await select_receipts(connection, room_id, rows)
    senders = {row.sender.id: row.sender for row in rows}
    online = await presence.online(list(senders))
    users = {sender.id: user_of(sender, online=sender.id in online) for sender in senders.values()}
    return [
        Message(
            id=row.id,
            room=row.room_id,
            seq=row.seq,
            rev=row.rev,
            user=users[row.sender.id],
            content=row.content,
            created_at=rfc3339(row.created_at) or "",
            is_delivered=receipts.is_delivered(row),
            is_read=receipts.is_read(row),
            reply_to=msgspec.UNSET if row.reply_to is None else row.reply_to,
            edited_at=rfc3339(row.edited_at) or msgspec.UNSET,
            deleted=msgspec.UNSET if row.deleted_at is None else True,
            direction="sent" if row.sender.id == member_id else "received",
            client_id=(given_client_id(row) or msgspec.UNSET) if row.sender.id == member_id else msgspec.UNSET,
        )
        for row in rows
    ]
