"""Accounts elsewhere, in Postgres."""

from uuid import UUID

from chassis.postgres import Connection

from ..model import Identity


async def insert_identity(connection: Connection, provider: str, subject: str, user_id: UUID) -> bool:
    """Let that account elsewhere log in as this user. False when it is somebody's already, or he has another one of
    that provider."""
    status = await connection.execute(
        """
        INSERT INTO identities (provider, subject, user_id)
             VALUES ($1, $2, $3)
        ON CONFLICT DO NOTHING
        """,
        provider,
        subject,
        user_id,
    )
    return bool(status == "INSERT 0 1")


async def select_identity_owner(connection: Connection, provider: str, subject: str) -> UUID | None:
    """Whose that account elsewhere is."""
    found: UUID | None = await connection.fetchval(
        "SELECT user_id FROM identities WHERE provider = $1 AND subject = $2", provider, subject
    )
    return found


async def select_identities(connection: Connection, user_id: UUID) -> list[Identity]:
    """The accounts elsewhere of a user, by provider."""
    rows = await connection.fetch(
        "SELECT provider, subject, created_at FROM identities WHERE user_id = $1 ORDER BY provider", user_id
    )
    return [Identity(**dict(row)) for row in rows]


async def delete_identity(connection: Connection, user_id: UUID, provider: str) -> bool:
    """Let that user's account there log in no more; False when he has none."""
    status = await connection.execute("DELETE FROM identities WHERE user_id = $1 AND provider = $2", user_id, provider)
    return bool(status == "DELETE 1")


async def delete_identities(connection: Connection, user_id: UUID) -> None:
    """Let none of that user's accounts elsewhere log in any more."""
    await connection.execute("DELETE FROM identities WHERE user_id = $1", user_id)
