"""`user_profiles`. Others' preferences never leave the database, but for what other services need of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from asyncpg import Record
from msgspec import UNSET

from chassis.postgres import Connection
from contracts.internal import PreferenceRecord

from ..model import Account, Hit, NewProfile, ProfileChange, ProfileRow, search_key


async def select_profile(connection: Connection, user_id: UUID, viewer_id: UUID) -> ProfileRow | None:
    """A user's row as `viewer_id` may see it, a removed one included."""
    record = await connection.fetchrow(
        """SELECT id, username, display_name, avatar_url, status_message,
                  CASE WHEN id = $2 THEN preferences END AS preferences,
                  created_at, updated_at, deleted_at
             FROM user_profiles
            WHERE id = $1""",
        user_id,
        viewer_id,
    )
    return None if record is None else _row(record)


async def select_notification_preferences(connection: Connection, user_ids: Sequence[UUID]) -> list[PreferenceRecord]:
    """What those of the users who have said so prefer of notifications."""
    records = await connection.fetch(
        """SELECT id, preferences -> 'notifications' AS notifications
             FROM user_profiles
            WHERE id = ANY ($1::uuid[])
              AND deleted_at IS NULL
              AND json_typeof(preferences -> 'notifications') = 'object'""",
        user_ids,
    )
    return [PreferenceRecord(record["id"], record["notifications"]) for record in records]


async def select_everything(connection: Connection, user_id: UUID) -> dict[str, Any] | None:
    """All that is stored of a user, for himself."""
    record = await connection.fetchrow(
        """SELECT id, username, display_name, avatar_url, status_message, preferences,
                  created_at, updated_at, deleted_at
             FROM user_profiles
            WHERE id = $1""",
        user_id,
    )
    return None if record is None else dict(record)


async def insert_profile(connection: Connection, account: Account) -> bool:
    """Make a profile unless there is a row, be it a removed one. Returns whether it was made."""
    status = await connection.execute(
        """INSERT INTO user_profiles (id, username, display_name, username_key, display_key, created_at, updated_at)
           VALUES ($1, $2, $3, $4, $5, $6, $6)
               ON CONFLICT (id) DO NOTHING""",
        account.id,
        account.username,
        account.display_name,
        search_key(account.username),
        search_key(account.display_name),
        account.created_at,
    )
    return bool(status.endswith(" 1"))


async def complete_profile(connection: Connection, account: Account) -> None:
    """Give a profile what the registration said, if its owner has not written it yet: while auth was away it may have
    been made from less."""
    await connection.execute(
        """UPDATE user_profiles
              SET username = $2, username_key = $3, display_name = $4, display_key = $5,
                  created_at = $6, updated_at = $6
            WHERE id = $1
              AND updated_at = created_at
              AND deleted_at IS NULL""",
        account.id,
        account.username,
        search_key(account.username),
        account.display_name,
        search_key(account.display_name),
        account.created_at,
    )


async def rename_profile(
    connection: Connection, user_id: UUID, username: str | None, display_name: str | None, moment: datetime | None
) -> None:
    """Give a profile, if there is one, the names that are not None; those of `moment`, if that is given, only if it has
    not been written since: what is its own comes back to it so."""
    await connection.execute(
        """UPDATE user_profiles
              SET username     = coalesce($2, username),
                  username_key = coalesce($3, username_key),
                  display_name = coalesce($4, display_name),
                  display_key  = coalesce($5, display_key),
                  updated_at   = coalesce($6, now())
            WHERE id = $1
              AND deleted_at IS NULL
              AND ($6::timestamptz IS NULL OR updated_at < $6)""",
        user_id,
        username,
        None if username is None else search_key(username),
        display_name,
        None if display_name is None else search_key(display_name),
        moment,
    )


async def update_profile(connection: Connection, user_id: UUID, change: ProfileChange) -> ProfileRow | None:
    """Change what `change` gives of a user's own profile. None when there is none."""
    name = None if change.display_name is UNSET else change.display_name
    record = await connection.fetchrow(
        """UPDATE user_profiles
              SET display_name   = coalesce($2, display_name),
                  display_key    = coalesce($3, display_key),
                  avatar_url     = CASE WHEN $4 THEN $5 ELSE avatar_url END,
                  status_message = CASE WHEN $6 THEN $7 ELSE status_message END,
                  preferences    = coalesce($8, preferences),
                  updated_at     = now()
            WHERE id = $1
              AND deleted_at IS NULL
        RETURNING id, username, display_name, avatar_url, status_message, preferences,
                  created_at, updated_at, deleted_at""",
        user_id,
        name,
        None if name is None else search_key(name),
        change.avatar_url is not UNSET,
        None if change.avatar_url is UNSET else change.avatar_url,
        change.status_message is not UNSET,
        None if change.status_message is UNSET else change.status_message,
        None if change.preferences is UNSET else change.preferences,
    )
    return None if record is None else _row(record)


