"""Who is in which room: each change one call, and what pods need to know of it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from chassis.postgres import Connection


class Change(msgspec.Struct, frozen=True):
    """What became of a change, and where the room is after it."""

    outcome: str
    seq: int
    rev: int


class Membership(msgspec.Struct, frozen=True):
    """One user's place in one room, and the room's rev when that was read."""

    room_id: UUID
    read_seq: int
    joined_seq: int
    rev: int


def _change_from(row: Any) -> Change:
    return Change(row["outcome"], row["seq"], row["rev"])


async def make_room(
    connection: Connection, room_id: UUID, kind: str, name: str | None, key: str | None, members: Sequence[UUID]
) -> tuple[UUID, bool]:
    """Make a room of these members, the first of whom owns a group: (its id, whether it is new)."""
    row = await connection.fetchrow(
        "SELECT outcome, room_id FROM make_room($1, $2, $3, $4, $5::uuid[])", room_id, kind, name, key, members
    )
    return row["room_id"], row["outcome"] == "made"


async def add_member(connection: Connection, room_id: UUID, by: UUID, user_id: UUID, most: int) -> Change:
    """`added`, `already`, `no_room`, `direct` or `full`."""
    return _change_from(
        await connection.fetchrow(
            "SELECT outcome, seq, rev FROM add_member($1, $2, $3, $4)", room_id, by, user_id, most
        )
    )


async def remove_member(connection: Connection, room_id: UUID, by: UUID, user_id: UUID) -> Change:
    """`removed`, `no_room`, `direct`, `no_member` or `forbidden`."""
    return _change_from(
        await connection.fetchrow("SELECT outcome, seq, rev FROM remove_member($1, $2, $3)", room_id, by, user_id)
    )


async def rename_room(connection: Connection, room_id: UUID, by: UUID, name: str) -> Change:
    """`renamed`, `no_room`, `direct` or `forbidden`."""
    return _change_from(
        await connection.fetchrow("SELECT outcome, seq, rev FROM rename_room($1, $2, $3)", room_id, by, name)
    )


async def mute_room(connection: Connection, room_id: UUID, member_id: UUID, until: datetime | None) -> str:
    """Mute a room for a member until then, for good if that is as late as can be, not any more if it is None: `muted`,
    `unmuted` or `no_room`."""
    outcome: str = await connection.fetchval("SELECT mute_room($1, $2, $3)", room_id, member_id, until)
    return outcome


async def select_fence(connection: Connection, room_id: UUID, user_ids: Sequence[UUID]) -> tuple[int, set[UUID]]:
    """(rev, those of `user_ids` who are in the room), of one snapshot."""
    row = await connection.fetchrow(
        """SELECT r.rev, array(SELECT m.user_id FROM members m
                               WHERE m.room_id = r.id AND m.user_id = ANY ($2::uuid[])) AS here
             FROM rooms r
            WHERE r.id = $1""",
        room_id,
        user_ids,
    )
    return (0, set()) if row is None else (row["rev"], set(row["here"]))


async def select_memberships(connection: Connection, member_id: UUID) -> tuple[int, list[Membership]]:
    """(the user's rooms_rev, his rooms), of one snapshot."""
    rows = await connection.fetch(
        """SELECT u.rooms_rev, m.room_id, m.read_seq, m.joined_seq, r.rev
             FROM users u
        LEFT JOIN members m ON m.user_id = u.id
        LEFT JOIN rooms r ON r.id = m.room_id
            WHERE u.id = $1""",
        member_id,
    )
    rooms = [
        Membership(row["room_id"], row["read_seq"], row["joined_seq"], row["rev"])
        for row in rows
        if row["room_id"] is not None
    ]
    return (rows[0]["rooms_rev"] if rows else 0), rooms


async def select_joined_seq(connection: Connection, room_id: UUID, member_id: UUID) -> int | None:
    """The room's last message when the member joined; None when he is not in it."""
    found: int | None = await connection.fetchval(
        "SELECT joined_seq FROM members WHERE room_id = $1 AND user_id = $2", room_id, member_id
    )
    return found


async def select_moved_users(
    connection: Connection, user_ids: Sequence[UUID], revs: Sequence[int]
) -> list[tuple[UUID, int]]:
    """(user, rooms_rev) of those whose rooms have changed since."""
    rows = await connection.fetch(
        """SELECT u.id, u.rooms_rev
             FROM unnest($1::uuid[], $2::bigint[]) AS have (id, rev)
             JOIN users u ON u.id = have.id
            WHERE u.rooms_rev > have.rev""",
        user_ids,
        revs,
    )
    return [(row["id"], row["rooms_rev"]) for row in rows]
