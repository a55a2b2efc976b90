"""Push devices in Postgres."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from chassis.postgres import Connection

from ..model import Device


async def lock_device_token(connection: Connection, token: str) -> None:
    """Let nobody else store the same token until this transaction ends, so that its previous owner is known."""
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", token)


async def select_device(connection: Connection, token: str) -> Device | None:
    """The device of that token, whosever it is."""
    row = await connection.fetchrow("SELECT token, platform, user_id, session_id FROM devices WHERE token = $1", token)
    return _device(row) if row is not None else None


async def upsert_device(connection: Connection, device: Device) -> None:
    """Store a device, or give it to its new owner."""
    await connection.execute(
        """
        INSERT INTO devices (token, platform, user_id, session_id)
             VALUES ($1, $2, $3, $4)
        ON CONFLICT (token) DO UPDATE
                SET platform = excluded.platform, user_id = excluded.user_id,
                    session_id = excluded.session_id, updated_at = now()
        """,
        device.token,
        device.platform,
        device.user_id,
        device.session_id,
    )


async def delete_device(connection: Connection, user_id: UUID, token: str) -> list[Device]:
    """Remove a device of that user; empty when he has no such device."""
    rows = await connection.fetch(
        "DELETE FROM devices WHERE token = $2 AND user_id = $1 RETURNING token, platform, user_id, session_id",
        user_id,
        token,
    )
    return [_device(row) for row in rows]


async def delete_devices_beyond(connection: Connection, user_id: UUID, limit: int) -> list[Device]:
    """Remove the devices of that user that have been silent the longest, so that `limit` are left."""
    rows = await connection.fetch(
        """
        DELETE FROM devices
         WHERE user_id = $1
           AND token IN (SELECT token FROM devices WHERE user_id = $1 ORDER BY updated_at DESC, token OFFSET $2)
     RETURNING token, platform, user_id, session_id
        """,
        user_id,
        limit,
    )
    return [_device(row) for row in rows]


async def delete_devices_of_sessions(connection: Connection, session_ids: Sequence[UUID]) -> list[Device]:
    """Remove the devices that were registered in these sessions."""
    rows = await connection.fetch(
        "DELETE FROM devices WHERE session_id = ANY($1) RETURNING token, platform, user_id, session_id",
        list(session_ids),
    )
    return [_device(row) for row in rows]


def _device(row: Any) -> Device:
    return Device(**dict(row))
