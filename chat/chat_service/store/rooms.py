"""Rooms and their members."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from chassis.postgres import Connection

from ..model import RoomRow
from .users import person_from

# A room as the member $1 sees it. The friend is the other member of a direct room.
_ROOM = """
    SELECT r.id, r.kind, r.name, r.last_seq, r.rev, r.last_message_at, m.read_seq, m.joined_seq,
           coalesce(m.muted_until > now(), false) AS muted,
           coalesce(l.content, '') AS last_message,
           f.id AS friend_id, f.username AS friend_username, f.display_name AS friend_display_name,
           f.last_seen_at AS friend_last_seen_at, f.avatar_url AS friend_avatar_url
      FROM members m
      JOIN rooms r ON r.id = m.room_id
 LEFT JOIN messages l ON l.room_id = r.id AND l.seq = r.last_seq
 LEFT JOIN members o ON r.kind = 'direct' AND o.room_id = r.id AND o.user_id <> m.user_id
 LEFT JOIN users f ON f.id = o.user_id
     WHERE m.user_id = $1"""


def _room_from(row: Any) -> RoomRow:
    return RoomRow(
        id=row["id"],
        kind=row["kind"],
        name=row["name"],
        last_seq=row["last_seq"],
        rev=row["rev"],
        last_message_at=row["last_message_at"],
        last_message=row["last_message"],
        read_seq=row["read_seq"],
        joined_seq=row["joined_seq"],
        muted=row["muted"],
        friend=None if row["friend_id"] is None else person_from(row, "friend_"),
    )


async def select_rooms(connection: Connection, member_id: UUID, *, limit: int, offset: int) -> list[RoomRow]:
    """A page of the member's rooms, latest activity first."""
    rows = await connection.fetch(
        f"{_ROOM} ORDER BY coalesce(r.last_message_at, r.created_at) DESC, r.id LIMIT $2 OFFSET $3",
        member_id,
        limit,
        offset,
    )
    return [_room_from(row) for row in rows]


async def select_room(connection: Connection, member_id: UUID, room_id: UUID) -> RoomRow | None:
    """The room as its member sees it, None for anybody else."""
    row = await connection.fetchrow(f"{_ROOM} AND r.id = $2", member_id, room_id)
    return None if row is None else _room_from(row)


async def select_room_for(
    connection: Connection, room_id: UUID, member_ids: Sequence[UUID]
) -> list[tuple[UUID, RoomRow]]:
    """(member, the room as he sees it) of those of `member_ids` who are in it."""
    query = _ROOM.replace("m.user_id = $1", "m.user_id = ANY ($1::uuid[])").replace(
        "SELECT r.id", "SELECT m.user_id, r.id"
    )
    rows = await connection.fetch(f"{query} AND r.id = $2", member_ids, room_id)
    return [(row["user_id"], _room_from(row)) for row in rows]


async def select_rooms_seen(
    connection: Connection, member_ids: Sequence[UUID], room_ids: Sequence[UUID]
) -> list[tuple[UUID, RoomRow]]:
    """(member, the room as he sees it) of each pair whose member is in its room."""
    pairs = "unnest($1::uuid[], $2::uuid[]) AS seen (member_id, room_id)"
    query = (
        _ROOM.replace("SELECT r.id", "SELECT m.user_id, r.id")
        .replace("FROM members m", f"FROM {pairs} JOIN members m ON m.room_id = seen.room_id")
        .replace("m.user_id = $1", "m.user_id = seen.member_id")
    )
    rows = await connection.fetch(query, member_ids, room_ids)
    return [(row["user_id"], _room_from(row)) for row in rows]


async def select_direct_partners(connection: Connection, user_ids: Sequence[UUID]) -> list[tuple[UUID, UUID, UUID]]:
    """(user, direct room, the other one in it) of all direct rooms of these users."""
    rows = await connection.fetch(
        """SELECT m.user_id, m.room_id, trim(':' FROM replace(r.direct_key, m.user_id::text, ''))::uuid AS partner_id
             FROM members m
             JOIN rooms r ON r.id = m.room_id
            WHERE m.user_id = ANY ($1::uuid[]) AND r.kind = 'direct'""",
        user_ids,
    )
    return [(row["user_id"], row["room_id"], row["partner_id"]) for row in rows]


async def count_rooms(connection: Connection, member_id: UUID) -> int:
    """How many rooms the member is in."""
    return int(await connection.fetchval("SELECT count(*) FROM members WHERE user_id = $1", member_id))


async def select_direct_room(connection: Connection, key: str) -> UUID | None:
    """The room of a pair."""
    found: UUID | None = await connection.fetchval("SELECT id FROM rooms WHERE direct_key = $1", key)
    return found


async def select_positions(connection: Connection, room_ids: Sequence[UUID]) -> list[tuple[UUID, int, int]]:
    """(room, last_seq, rev) of each."""
    rows = await connection.fetch("SELECT id, last_seq, rev FROM rooms WHERE id = ANY ($1::uuid[])", room_ids)
    return [(row["id"], row["last_seq"], row["rev"]) for row in rows]


async def select_differences(
    connection: Connection, room_ids: Sequence[UUID], seqs: Sequence[int], revs: Sequence[int]
) -> list[tuple[UUID, int, int]]:
    """(room, last_seq, rev) of those that have moved beyond what the caller has."""
    rows = await connection.fetch(
        """SELECT r.id, r.last_seq, r.rev
             FROM unnest($1::uuid[], $2::bigint[], $3::bigint[]) AS have (id, seq, rev)
             JOIN rooms r ON r.id = have.id
            WHERE r.last_seq > have.seq OR r.rev > have.rev""",
        room_ids,
        seqs,
        revs,
    )
    return [(row["id"], row["last_seq"], row["rev"]) for row in rows]


async def select_direct_rooms(connection: Connection, user_id: UUID, limit: int) -> list[UUID]:
    """Somebody's direct rooms, latest activity first."""
    rows = await connection.fetch(
        """SELECT r.id
             FROM members m
             JOIN rooms r ON r.id = m.room_id
            WHERE m.user_id = $1 AND r.kind = 'direct'
            ORDER BY coalesce(r.last_message_at, r.created_at) DESC
            LIMIT $2""",
        user_id,
        limit,
    )
    return [row["id"] for row in rows]


async def select_groups(connection: Connection, user_id: UUID) -> list[UUID]:
    """All groups that somebody is in."""
    rows = await connection.fetch(
        "SELECT r.id FROM members m JOIN rooms r ON r.id = m.room_id WHERE m.user_id = $1 AND r.kind = 'group'", user_id
    )
    return [row["id"] for row in rows]
