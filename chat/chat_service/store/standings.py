"""How far members are, for other services."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from chassis.postgres import Connection
from contracts.internal import RoomRecord


async def select_room_record(connection: Connection, room_id: UUID) -> RoomRecord | None:
    """A room and who is in it."""
    row = await connection.fetchrow(
        """SELECT r.id, r.kind, r.name, r.last_seq,
                  array(SELECT m.user_id FROM members m WHERE m.room_id = r.id) AS members
             FROM rooms r
            WHERE r.id = $1""",
        room_id,
    )
    return None if row is None else RoomRecord(row["id"], row["kind"], row["name"], row["last_seq"], row["members"])


async def select_standings(connection: Connection, room_ids: Sequence[UUID], user_ids: Sequence[UUID]) -> list[Any]:
    """(room_id, user_id, read_seq, delivered_seq, muted) of those of the pairs who are members."""
    return list(
        await connection.fetch(
            """SELECT m.room_id, m.user_id, m.read_seq, greatest(m.read_seq, m.delivered_seq) AS delivered_seq,
                      coalesce(m.muted_until > now(), false) AS muted
                 FROM unnest($1::uuid[], $2::uuid[]) AS asked (room_id, user_id)
                 JOIN members m ON m.room_id = asked.room_id AND m.user_id = asked.user_id""",
            room_ids,
            user_ids,
        )
    )
