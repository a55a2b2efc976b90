"""`rooms` and `members`: copies, which narrow down whom to ask chat about."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from chassis.postgres import Connection
from contracts.internal import RoomRecord

from ..model import Room


async def select_rooms(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, Room]:
    """Those that are known."""
    rows = await connection.fetch("SELECT id, kind, name, asked_at FROM rooms WHERE id = ANY ($1::uuid[])", ids)
    return {row["id"]: Room(**dict(row)) for row in rows}


async def upsert_room(connection: Connection, record: RoomRecord) -> None:
    """Store what chat says of a room. Who is in it is added to; events remove."""
    await connection.execute(
        """INSERT INTO rooms (id, kind, name)
           VALUES ($1, $2, $3)
               ON CONFLICT (id) DO UPDATE SET name = excluded.name, asked_at = now()""",
        record.id,
        record.type,
        record.name,
    )
    await connection.execute(
        """INSERT INTO members (room_id, user_id)
           SELECT $1, id FROM unnest($2::uuid[]) AS u (id) ORDER BY id
               ON CONFLICT DO NOTHING""",
        record.id,
        record.members,
    )


async def insert_member(connection: Connection, room_id: UUID, user_id: UUID) -> None:
    """He is in the room; nothing that was said before is unread."""
    await connection.execute(
        """INSERT INTO members (room_id, user_id, read_seq)
           VALUES ($1, $2, coalesce((SELECT max(seq) FROM messages WHERE room_id = $1), 0))
               ON CONFLICT DO NOTHING""",
        room_id,
        user_id,
    )


async def delete_member(connection: Connection, room_id: UUID, user_id: UUID) -> None:
    """He is not in the room any more."""
    await connection.execute("DELETE FROM members WHERE room_id = $1 AND user_id = $2", room_id, user_id)


async def delete_memberships(connection: Connection, user_id: UUID) -> None:
    """He is in no room any more."""
    await connection.execute("DELETE FROM members WHERE user_id = $1", user_id)


async def mute_member(connection: Connection, room_id: UUID, user_id: UUID, until: datetime | None) -> None:
    """Until then (None: no more) the room is muted for him."""
    await connection.execute(
        "UPDATE members SET muted_until = $3 WHERE room_id = $1 AND user_id = $2", room_id, user_id, until
    )


async def mark_read(
    connection: Connection, room_ids: Sequence[UUID], user_ids: Sequence[UUID], seqs: Sequence[int]
) -> None:
    """They have read up to there; no pair twice."""
    await connection.execute(
        """UPDATE members m
              SET read_seq = r.seq
             FROM unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS r (room_id, user_id, seq)
            WHERE m.room_id = r.room_id AND m.user_id = r.user_id AND m.read_seq < r.seq""",
        room_ids,
        user_ids,
        seqs,
    )