async def delete_profile(connection: Connection, user_id: UUID) -> datetime | None:
    """Empty a user's profile and remember that he did not want it. Returns when; None if there was none."""
    found: datetime | None = await connection.fetchval(
        """UPDATE user_profiles
              SET username = '', username_key = '', display_name = '', display_key = '',
                  avatar_url = NULL, status_message = NULL, preferences = '{}',
                  updated_at = now(), deleted_at = now()
            WHERE id = $1
              AND deleted_at IS NULL
        RETURNING deleted_at""",
        user_id,
    )
    return found


async def bury_profile(connection: Connection, user_id: UUID) -> None:
    """Leave nothing of a user but the memory that he is gone, also if he was never here."""
    if await delete_profile(connection, user_id) is None:
        await connection.execute(
            """INSERT INTO user_profiles (id, username, display_name, username_key, display_key, deleted_at)
               VALUES ($1, '', '', '', '', now())
                   ON CONFLICT (id) DO NOTHING""",
            user_id,
        )


async def restore_profile(connection: Connection, account: Account, profile: NewProfile) -> ProfileRow | None:
    """Make a removed profile anew. None when there is no removed one."""
    name = account.display_name if profile.display_name is UNSET else profile.display_name
    record = await connection.fetchrow(
        """UPDATE user_profiles
              SET username = $2, username_key = $3, display_name = $4, display_key = $5,
                  avatar_url = $6, status_message = $7, preferences = $8,
                  updated_at = now(), deleted_at = NULL
            WHERE id = $1
              AND deleted_at IS NOT NULL
        RETURNING id, username, display_name, avatar_url, status_message, preferences,
                  created_at, updated_at, deleted_at""",
        account.id,
        account.username,
        search_key(account.username),
        name,
        search_key(name),
        profile.avatar_url,
        profile.status_message,
        profile.preferences,
    )
    return None if record is None else _row(record)


async def search_profiles(
    connection: Connection, viewer_id: UUID, after: tuple[str, UUID], end: str, limit: int
) -> list[Hit]:
    """The names after a position and before `end`, in order; a row that is hit by both of its names comes twice.

    Two range scans of `limit` rows at most, whatever the size of the table. The bounds are explicit because a LIKE with
    a parameter cannot use an index in a generic plan.

    Arguments:
        viewer_id: who looks.
        after: a folded name and a user's id.
        end: the first folded name that is too far.
        limit: how many.
    """
    records = await connection.fetch(
        """SELECT key, other_key, by_display_name,
                  id, username, display_name, avatar_url, status_message,
                  CASE WHEN id = $5 THEN preferences END AS preferences,
                  created_at, updated_at, deleted_at
             FROM (
                  (SELECT username_key AS key, display_key AS other_key, false AS by_display_name,
                          id, username, display_name, avatar_url, status_message,
                          preferences, created_at, updated_at, deleted_at
                     FROM user_profiles
                    WHERE deleted_at IS NULL
                      AND (username_key, id) > ($1, $2)
                      AND username_key < $3
                 ORDER BY username_key, id
                    LIMIT $4)
                UNION ALL
                  (SELECT display_key AS key, username_key AS other_key, true AS by_display_name,
                          id, username, display_name, avatar_url, status_message,
                          preferences, created_at, updated_at, deleted_at
                     FROM user_profiles
                    WHERE deleted_at IS NULL
                      AND (display_key, id) > ($1, $2)
                      AND display_key < $3
                 ORDER BY display_key, id
                    LIMIT $4)
                  ) AS hits
         ORDER BY key, id, by_display_name
            LIMIT $4""",
        after[0],
        after[1],
        end,
        limit,
        viewer_id,
    )
    return [Hit(_row(record), record["key"], record["other_key"], record["by_display_name"]) for record in records]


def _row(record: Record) -> ProfileRow:
    return ProfileRow(
        id=record["id"],
        username=record["username"],
        display_name=record["display_name"],
        avatar_url=record["avatar_url"],
        status_message=record["status_message"],
        preferences=record["preferences"],
        created_at=record["created_at"],
        updated_at=record["updated_at"],
        deleted_at=record["deleted_at"],
    )
