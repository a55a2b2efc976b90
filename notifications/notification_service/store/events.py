"""What has been applied, and what could not be."""

import hashlib
from collections.abc import Sequence
from uuid import UUID

from chassis.consumer import DeadLetter
from chassis.postgres import Connection


async def insert_applied_events(connection: Connection, ids: Sequence[UUID]) -> set[UUID]:
    """Remember that events are applied in this transaction. Returns those that have not been before."""
    rows = await connection.fetch(
        """INSERT INTO applied_events (id)
           SELECT DISTINCT id FROM unnest($1::uuid[]) AS e (id) ORDER BY id
               ON CONFLICT (id) DO NOTHING
        RETURNING id""",
        ids,
    )
    return {row["id"] for row in rows}


async def delete_applied_events(connection: Connection, older_than: float, limit: int) -> int:
    """Forget events applied more than so many seconds ago, `limit` at most. Returns how many."""
    status = await connection.execute(
        """DELETE FROM applied_events
            WHERE id IN (SELECT id
                           FROM applied_events
                          WHERE applied_at < now() - make_interval(secs => $1)
                          LIMIT $2)""",
        older_than,
        limit,
    )
    return int(status.rpartition(" ")[2])


async def insert_dead_letter(connection: Connection, letter: DeadLetter) -> None:
    """Keep a record that was passed over; once, however often it is given."""
    await connection.execute(
        """INSERT INTO dead_letters (topic, part, record_offset, digest, key, value, reason, error)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
               ON CONFLICT DO NOTHING""",
        letter.topic,
        letter.partition,
        letter.offset,
        hashlib.sha256(letter.value).digest(),
        letter.key,
        letter.value,
        letter.reason,
        letter.error.replace("\x00", ""),
    )


async def delete_dead_letters(connection: Connection, older_than: float) -> None:
    """Forget those older than so many seconds."""
    await connection.execute(
        "DELETE FROM dead_letters WHERE arrived_at < now() - make_interval(secs => $1)", older_than
    )
