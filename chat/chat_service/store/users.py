"""Copies of accounts."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from chassis.postgres import Connection

from ..model import PersonRow


def person_from(row: Any, prefix: str = "") -> PersonRow:
    """The person in a row whose columns begin with `prefix`."""
    return PersonRow(
        row[f"{prefix}id"], row[f"{prefix}username"], row[f"{prefix}display_name"], row[f"{prefix}last_seen_at"]
    )


async def select_users(connection: Connection, ids: Sequence[UUID]) -> list[PersonRow]:
    """Those of `ids` that are known, in no order."""
    rows = await connection.fetch(
        """SELECT id, username, display_name, last_seen_at
             FROM users
            WHERE id = ANY ($1::uuid[])""",
        ids,
    )
    return [person_from(row) for row in rows]


async def select_users_by_username(connection: Connection, usernames: Sequence[str]) -> list[PersonRow]:
    """The people of those names, without regard to case, in no order."""
    rows = await connection.fetch(
        """SELECT id, username, display_name, last_seen_at
             FROM users
            WHERE lower(username) = ANY (SELECT lower(name) FROM unnest($1::text[]) AS name) AND deleted_at IS NULL""",
        usernames,
    )
    return [person_from(row) for row in rows]


async def upsert_users(connection: Connection, people: Sequence[PersonRow]) -> None:
    """Store what auth says of these accounts."""
    await connection.execute(
        """INSERT INTO users (id, username, display_name)
           SELECT id, username, display_name
             FROM unnest($1::uuid[], $2::text[], $3::text[]) AS u (id, username, display_name)
            ORDER BY id
               ON CONFLICT (id) DO UPDATE
              SET username = excluded.username, display_name = excluded.display_name, updated_at = now()
            WHERE (users.username, users.display_name) <> (excluded.username, excluded.display_name)""",
        [person.id for person in people],
        [person.username for person in people],
        [person.display_name for person in people],
    )


async def update_last_seen(connection: Connection, ids: Sequence[UUID], moments: Sequence[datetime]) -> None:
    """These users were last there then; never earlier than what is known."""
    await connection.execute(
        """WITH seen AS (SELECT * FROM unnest($1::uuid[], $2::timestamptz[]) AS s (id, at)),
                locked AS MATERIALIZED                                   -- in the order in which all lock users
                (SELECT u.id FROM users u WHERE u.id = ANY ($1::uuid[]) ORDER BY u.id FOR NO KEY UPDATE)
           UPDATE users u SET last_seen_at = seen.at
             FROM locked JOIN seen ON seen.id = locked.id
            WHERE u.id = locked.id AND (u.last_seen_at IS NULL OR u.last_seen_at < seen.at)""",
        ids,
        moments,
    )
