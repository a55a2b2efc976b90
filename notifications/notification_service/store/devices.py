"""`devices`: where pushes go. What is to be sent to them is in `pushes`."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from chassis.postgres import Connection

from ..model import Device


async def upsert_device(connection: Connection, device: Device, at: datetime) -> None:
    """It is his since then, unless something later is known of it. What waits for its earlier owner is dropped."""
    await connection.execute(
        """WITH stored AS (
               INSERT INTO devices (token, platform, user_id, state, changed_at)
               VALUES ($1, $2, $3, 'active', $4)
                   ON CONFLICT (token) DO UPDATE
                  SET platform = excluded.platform, user_id = excluded.user_id, state = 'active',
                      changed_at = excluded.changed_at, failures = 0
                WHERE devices.changed_at <= excluded.changed_at
            RETURNING token
           )
           DELETE FROM notifications n
            USING stored
            WHERE n.token = stored.token AND n.user_id <> $3""",
        device.token,
        device.platform,
        device.user_id,
        at,
    )


async def remove_device(connection: Connection, token: str, user_id: UUID, at: datetime) -> None:
    """It is not his any more since then, unless something later is known of it."""
    await connection.execute(
        """WITH removed AS (
               INSERT INTO devices (token, platform, user_id, state, changed_at)
               VALUES ($1, '', $2, 'removed', $3)
                   ON CONFLICT (token) DO UPDATE
                  SET state = 'removed', changed_at = excluded.changed_at, due_at = NULL
                WHERE devices.changed_at <= excluded.changed_at AND devices.user_id = excluded.user_id
            RETURNING token
           )
           DELETE FROM notifications n
            USING removed
            WHERE n.token = removed.token""",
        token,
        user_id,
        at,
    )


async def remove_devices_of_user(connection: Connection, user_id: UUID, at: datetime) -> None:
    """None of them is his any more."""
    await connection.execute(
        """UPDATE devices
              SET state = 'removed', changed_at = $2, due_at = NULL
            WHERE user_id = $1 AND state <> 'removed'""",
        user_id,
        at,
    )


async def select_lost_devices(connection: Connection, limit: int) -> list[str]:
    """The tokens of devices of whose loss auth does not know yet."""
    rows = await connection.fetch("SELECT token FROM devices WHERE state = 'lost' ORDER BY changed_at LIMIT $1", limit)
    return [row["token"] for row in rows]


async def mark_removed(connection: Connection, tokens: Sequence[str]) -> None:
    """Auth knows of their loss now."""
    await connection.execute(
        "UPDATE devices SET state = 'removed' WHERE token = ANY ($1::text[]) AND state = 'lost'", tokens
    )


async def delete_removed_devices(connection: Connection, older_than: float) -> None:
    """Forget what was removed more than so many seconds ago."""
    await connection.execute(
        "DELETE FROM devices WHERE state = 'removed' AND changed_at < now() - make_interval(secs => $1)", older_than
    )
