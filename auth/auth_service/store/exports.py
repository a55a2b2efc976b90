"""All that auth stores of one user, for himself: every column but secrets and their hashes."""

from typing import Any
from uuid import UUID

from chassis.postgres import Connection

Rows = list[dict[str, Any]]


async def select_account(connection: Connection, user_id: UUID) -> dict[str, Any] | None:
    """His account."""
    row = await connection.fetchrow(
        """
        SELECT id, username, email, email_verified_at, display_name, password_hash IS NOT NULL AS has_password,
               created_at, updated_at
          FROM users
         WHERE id = $1
        """,
        user_id,
    )
    return None if row is None else dict(row)


async def select_sessions(connection: Connection, user_id: UUID) -> Rows:
    """His sessions, those that are over and not forgotten yet included."""
    rows = await connection.fetch(
        """
        SELECT id, created_at, last_seen_at, expires_at, user_agent, address, ended_at, end_reason
          FROM sessions
         WHERE user_id = $1
         ORDER BY id
        """,
        user_id,
    )
    return [dict(row) for row in rows]


async def select_devices(connection: Connection, user_id: UUID) -> Rows:
    """Where his notifications go."""
    rows = await connection.fetch(
        """
        SELECT token, platform, session_id, created_at, updated_at
          FROM devices
         WHERE user_id = $1
         ORDER BY created_at
        """,
        user_id,
    )
    return [dict(row) for row in rows]


async def select_identities(connection: Connection, user_id: UUID) -> Rows:
    """His accounts elsewhere."""
    rows = await connection.fetch(
        "SELECT provider, subject, created_at FROM identities WHERE user_id = $1 ORDER BY provider", user_id
    )
    return [dict(row) for row in rows]


async def select_mails(connection: Connection, user_id: UUID) -> Rows:
    """Mails to him that wait."""
    rows = await connection.fetch(
        "SELECT id, kind, recipient, created_at, expires_at FROM mails WHERE user_id = $1 ORDER BY id", user_id
    )
    return [dict(row) for row in rows]
