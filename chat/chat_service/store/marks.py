"""How far members have read, and how far messages have arrived at them."""

from uuid import UUID

from chassis.postgres import Connection

# The room is not locked: of one member's marks the order is kept by his row, and a mark that arrives before the message
# which it covers only says so earlier. Under the row's lock, since a send may move a mark meanwhile.
_MOVE = """WITH old AS MATERIALIZED (
               SELECT m.{mark} AS mark, least(coalesce($3::bigint, r.last_seq), r.last_seq) AS wanted
                 FROM members m
                 JOIN rooms r ON r.id = m.room_id
                WHERE m.room_id = $1 AND m.user_id = $2
                  FOR NO KEY UPDATE OF m
           ), moved AS (
               UPDATE members m
                  SET {mark} = old.wanted
                 FROM old
                WHERE m.room_id = $1 AND m.user_id = $2 AND old.wanted > old.mark
            RETURNING m.{mark} AS mark
           ){posted}
           SELECT coalesce(moved.mark, old.mark) AS mark, moved.mark IS NOT NULL AS moved
             FROM old
        LEFT JOIN moved ON true"""
_POSTED = """, posted AS (
               INSERT INTO outbox (key, type, payload)
               SELECT $1, 'message.read', jsonb_build_object(
                          'id', $4::uuid, 'type', 'message.read', 'version', 1,
                          'occurred_at', rfc3339(clock_timestamp()),
                          'data', jsonb_build_object('room', $1::uuid, 'user', $2::uuid, 'seq', moved.mark))
                 FROM moved
           )"""
_MOVE_READ = _MOVE.format(mark="read_seq", posted=_POSTED)
_MOVE_DELIVERED = _MOVE.format(mark="delivered_seq", posted="")


async def update_read_seq(
    connection: Connection, room_id: UUID, member_id: UUID, seq: int | None, event_id: UUID
) -> tuple[int, bool] | None:
    """Move the member's read marker, never back and never beyond the last message, and record that it moved.

    Arguments:
        seq: up to where; None means everything.
        event_id: of the event, if there is one.

    Returns:
        (the marker, whether it moved); None when he is no member.
    """
    row = await connection.fetchrow(_MOVE_READ, room_id, member_id, seq, event_id)
    return None if row is None else (row["mark"], row["moved"])


async def update_delivered_seq(
    connection: Connection, room_id: UUID, member_id: UUID, seq: int
) -> tuple[int, bool] | None:
    """Move the mark up to where messages have arrived at the member; as `update_read_seq`, and nothing is recorded."""
    row = await connection.fetchrow(_MOVE_DELIVERED, room_id, member_id, seq)
    return None if row is None else (row["mark"], row["moved"])
