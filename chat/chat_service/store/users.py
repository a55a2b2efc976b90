"""Copies of accounts."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from chassis.postgres import Connection

from ..model import PersonRow

DELETED = "deleted user"  # what is left of a name; the space keeps anybody from being called so


def person_from(row: Any, prefix: str = "") -> PersonRow:
    """The person in a row whose columns begin with `prefix`."""
    return PersonRow(
        row[f"{prefix}id"],
        row[f"{prefix}username"],
        row[f"{prefix}display_name"],
        row[f"{prefix}last_seen_at"],
        row[f"{prefix}avatar_url"],
    )


async def select_users(connection: Connection, ids: Sequence[UUID]) -> list[PersonRow]:
    """Those of `ids` that are known and not gone, in no order."""
    rows = await connection.fetch(
        """SELECT id, username, display_name, last_seen_at, avatar_url
             FROM users
            WHERE id = ANY ($1::uuid[]) AND deleted_at IS NULL""",
        ids,
    )
    return [person_from(row) for row in rows]


async def select_users_by_username(connection: Connection, usernames: Sequence[str]) -> list[PersonRow]:
    """The people of those names, without regard to case, in no order."""
    rows = await connection.fetch(
        """SELECT id, username, display_name, last_seen_at, avatar_url
             FROM users
            WHERE lower(username) = ANY (SELECT lower(name) FROM unnest($1::text[]) AS name) AND deleted_at IS NULL""",
        usernames,
    )
    return [person_from(row) for row in rows]


async def upsert_users(connection: Connection, people: Sequence[PersonRow]) -> None:
    """Store what auth says of these accounts, the names of their registration: a later word stays."""
    await connection.execute(
        """INSERT INTO users (id, username, display_name)
           SELECT id, username, display_name
             FROM unnest($1::uuid[], $2::text[], $3::text[]) AS u (id, username, display_name)
            ORDER BY id
               ON CONFLICT (id) DO UPDATE
              SET username = excluded.username, display_name = excluded.display_name, updated_at = now()
            WHERE (users.username, users.display_name) <> (excluded.username, excluded.display_name)
              AND users.named_at IS NULL
              AND users.deleted_at IS NULL""",
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
            WHERE u.id = locked.id AND u.deleted_at IS NULL AND (u.last_seen_at IS NULL OR u.last_seen_at < seen.at)""",
        ids,
        moments,
    )


async def insert_user(connection: Connection, person: PersonRow) -> None:
    """Store somebody who has just registered, unless he is here."""
    await connection.execute(
        """INSERT INTO users (id, username, display_name)
           VALUES ($1, $2, $3)
               ON CONFLICT (id) DO NOTHING""",
        person.id,
        person.username,
        person.display_name,
    )


async def rename_user(connection: Connection, person: PersonRow, moment: datetime) -> bool:
    """Store how somebody is seen from a moment on. False when a later word is here already, or he is gone."""
    status = await connection.execute(
        """INSERT INTO users (id, username, display_name, avatar_url, named_at)
           VALUES ($1, $2, $3, $4, $5)
               ON CONFLICT (id) DO UPDATE
              SET username = excluded.username, display_name = excluded.display_name,
                  avatar_url = excluded.avatar_url, named_at = excluded.named_at, updated_at = now()
            WHERE (users.named_at IS NULL OR users.named_at < excluded.named_at)
              AND users.deleted_at IS NULL""",
        person.id,
        person.username,
        person.display_name,
        person.avatar_url,
        moment,
    )
    return bool(status.endswith(" 1"))


async def bury_user(connection: Connection, user_id: UUID) -> None:
    """Leave nothing of somebody but the memory that he is gone, also if he was never here."""
    await connection.execute(
        """INSERT INTO users (id, username, display_name, deleted_at)
           VALUES ($1, $2, $2, now())
               ON CONFLICT (id) DO UPDATE
              SET username = excluded.username, display_name = excluded.display_name, avatar_url = NULL,
                  last_seen_at = NULL, deleted_at = coalesce(users.deleted_at, now()), updated_at = now()""",
        user_id,
        DELETED,
    )


async def forget_left_rooms(connection: Connection, user_id: UUID) -> None:
    """Forget where somebody was who is gone."""
    await connection.execute("DELETE FROM left_rooms WHERE user_id = $1", user_id)
