"""`messages`: whose recipients are still to be looked at."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from chassis.postgres import Connection

from ..model import Message

TAKING = 0x6C6F6F6B73  # "looks"


async def insert_messages(connection: Connection, messages: Sequence[Message], not_before: float) -> None:
    """Have messages looked at, those that are younger than `not_before` seconds."""
    await connection.execute(
        """INSERT INTO messages (id, room_id, seq, sender_id, content, created_at, look_at)
           SELECT m.id, m.room_id, m.seq, m.sender_id, m.content, m.created_at, clock_timestamp()
             FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::uuid[], $5::text[], $6::timestamptz[])
                  AS m (id, room_id, seq, sender_id, content, created_at)
            WHERE m.created_at > now() - make_interval(secs => $7)
               ON CONFLICT (id) DO NOTHING""",
        [message.id for message in messages],
        [message.room_id for message in messages],
        [message.seq for message in messages],
        [message.sender_id for message in messages],
        [message.content for message in messages],
        [message.created_at for message in messages],
        not_before,
    )


async def edit_message(connection: Connection, message_id: UUID, content: str) -> None:
    """It says something else now."""
    await connection.execute("UPDATE messages SET content = $2 WHERE id = $1", message_id, content)


async def delete_message(connection: Connection, message_id: UUID) -> None:
    """It is gone."""
    await connection.execute("DELETE FROM messages WHERE id = $1", message_id)


async def take_messages(connection: Connection, claim: UUID, limit: int, claim_seconds: float) -> list[Message]:
    """Those that are due to be looked at, for this worker alone until the claim is over. In a transaction.

    Of a room, nothing is taken behind what another worker is looking at, has to wait or is due: so that people are told
    in the order in which it was said; what is due is so at one moment for all rows. Workers take one after the other,
    since they do not see claims before a commit.
    """
    await connection.execute("SELECT pg_advisory_xact_lock($1)", TAKING)
    rows = await connection.fetch(
        """UPDATE messages m
              SET claim = $1, look_at = clock_timestamp() + make_interval(secs => $3)
             FROM (SELECT d.id
                     FROM messages d
                    WHERE d.look_at <= statement_timestamp()
                      AND NOT EXISTS (SELECT FROM messages e
                                       WHERE e.room_id = d.room_id AND e.looks = d.looks AND e.seq < d.seq
                                         AND e.look_at > statement_timestamp())
                 ORDER BY d.created_at, d.room_id, d.seq
                    LIMIT $2
                      FOR UPDATE SKIP LOCKED) AS due
            WHERE m.id = due.id
        RETURNING m.id, m.room_id, m.seq, m.sender_id, m.content, m.created_at, m.looks""",
        claim,
        limit,
        claim_seconds,
    )
    return sorted((Message(**dict(row)) for row in rows), key=lambda message: (message.room_id, message.seq))


class Candidate(msgspec.Struct, frozen=True):
    """A user who has a device and, as far as is known here, has not read a message.

    Arguments:
        muted: he does not want to hear of the room.
        unsettled_seq: of the last earlier message of the room about which its second look decides, for him; 0 for none.
    """

    muted: bool
    unsettled_seq: int


async def select_candidates(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, dict[UUID, Candidate]]:
    """By message: those about whom it is to be decided whether they are told. `notified` holds the others."""
    rows = await connection.fetch(
        """SELECT m.id, b.user_id, b.muted_until IS NOT NULL AND b.muted_until > now() AS muted,
                  coalesce((SELECT max(e.seq)
                              FROM messages e
                             WHERE e.room_id = m.room_id AND e.looks = 1 AND e.seq < m.seq AND e.seq > b.read_seq
                               AND e.sender_id <> b.user_id
                               AND b.user_id <> ALL (e.notified)), 0) AS unsettled_seq
             FROM messages m
             JOIN members b ON b.room_id = m.room_id
            WHERE m.id = ANY ($1::uuid[])
              AND b.user_id <> m.sender_id
              AND b.user_id <> ALL (m.notified)
              AND b.read_seq < m.seq
              AND EXISTS (SELECT FROM devices d WHERE d.user_id = b.user_id AND d.state = 'active')""",
        ids,
    )
    found: dict[UUID, dict[UUID, Candidate]] = {}
    for row in rows:
        found.setdefault(row["id"], {})[row["user_id"]] = Candidate(row["muted"], row["unsettled_seq"])
    return found


async def lock_claimed(connection: Connection, ids: Sequence[UUID], claim: UUID) -> dict[UUID, str]:
    """Of these messages, those that are still this worker's, with what they say now; they stay so until the transaction
    ends."""
    rows: list[Any] = await connection.fetch(
        "SELECT id, content FROM messages WHERE id = ANY ($1::uuid[]) AND claim = $2 ORDER BY id FOR UPDATE", ids, claim
    )
    return {row["id"]: row["content"] for row in rows}


async def look_again(connection: Connection, settled: Mapping[UUID, Sequence[UUID]], away_seconds: float) -> None:
    """These have had their first look, in which it was decided whether those users are told."""
    await connection.executemany(
        """UPDATE messages
              SET looks = 1, claim = NULL, notified = $2,
                  look_at = greatest(created_at + make_interval(secs => $3), clock_timestamp())
            WHERE id = $1""",
        [(message_id, list(users), away_seconds) for message_id, users in settled.items()],
    )


async def delete_messages(connection: Connection, ids: Sequence[UUID]) -> None:
    """These have had their last look."""
    await connection.execute("DELETE FROM messages WHERE id = ANY ($1::uuid[])", ids)


async def put_back(connection: Connection, ids: Sequence[UUID], claim: UUID, seconds: float) -> None:
    """Have these looked at in so many seconds, in the order in which they were said."""
    await connection.execute(
        """UPDATE messages
              SET claim = NULL,
                  look_at = CASE WHEN $3 > 0 THEN clock_timestamp() + make_interval(secs => $3) ELSE created_at END
            WHERE id = ANY ($1::uuid[]) AND claim = $2""",
        ids,
        claim,
        seconds,
    )
