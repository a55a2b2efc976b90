"""Messages: the group commit, ranges of one room by its dense sequence, and their changes by the room's rev."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from chassis.postgres import Connection

from ..model import MessageRow, PersonRow
from .users import person_from

_MESSAGE = """
    SELECT m.id, m.room_id, m.seq, m.rev, m.client_id, m.content, m.reply_to, m.created_at, m.edited_at, m.deleted_at,
           u.id AS sender_id, u.username AS sender_username, u.display_name AS sender_display_name,
           u.last_seen_at AS sender_last_seen_at, u.avatar_url AS sender_avatar_url
      FROM messages m
      JOIN users u ON u.id = m.sender_id
     WHERE m.room_id = $1"""


def _messages_from(rows: Sequence[Any]) -> list[MessageRow]:
    """The messages in the rows; people write many in a row, and each of them is made once."""
    senders = {row["sender_id"]: row for row in rows}
    people = {sender_id: person_from(row, "sender_") for sender_id, row in senders.items()}
    return [_message_from(row, people[row["sender_id"]]) for row in rows]


def _message_from(row: Any, sender: PersonRow) -> MessageRow:
    return MessageRow(
        id=row["id"],
        room_id=row["room_id"],
        seq=row["seq"],
        rev=row["rev"],
        sender=sender,
        client_id=row["client_id"],
        content=row["content"],
        created_at=row["created_at"],
        reply_to=row["reply_to"],
        edited_at=row["edited_at"],
        deleted_at=row["deleted_at"],
    )


async def send_messages(
    connection: Connection,
    ids: Sequence[UUID],
    rooms: Sequence[UUID],
    senders: Sequence[UUID],
    clients: Sequence[str],
    contents: Sequence[str],
    reply_tos: Sequence[int | None],
) -> list[Any]:
    """The group commit (migration 0004): rows of (ord from 1, outcome, id, seq, rev, created_at), in no order."""
    rows: list[Any] = await connection.fetch(
        """SELECT ord, outcome, id, seq, rev, created_at
             FROM send_messages($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::bigint[])""",
        ids,
        rooms,
        senders,
        clients,
        contents,
        reply_tos,
    )
    return rows


class Mark(msgspec.Struct, frozen=True, gc=False):
    """How far a member is: what was before he joined, what he has read, what has arrived at him."""

    user_id: UUID
    joined_seq: int
    read_seq: int
    delivered_seq: int


class Change(msgspec.Struct, frozen=True):
    """What became of a change of a message, where the room is after it, and the message if it says what was wanted."""

    outcome: str
    last_seq: int
    room_rev: int
    message: MessageRow | None


async def edit_message(connection: Connection, room_id: UUID, seq: int, by: UUID, content: str) -> Change:
    """`changed`, `unchanged` (it says so already), `no_room`, `no_message`, `forbidden` or `deleted`."""
    return await _change_message(connection, room_id, seq, by, content)


async def delete_message(connection: Connection, room_id: UUID, seq: int, by: UUID) -> Change:
    """`changed`, `unchanged` (it is deleted already), `no_room`, `no_message` or `forbidden`."""
    return await _change_message(connection, room_id, seq, by, None)


async def _change_message(connection: Connection, room_id: UUID, seq: int, by: UUID, content: str | None) -> Change:
    row = await connection.fetchrow(
        """SELECT c.outcome, c.last_seq, c.room_rev, c.id, c.room_id, c.seq, c.rev, c.client_id, c.content, c.reply_to,
                  c.created_at, c.edited_at, c.deleted_at, c.sender_id, c.sender_username, c.sender_display_name,
                  c.sender_last_seen_at, u.avatar_url AS sender_avatar_url
             FROM change_message($1, $2, $3, $4) c
        LEFT JOIN users u ON u.id = c.sender_id""",
        room_id,
        seq,
        by,
        content,
    )
    message = None if row["id"] is None else _message_from(row, person_from(row, "sender_"))
    return Change(row["outcome"], row["last_seq"] or 0, row["room_rev"] or 0, message)


async def select_messages_after(connection: Connection, room_id: UUID, seq: int, limit: int) -> list[MessageRow]:
    """Messages beyond `seq`, ascending."""
    rows = await connection.fetch(f"{_MESSAGE} AND m.seq > $2 ORDER BY m.seq LIMIT $3", room_id, seq, limit)
    return _messages_from(rows)


async def select_messages_before(connection: Connection, room_id: UUID, seq: int, limit: int) -> list[MessageRow]:
    """Messages below `seq`, descending."""
    rows = await connection.fetch(f"{_MESSAGE} AND m.seq < $2 ORDER BY m.seq DESC LIMIT $3", room_id, seq, limit)
    return _messages_from(rows)


async def select_changes(connection: Connection, room_id: UUID, after: int, upto: int, limit: int) -> list[MessageRow]:
    """Messages whose last change has a rev in (`after`, `upto`], in the order of these changes."""
    rows = await connection.fetch(
        f"{_MESSAGE} AND m.rev > 0 AND m.rev > $2 AND m.rev <= $3 ORDER BY m.rev LIMIT $4", room_id, after, upto, limit
    )
    return _messages_from(rows)


async def select_marks(connection: Connection, room_id: UUID) -> list[Mark]:
    """How far everybody in the room is."""
    rows = await connection.fetch(
        "SELECT user_id, joined_seq, read_seq, delivered_seq FROM members WHERE room_id = $1", room_id
    )
    return [Mark(row["user_id"], row["joined_seq"], row["read_seq"], row["delivered_seq"]) for row in rows]
