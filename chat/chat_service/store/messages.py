"""Messages: the group commit, and ranges of one room by its dense sequence."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from chassis.postgres import Connection

from ..model import MessageRow
from .users import person_from

_MESSAGE = """
    SELECT m.id, m.room_id, m.seq, m.rev, m.client_id, m.content, m.created_at,
           u.id AS sender_id, u.username AS sender_username, u.display_name AS sender_display_name,
           u.last_seen_at AS sender_last_seen_at
      FROM messages m
      JOIN users u ON u.id = m.sender_id
     WHERE m.room_id = $1"""


def _message_from(row: Any) -> MessageRow:
    return MessageRow(
        id=row["id"],
        room_id=row["room_id"],
        seq=row["seq"],
        rev=row["rev"],
        sender=person_from(row, "sender_"),
        client_id=row["client_id"],
        content=row["content"],
        created_at=row["created_at"],
    )


async def send_messages(
    connection: Connection,
    ids: Sequence[UUID],
    rooms: Sequence[UUID],
    senders: Sequence[UUID],
    clients: Sequence[str],
    contents: Sequence[str],
) -> list[Any]:
    """The group commit (migration 0002): rows of (ord from 1, outcome, id, seq, rev, created_at), in no order."""
    rows: list[Any] = await connection.fetch(
        """SELECT ord, outcome, id, seq, rev, created_at
             FROM send_messages($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[])""",
        ids,
        rooms,
        senders,
        clients,
        contents,
    )
    return rows


async def select_messages_after(connection: Connection, room_id: UUID, seq: int, limit: int) -> list[MessageRow]:
    """Messages beyond `seq`, ascending."""
    rows = await connection.fetch(f"{_MESSAGE} AND m.seq > $2 ORDER BY m.seq LIMIT $3", room_id, seq, limit)
    return [_message_from(row) for row in rows]


async def select_messages_before(connection: Connection, room_id: UUID, seq: int, limit: int) -> list[MessageRow]:
    """Messages below `seq`, descending."""
    rows = await connection.fetch(f"{_MESSAGE} AND m.seq < $2 ORDER BY m.seq DESC LIMIT $3", room_id, seq, limit)
    return [_message_from(row) for row in rows]


async def select_marks(connection: Connection, room_id: UUID) -> list[tuple[UUID, int, int]]:
    """(member, read_seq, delivered_seq) of everybody in the room."""
    rows = await connection.fetch("SELECT user_id, read_seq, delivered_seq FROM members WHERE room_id = $1", room_id)
    return [(row["user_id"], row["read_seq"], row["delivered_seq"]) for row in rows]
