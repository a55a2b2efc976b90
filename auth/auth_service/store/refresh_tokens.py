"""Refresh tokens in Postgres: hashes only."""

from uuid import UUID

from chassis.postgres import Connection

from ..model import Rotation


async def insert_refresh_token(
    connection: Connection, token_hash: bytes, session_id: UUID, lifetime_seconds: float
) -> None:
    """Store the first refresh token of a session."""
    await connection.execute(
        """
        INSERT INTO refresh_tokens (hash, session_id, expires_at)
             VALUES ($1, $2, now() + make_interval(secs => $3))
        """,
        token_hash,
        session_id,
        lifetime_seconds,
    )


async def rotate_refresh_token(
    connection: Connection,
    presented: bytes,
    offered: bytes,
    offered_nonce: bytes,
    lifetime_seconds: float,
    grace_seconds: float,
) -> Rotation:
    """Replace a refresh token by its successor, in one round trip; see the function of that name in the migrations.

    Arguments:
        presented: the hash of the token that a client brought.
        offered: the hash of the successor to use if this is the first time.
        offered_nonce: what that successor was derived with.
        lifetime_seconds: of the successor.
        grace_seconds: how long a repeat is answered with the same successor.
    """
    row = await connection.fetchrow(
        """
        SELECT outcome, session_id, user_id, username, nonce, ended_for
          FROM rotate_refresh_token($1, $2, $3, $4, $5)
        """,
        presented,
        offered,
        offered_nonce,
        lifetime_seconds,
        grace_seconds,
    )
    return Rotation(**dict(row))


async def delete_expired_refresh_tokens(connection: Connection, limit: int) -> int:
    """Forget some refresh tokens that are of no use any more; returns how many."""
    status = await connection.execute(
        """
        DELETE FROM refresh_tokens
         WHERE hash IN (SELECT hash FROM refresh_tokens WHERE expires_at < now() LIMIT $1 FOR UPDATE SKIP LOCKED)
        """,
        limit,
    )
    return int(status.rpartition(" ")[2])
