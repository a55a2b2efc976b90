"""Names of deleted accounts, in Postgres: hashes only."""

from chassis.postgres import Connection


async def insert_retired_username(connection: Connection, name_hash: bytes, seconds: float) -> None:
    """Keep a name from everybody for so long."""
    await connection.execute(
        """
        INSERT INTO retired_usernames (hash, until)
             VALUES ($1, now() + make_interval(secs => $2))
        ON CONFLICT (hash) DO UPDATE
                SET until = excluded.until
        """,
        name_hash,
        seconds,
    )


async def select_is_retired(connection: Connection, name_hash: bytes) -> bool:
    """Whether a name is kept from everybody."""
    found = await connection.fetchval("SELECT true FROM retired_usernames WHERE hash = $1 AND until > now()", name_hash)
    return found is not None


async def delete_free_usernames(connection: Connection) -> None:
    """Forget the names that anybody may have again."""
    await connection.execute("DELETE FROM retired_usernames WHERE until <= now()")
