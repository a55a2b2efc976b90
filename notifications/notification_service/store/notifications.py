"""`notifications`: what is to be sent. A device's are sent in the order of their ids, by one worker at a time."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from chassis.postgres import Connection

from ..model import Notice, Push


class Settled(msgspec.Struct, frozen=True):
    """What is stored of an attempt."""

    id: int
    token: str
    is_done: bool  # the notification goes
    is_lost: bool  # the device goes
    is_known: bool  # False: it may have been accepted
    wait_seconds: float  # until the device's next one


async def insert_notices(connection: Connection, notices: Sequence[Notice]) -> int:
    """Have users told on each of their devices, once. Returns how many pushes that makes."""
    rows = await connection.fetch(
        """INSERT INTO notifications
                  (subject_id, token, user_id, room_id, seq, sender_id, title, lead, content, created_at)
           SELECT n.subject_id, d.token, d.user_id, n.room_id, n.seq, n.sender_id, n.title, n.lead, n.content,
                  n.created_at
             FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::uuid[],
                         $6::text[], $7::text[], $8::text[], $9::timestamptz[]) WITH ORDINALITY
                  AS n (subject_id, user_id, room_id, seq, sender_id, title, lead, content, created_at, place)
             JOIN devices d ON d.user_id = n.user_id AND d.state = 'active'
         ORDER BY n.place, d.token
               ON CONFLICT (subject_id, token) DO NOTHING
        RETURNING token""",
        [notice.subject_id for notice in notices],
        [notice.user_id for notice in notices],
        [notice.room_id for notice in notices],
        [notice.seq for notice in notices],
        [notice.sender_id for notice in notices],
        [notice.title for notice in notices],
        [notice.lead for notice in notices],
        [notice.content for notice in notices],
        [notice.created_at for notice in notices],
    )
    # After the notifications: whoever finds a device without any waits for this lock, or has looked before it.
    await connection.execute(
        """WITH locked AS (
               SELECT token FROM devices WHERE token = ANY ($1::text[]) ORDER BY token FOR NO KEY UPDATE
           )
           UPDATE devices d
              SET due_at = coalesce(d.due_at, clock_timestamp())
             FROM locked
            WHERE d.token = locked.token""",
        list({row["token"] for row in rows}),
    )
    return len(rows)


async def take_pushes(connection: Connection, claim: UUID, limit: int, claim_seconds: float) -> list[Push]:
    """The first notification of each device that is due, for this worker alone until the claim is over."""
    claimed = await connection.fetch(
        """UPDATE devices d
              SET claim = $1, claimed_until = clock_timestamp() + make_interval(secs => $3)
             FROM (SELECT token
                     FROM devices
                    WHERE due_at <= clock_timestamp()
                      AND (claimed_until IS NULL OR claimed_until <= clock_timestamp())
                 ORDER BY due_at
                    LIMIT $2
                      FOR NO KEY UPDATE SKIP LOCKED) AS due
            WHERE d.token = due.token
        RETURNING d.token, d.platform, d.failures, d.state""",
        claim,
        limit,
        claim_seconds,
    )
    devices = {row["token"]: row for row in claimed if row["state"] == "active"}
    rows = await connection.fetch(
        """UPDATE notifications n
              SET attempts = n.attempts + 1, in_doubt = true
             FROM unnest($1::text[]) AS d (token)
       CROSS JOIN LATERAL (SELECT o.id, o.in_doubt
                             FROM notifications o
                            WHERE o.token = d.token
                         ORDER BY o.token, o.id
                            LIMIT 1) AS first
            WHERE n.id = first.id
        RETURNING n.id, n.token, n.attempts, first.in_doubt AS repeated, n.subject_id, n.user_id, n.title, n.lead,
                  n.content, n.created_at, n.room_id, n.seq, n.sender_id""",
        list(devices),
    )
    pushes = [_push(row, devices[row["token"]]) for row in rows]
    if len(pushes) < len(claimed):
        taken = {push.token for push in pushes}
        await _let_go(connection, [row["token"] for row in claimed if row["token"] not in taken])
    return sorted(pushes, key=lambda push: push.id)


async def _let_go(connection: Connection, tokens: Sequence[str]) -> None:
    """Devices for which nothing was found; what came meanwhile, which a new statement sees, stays due."""
    await connection.execute(
        """DELETE FROM notifications n
            USING devices d
            WHERE n.token = d.token AND d.token = ANY ($1::text[]) AND d.state <> 'active'""",
        tokens,
    )
    await connection.execute(
        """UPDATE devices d
              SET claim = NULL, claimed_until = NULL,
                  due_at = CASE WHEN EXISTS (SELECT FROM notifications n WHERE n.token = d.token) THEN d.due_at END
            WHERE d.token = ANY ($1::text[])""",
        tokens,
    )


async def settle(connection: Connection, claim: UUID, attempts: Sequence[Settled]) -> None:
    """Store what became of attempts, and let go of their devices."""
    tokens = [attempt.token for attempt in attempts]
    await connection.execute(  # devices first, as everywhere, and in one order
        "SELECT FROM devices WHERE token = ANY ($1::text[]) ORDER BY token FOR NO KEY UPDATE", tokens
    )
    lost = [attempt.token for attempt in attempts if attempt.is_lost]
    await connection.execute(
        "DELETE FROM notifications WHERE id = ANY ($1::bigint[]) OR token = ANY ($2::text[])",
        [attempt.id for attempt in attempts if attempt.is_done],
        lost,
    )
    await connection.execute(
        "UPDATE notifications SET in_doubt = false WHERE id = ANY ($1::bigint[])",
        [attempt.id for attempt in attempts if not attempt.is_done and attempt.is_known],
    )
    await connection.execute(
        """UPDATE devices d
              SET claim = NULL, claimed_until = NULL,
                  due_at = CASE WHEN d.due_at IS NOT NULL
                                THEN clock_timestamp() + make_interval(secs => attempts.wait_seconds) END,
                  failures = CASE WHEN attempts.failed THEN d.failures + 1 ELSE 0 END
             FROM unnest($2::text[], $3::float8[], $4::boolean[]) AS attempts (token, wait_seconds, failed)
            WHERE d.token = attempts.token AND d.claim = $1""",
        claim,
        tokens,
        [attempt.wait_seconds for attempt in attempts],
        [not attempt.is_done for attempt in attempts],
    )
    if lost:
        await connection.execute(
            """UPDATE devices
                  SET state = 'lost', changed_at = clock_timestamp(), due_at = NULL
                WHERE token = ANY ($1::text[]) AND state = 'active'""",
            lost,
        )


async def withdraw_read(
    connection: Connection, room_ids: Sequence[UUID], user_ids: Sequence[UUID], seqs: Sequence[int]
) -> int:
    """Drop what these users have read. Returns how many pushes."""
    status = await connection.execute(
        """DELETE FROM notifications n
            USING unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS r (room_id, user_id, seq)
            WHERE n.user_id = r.user_id AND n.room_id = r.room_id AND n.seq <= r.seq""",
        room_ids,
        user_ids,
        seqs,
    )
    return int(status.rpartition(" ")[2])


async def withdraw_of_room(connection: Connection, room_id: UUID, user_id: UUID) -> int:
    """Drop what waits for a user in a room. Returns how many pushes."""
    status = await connection.execute("DELETE FROM notifications WHERE user_id = $2 AND room_id = $1", room_id, user_id)
    return int(status.rpartition(" ")[2])


async def withdraw_of_subject(connection: Connection, subject_id: UUID) -> int:
    """Drop what waits about a message. Returns how many pushes."""
    status = await connection.execute("DELETE FROM notifications WHERE subject_id = $1", subject_id)
    return int(status.rpartition(" ")[2])


async def withdraw_of_user(connection: Connection, user_id: UUID) -> int:
    """Drop what waits for a user. Returns how many pushes."""
    status = await connection.execute("DELETE FROM notifications WHERE user_id = $1", user_id)
    return int(status.rpartition(" ")[2])


async def edit_notifications(connection: Connection, subject_id: UUID, content: str) -> None:
    """A message says something else now."""
    await connection.execute(
        "UPDATE notifications SET content = $2 WHERE subject_id = $1 AND content IS NOT NULL", subject_id, content
    )


async def measure_waiting(connection: Connection, most: int) -> tuple[int, float]:
    """How many pushes wait (`most` at most), and the age of the first in seconds."""
    row: Any = await connection.fetchrow(
        """SELECT (SELECT count(*) FROM (SELECT FROM notifications LIMIT $1) AS waiting) AS count,
                  coalesce((SELECT extract(epoch FROM now() - created_at)
                              FROM notifications
                          ORDER BY id
                             LIMIT 1), 0)::float8 AS seconds""",
        most,
    )
    return row["count"], max(0.0, row["seconds"])


def _push(row: Any, device: Any) -> Push:
    notice = Notice(
        subject_id=row["subject_id"],
        user_id=row["user_id"],
        title=row["title"],
        lead=row["lead"],
        content=row["content"],
        created_at=row["created_at"],
        room_id=row["room_id"],
        seq=row["seq"],
        sender_id=row["sender_id"],
    )
    return Push(
        row["id"], row["token"], device["platform"], device["failures"], row["attempts"], row["repeated"], notice
    )
