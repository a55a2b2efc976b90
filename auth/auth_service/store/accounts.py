"""Accounts in Postgres."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from chassis.postgres import Connection

from ..model import Account

USERNAME_TAKEN = "users_username_key"  # the unique indexes, as Postgres names them in its refusal
EMAIL_TAKEN = "users_email_key"

_COLUMNS = """id, username, email, email_verified_at IS NOT NULL AS email_verified, display_name, password_hash,
              credentials_version, created_at"""


async def insert_account(
    connection: Connection,
    user_id: UUID,
    username: str,
    email: str | None,
    display_name: str,
    password_hash: str | None,
) -> Account:
    """Store a new account.

    Raises:
        asyncpg.UniqueViolationError: the username or the address is taken; `constraint_name` tells which.
    """
    row = await connection.fetchrow(
        f"""
        INSERT INTO users (id, username, email, display_name, password_hash)
             VALUES ($1, $2, $3, $4, $5)
          RETURNING {_COLUMNS}
        """,  # noqa: S608
        user_id,
        username,
        email,
        display_name,
        password_hash,
    )
    return _account(row)


async def select_taken(connection: Connection, username: str, email: str | None) -> tuple[bool, bool]:
    """Whether a folded username and a folded address are taken."""
    row = await connection.fetchrow(
        """
        SELECT EXISTS (SELECT 1 FROM users WHERE lower(username) = $1),
               EXISTS (SELECT 1 FROM users WHERE lower(email) = $2)
        """,
        username,
        email,
    )
    return (row[0], row[1]) if row is not None else (False, False)


async def select_account_by_username(connection: Connection, username: str) -> Account | None:
    """The account of a folded username."""
    row = await connection.fetchrow(f"SELECT {_COLUMNS} FROM users WHERE lower(username) = $1", username)  # noqa: S608
    return _account(row) if row is not None else None


async def select_accounts_by_username(connection: Connection, usernames: Sequence[str]) -> list[Account]:
    """The accounts of these folded usernames."""
    rows = await connection.fetch(f"SELECT {_COLUMNS} FROM users WHERE lower(username) = ANY ($1::text[])", usernames)  # noqa: S608
    return [_account(row) for row in rows]


async def select_account_by_email(connection: Connection, email: str) -> Account | None:
    """The account of a folded e-mail address."""
    row = await connection.fetchrow(f"SELECT {_COLUMNS} FROM users WHERE lower(email) = $1", email)  # noqa: S608
    return _account(row) if row is not None else None


async def select_account(connection: Connection, user_id: UUID) -> Account | None:
    """The account of that id."""
    row = await connection.fetchrow(f"SELECT {_COLUMNS} FROM users WHERE id = $1", user_id)  # noqa: S608
    return _account(row) if row is not None else None


async def select_accounts(connection: Connection, user_ids: Sequence[UUID]) -> list[Account]:
    """Those of the ids that exist, in no order."""
    rows = await connection.fetch(f"SELECT {_COLUMNS} FROM users WHERE id = ANY($1)", list(user_ids))  # noqa: S608
    return [_account(row) for row in rows]


async def select_accounts_after(connection: Connection, username: str, limit: int) -> list[Account]:
    """The `limit` accounts that follow a folded username, in the order of their folded usernames."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM users WHERE lower(username) > $1 ORDER BY lower(username) LIMIT $2",  # noqa: S608
        username,
        limit,
    )
    return [_account(row) for row in rows]


async def lock_account(connection: Connection, user_id: UUID, credentials_version: int) -> bool:
    """Hold the account as it was when its password was checked; False when it has been changed since or is gone.

    Whoever changes the password then waits for this transaction, and sees the session that it makes.
    """
    found = await connection.fetchval(
        "SELECT true FROM users WHERE id = $1 AND credentials_version = $2 FOR SHARE", user_id, credentials_version
    )
    return found is not None


async def lock_users(connection: Connection, user_ids: Collection[UUID]) -> None:
    """Keep others from changing these users, and what is theirs, until this transaction ends.

    Whoever changes sessions or devices, or records events, does this first: then two such transactions wait for each
    other instead of forming a circle, and the events of a user get their ids in the order in which they are committed.
    """
    await connection.execute("SELECT 1 FROM users WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE", list(user_ids))


async def lock_and_select_account(connection: Connection, user_id: UUID) -> Account | None:
    """The account of that id, which nobody else changes until this transaction ends; see `lock_users`."""
    row = await connection.fetchrow(f"SELECT {_COLUMNS} FROM users WHERE id = $1 FOR NO KEY UPDATE", user_id)  # noqa: S608
    return _account(row) if row is not None else None


async def update_email(connection: Connection, user_id: UUID, email: str) -> None:
    """Give an account an address that its owner has proved. Whoever has merely claimed it loses it.

    Raises:
        asyncpg.UniqueViolationError: somebody else has proved it too.
    """
    await connection.execute(
        """
        UPDATE users
           SET email = NULL, updated_at = now()
         WHERE lower(email) = lower($2 COLLATE "C") AND id <> $1 AND email_verified_at IS NULL
        """,
        user_id,
        email,
    )
    await connection.execute(
        """
        UPDATE users
           SET email = $2, email_verified_at = now(), updated_at = now()
         WHERE id = $1
        """,
        user_id,
        email,
    )


async def reset_password(connection: Connection, user_id: UUID, password_hash: str) -> None:
    """Set a new password for somebody who has proved that the account's address is his."""
    await connection.execute(
        """
        UPDATE users
           SET password_hash = $2, credentials_version = credentials_version + 1,
               email_verified_at = coalesce(email_verified_at, now()), updated_at = now()
         WHERE id = $1
        """,
        user_id,
        password_hash,
    )


async def update_password(connection: Connection, user_id: UUID, credentials_version: int, password_hash: str) -> bool:
    """Set a new password, if it is still the version that was checked."""
    status = await connection.execute(
        """
        UPDATE users
           SET password_hash = $3, credentials_version = credentials_version + 1, updated_at = now()
         WHERE id = $1 AND credentials_version = $2
        """,
        user_id,
        credentials_version,
        password_hash,
    )
    return bool(status == "UPDATE 1")


async def update_password_hash(
    connection: Connection, user_id: UUID, credentials_version: int, password_hash: str
) -> None:
    """Store the same password, hashed with other parameters."""
    await connection.execute(
        "UPDATE users SET password_hash = $3 WHERE id = $1 AND credentials_version = $2",
        user_id,
        credentials_version,
        password_hash,
    )


async def update_display_name(connection: Connection, user_id: UUID, display_name: str, moment: datetime) -> None:
    """Store what an account is called from a moment on, unless a later word is here."""
    await connection.execute(
        """
        UPDATE users
           SET display_name = $2, named_at = $3
         WHERE id = $1 AND (named_at IS NULL OR named_at < $3)
        """,
        user_id,
        display_name,
        moment,
    )


async def delete_account(connection: Connection, user_id: UUID) -> None:
    """Remove an account and all that belongs to it, but its sessions, which are remembered without it."""
    await connection.execute("DELETE FROM users WHERE id = $1", user_id)


def _account(row: Any) -> Account:
    return Account(**dict(row))
