"""All that chat stores of one person, for himself."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from chassis.postgres import Connection


async def select_person(connection: Connection, user_id: UUID) -> dict[str, Any] | None:
    """Our copy of his account."""
    row = await connection.fetchrow(
        "SELECT id, username, display_name, avatar_url, last_seen_at FROM users WHERE id = $1", user_id
    )
    return None if row is None else dict(row)


async def select_rooms_ever(connection: Connection, user_id: UUID) -> list[Any]:
    """The rooms that he is in, or has left, in the order of their ids."""
    rows: list[Any] = await connection.fetch(
        """SELECT r.id, r.kind, r.name, m.role, m.joined_at, CASE WHEN m.user_id IS NULL THEN l.left_at END AS left_at,
                  m.read_seq,
                  CASE WHEN m.user_id IS NOT NULL THEN coalesce(m.muted_until > now(), false) END AS muted
             FROM (SELECT room_id FROM members WHERE user_id = $1
                    UNION
                   SELECT room_id FROM left_rooms WHERE user_id = $1) AS his
             JOIN rooms r ON r.id = his.room_id
        LEFT JOIN members m ON m.room_id = r.id AND m.user_id = $1
        LEFT JOIN left_rooms l ON l.room_id = r.id AND l.user_id = $1
            ORDER BY r.id""",
        user_id,
    )
    return rows


async def select_sent(
    connection: Connection, user_id: UUID, room_ids: Sequence[UUID], after: tuple[UUID, str], limit: int
) -> list[Any]:
    """Messages that he has sent to these rooms, beyond a place, in the order of rooms and client ids.

    That is the order of the index by which repeated sends are found, so that each room costs what is read of it.
    """
    rows: list[Any] = await connection.fetch(
        """SELECT m.room_id, m.seq, m.id, m.client_id, m.content, m.reply_to, m.created_at, m.edited_at, m.deleted_at
             FROM unnest($2::uuid[]) AS r (id)
            CROSS JOIN LATERAL
                  (SELECT m.room_id, m.seq, m.id, m.client_id, m.content, m.reply_to, m.created_at, m.edited_at,
                          m.deleted_at
                     FROM messages m
                    WHERE m.room_id = r.id AND m.sender_id = $1
                      AND m.client_id > CASE WHEN r.id = $3 THEN $4 ELSE '' END
                    ORDER BY m.room_id, m.sender_id, m.client_id
                    LIMIT $5) AS m
            ORDER BY m.room_id, m.client_id
            LIMIT $5""",
        user_id,
        room_ids,
        after[0],
        after[1],
        limit,
    )
    return rows
