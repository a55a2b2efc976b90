"""Sessions in Postgres."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from chassis.postgres import Connection

from ..model import Client, Ended, Session

_ALIVE = "ended_at IS NULL AND expires_at > now()"
_EXPIRED = "expires_at < now() - interval '1 day'"


async def insert_session(
    connection: Connection, session_id: UUID, user_id: UUID, client: Client, lifetime_seconds: float
) -> None:
    """Store a session that has just begun."""
    await connection.execute(
        """
        INSERT INTO sessions (id, user_id, expires_at, user_agent, address)
             VALUES ($1, $2, now() + make_interval(secs => $3), $4, $5)
        """,
        session_id,
        user_id,
        lifetime_seconds,
        client.user_agent,
        client.address,
    )


async def select_sessions(connection: Connection, user_id: UUID, limit: int) -> list[Session]:
    """The sessions of a user that are alive, the newest first."""
    rows = await connection.fetch(
        f"""
        SELECT id, user_agent, address, created_at, last_seen_at
          FROM sessions
         WHERE user_id = $1 AND {_ALIVE}
         ORDER BY id DESC
         LIMIT $2
        """,  # noqa: S608
        user_id,
        limit,
    )
    return [Session(**dict(row)) for row in rows]


async def select_session_alive(connection: Connection, session_id: UUID) -> bool:
    """Whether access tokens of that session are to be accepted."""
    found = await connection.fetchval("SELECT true FROM sessions WHERE id = $1 AND ended_at IS NULL", session_id)
    return found is not None


async def is_session_of(connection: Connection, user_id: UUID, session_id: UUID) -> bool:
    """Whether that is a session of that user which has not ended; it cannot end while the caller holds the user."""
    found = await connection.fetchval(
        "SELECT true FROM sessions WHERE id = $1 AND user_id = $2 AND ended_at IS NULL", session_id, user_id
    )
    return found is not None


async def end_session(connection: Connection, user_id: UUID, session_id: UUID, reason: str) -> list[Ended]:
    """End one session of that user; empty when he has no such session or it has ended already."""
    rows = await connection.fetch(
        """
        UPDATE sessions
           SET ended_at = clock_timestamp(), end_reason = $3
         WHERE id = $2 AND user_id = $1 AND ended_at IS NULL
     RETURNING id, ended_at
        """,
        user_id,
        session_id,
        reason,
    )
    return _ended(rows)


async def end_sessions(connection: Connection, user_id: UUID, spared: UUID | None, reason: str) -> list[Ended]:
    """End all sessions of that user but one, in the order of their ids, so that two who do it wait for each other."""
    rows = await connection.fetch(
        """
        WITH open AS (
            SELECT id
              FROM sessions
             WHERE user_id = $1 AND id IS DISTINCT FROM $2 AND ended_at IS NULL
             ORDER BY id
               FOR UPDATE
        )
        UPDATE sessions
           SET ended_at = clock_timestamp(), end_reason = $3
          FROM open
         WHERE sessions.id = open.id
     RETURNING sessions.id, ended_at
        """,
        user_id,
        spared,
        reason,
    )
    return _ended(rows)


async def select_session_start(connection: Connection, session_id: UUID) -> datetime | None:
    """When a session began."""
    found: datetime | None = await connection.fetchval("SELECT created_at FROM sessions WHERE id = $1", session_id)
    return found


async def forget_clients(connection: Connection, user_id: UUID) -> None:
    """Forget from where and with what somebody was logged in."""
    await connection.execute("UPDATE sessions SET user_agent = '', address = '' WHERE user_id = $1", user_id)


async def select_ended(connection: Connection, within_seconds: float) -> list[Ended]:
    """Every session that has ended lately."""
    rows = await connection.fetch(
        "SELECT id, ended_at FROM sessions WHERE ended_at > now() - make_interval(secs => $1)", within_seconds
    )
    return _ended(rows)


async def select_unannounced(connection: Connection, within_seconds: float, limit: int) -> list[Ended]:
    """Sessions that have ended lately and of which Redis may not know yet, the oldest first."""
    rows = await connection.fetch(
        """
        SELECT id, ended_at
          FROM sessions
         WHERE ended_at > now() - make_interval(secs => $1) AND announced_at IS NULL
         ORDER BY ended_at
         LIMIT $2
        """,
        within_seconds,
        limit,
    )
    return _ended(rows)


async def mark_announced(connection: Connection, session_ids: Sequence[UUID]) -> None:
    """Remember that Redis knows of the end of these."""
    await connection.execute("UPDATE sessions SET announced_at = now() WHERE id = ANY($1)", list(session_ids))


async def select_expired(connection: Connection, limit: int) -> list[tuple[UUID, UUID | None]]:
    """Some sessions whose last refresh token expired a day ago, each with its user."""
    rows = await connection.fetch(f"SELECT id, user_id FROM sessions WHERE {_EXPIRED} LIMIT $1", limit)  # noqa: S608
    return [(row["id"], row["user_id"]) for row in rows]


async def delete_expired_sessions(connection: Connection, session_ids: Sequence[UUID]) -> None:
    """Forget those of these sessions that have expired, with their refresh tokens."""
    await connection.execute(
        f"DELETE FROM sessions WHERE id = ANY($1) AND {_EXPIRED}",  # noqa: S608
        list(session_ids),
    )


def _ended(rows: Sequence[Any]) -> list[Ended]:
    return [Ended(row["id"], row["ended_at"]) for row in rows]
