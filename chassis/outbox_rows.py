"""The rows of an outbox, which every service that records events creates for itself:

    CREATE TABLE outbox (
        id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        key        uuid        NOT NULL,
        type       text        NOT NULL,
        payload    jsonb       NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        sent_at    timestamptz
    );
    CREATE INDEX outbox_unsent ON outbox (id) WHERE sent_at IS NULL;
    CREATE INDEX outbox_sent ON outbox (sent_at) WHERE sent_at IS NOT NULL;

The service writes the first five columns; the relay alone writes and reads `sent_at`, and deletes.
"""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from .postgres import Connection


class Row(msgspec.Struct, frozen=True):
    """A row that has not been sent."""

    id: int
    key: UUID
    payload: str  # JSON


async def select_unsent(connection: Connection, without: Sequence[int], limit: int) -> list[Row]:
    """The first rows that have not been sent, in the order of their ids."""
    records = await connection.fetch(
        """SELECT id, key, payload::text AS payload
             FROM outbox
            WHERE sent_at IS NULL
              AND id <> ALL($1::bigint[])
         ORDER BY id
            LIMIT $2""",
        without,
        limit,
    )
    return [Row(record["id"], record["key"], record["payload"]) for record in records]


async def mark_sent(connection: Connection, ids: Sequence[int], *, keep: bool) -> None:
    """Mark rows as sent, or delete them when they need not be kept."""
    if keep:
        await connection.execute("UPDATE outbox SET sent_at = now() WHERE id = ANY($1::bigint[])", ids)
    else:
        await connection.execute("DELETE FROM outbox WHERE id = ANY($1::bigint[])", ids)


async def unmark_sent(connection: Connection, limit: int) -> int:
    """Have rows sent again that are still here, `limit` at most. Returns how many."""
    status = await connection.execute(
        """UPDATE outbox
              SET sent_at = NULL
            WHERE id IN (SELECT id
                           FROM outbox
                          WHERE sent_at IS NOT NULL
                          LIMIT $1)""",
        limit,
    )
    return int(status.rpartition(" ")[2])


async def delete_sent(connection: Connection, older_than: float, limit: int) -> int:
    """Delete rows sent more than `older_than` seconds ago, `limit` at most. Returns how many."""
    status = await connection.execute(
        """DELETE FROM outbox
            WHERE id IN (SELECT id
                           FROM outbox
                          WHERE sent_at < now() - make_interval(secs => $1)
                          LIMIT $2)""",
        older_than,
        limit,
    )
    return int(status.rpartition(" ")[2])


async def measure_unsent(connection: Connection, most: int) -> tuple[int, float]:
    """How many rows wait (`most` at most), and the age of the one with the lowest id in seconds."""
    record = await connection.fetchrow(
        """SELECT (SELECT count(*) FROM (SELECT FROM outbox WHERE sent_at IS NULL LIMIT $1) AS waiting) AS count,
                  coalesce((SELECT extract(epoch FROM clock_timestamp() - created_at)
                              FROM outbox
                             WHERE sent_at IS NULL
                          ORDER BY id
                             LIMIT 1), 0)::float8 AS seconds""",
        most,
    )
    return (0, 0.0) if record is None else (record["count"], max(0.0, record["seconds"]))
