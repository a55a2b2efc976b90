"""`users`: names, and who is owed a welcome."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from chassis.postgres import Connection


async def select_names(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, str]:
    """The names of those who are known."""
    rows = await connection.fetch("SELECT id, display_name FROM users WHERE id = ANY ($1::uuid[])", ids)
    return {row["id"]: row["display_name"] for row in rows}


async def insert_names(connection: Connection, names: Mapping[UUID, str]) -> None:
    """Store what auth says of users, unless an event has said it."""
    await connection.execute(
        """INSERT INTO users (id, display_name)
           SELECT id, name FROM unnest($1::uuid[], $2::text[]) AS u (id, name) ORDER BY id
               ON CONFLICT (id) DO NOTHING""",
        list(names),
        list(names.values()),
    )


async def upsert_user(connection: Connection, user_id: UUID, name: str, welcome_until: datetime) -> None:
    """Somebody has registered, and is owed a welcome until then."""
    await connection.execute(
        """INSERT INTO users (id, display_name, welcome_until)
           VALUES ($1, $2, $3)
               ON CONFLICT (id) DO UPDATE
              SET display_name = excluded.display_name, welcome_until = excluded.welcome_until""",
        user_id,
        name,
        welcome_until,
    )


async def rename_user(connection: Connection, user_id: UUID, name: str) -> None:
    """He is called otherwise now."""
    await connection.execute("UPDATE users SET display_name = $2 WHERE id = $1", user_id, name)


async def take_welcome(connection: Connection, user_id: UUID) -> bool:
    """Whether he is owed a welcome; from now on he is not, if he has a device to show it."""
    status = await connection.execute(
        """UPDATE users u
              SET welcome_until = NULL
            WHERE u.id = $1
              AND u.welcome_until > now()
              AND EXISTS (SELECT FROM devices d WHERE d.user_id = u.id AND d.state = 'active')""",
        user_id,
    )
    return bool(status.endswith(" 1"))


async def delete_user(connection: Connection, user_id: UUID) -> None:
    """Forget him."""
    await connection.execute("DELETE FROM users WHERE id = $1", user_id)
