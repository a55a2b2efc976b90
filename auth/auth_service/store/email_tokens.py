"""What proves that somebody reads an address's mail, in Postgres: hashes only."""

from uuid import UUID

from chassis.postgres import Connection

from ..model import EmailToken, TokenPurpose


async def insert_email_token(
    connection: Connection, token_hash: bytes, purpose: TokenPurpose, user_id: UUID, email: str, good_for_seconds: float
) -> None:
    """Store a token that goes to an address."""
    await connection.execute(
        """
        INSERT INTO email_tokens (hash, purpose, user_id, email, expires_at)
             VALUES ($1, $2, $3, $4, now() + make_interval(secs => $5))
        """,
        token_hash,
        purpose,
        user_id,
        email,
        good_for_seconds,
    )


async def select_email_token(connection: Connection, token_hash: bytes, purpose: TokenPurpose) -> EmailToken | None:
    """What a token is for, while it is good."""
    row = await connection.fetchrow(
        "SELECT user_id, email FROM email_tokens WHERE hash = $1 AND purpose = $2 AND expires_at > now()",
        token_hash,
        purpose,
    )
    return EmailToken(**dict(row)) if row is not None else None


async def take_email_token(connection: Connection, token_hash: bytes, purpose: TokenPurpose) -> EmailToken | None:
    """The same, and it is used up; of several who try at once one gets it."""
    row = await connection.fetchrow(
        """
           DELETE FROM email_tokens
            WHERE hash = $1 AND purpose = $2 AND expires_at > now()
        RETURNING user_id, email
        """,
        token_hash,
        purpose,
    )
    return EmailToken(**dict(row)) if row is not None else None


async def delete_email_tokens(connection: Connection, user_id: UUID, purpose: TokenPurpose) -> None:
    """Make all tokens of that user for that purpose worthless."""
    await connection.execute("DELETE FROM email_tokens WHERE user_id = $1 AND purpose = $2", user_id, purpose)


async def delete_expired_email_tokens(connection: Connection) -> None:
    """Forget the tokens whose time is over."""
    await connection.execute("DELETE FROM email_tokens WHERE expires_at <= now()")
