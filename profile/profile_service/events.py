"""What auth says of users: a profile is here before anybody asks for it, and carries the name that its user has now."""

import time
from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from chassis.postgres import Connection, Postgres
from chassis.times import utc_now
from contracts.events import USER_DELETED, USER_REGISTERED, USER_UPDATED, Event

from .directory import account_of
from .model import MAX_DISPLAY_NAME, MAX_USERNAME
from .store import events as store
from .store import profiles
from .store.outbox import delete_events

KEPT = timedelta(days=8)  # longer than topics keep events by default (7 days)
CLEAN_SECONDS = 3600.0


class Registered(msgspec.Struct, frozen=True):
    """The data of `user.registered`."""

    user_id: UUID
    username: str
    display_name: str
    created_at: Annotated[datetime, msgspec.Meta(tz=True)]


class Updated(msgspec.Struct, frozen=True):
    """The data of `user.updated`: what has changed."""

    user_id: UUID
    username: str | UnsetType = UNSET
    display_name: str | UnsetType = UNSET
    updated_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


class Deleted(msgspec.Struct, frozen=True):
    """The data of `user.deleted`."""

    user_id: UUID


class UserEvents:
    """Applies the events of users, each once, however often it arrives."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres
        self._clean_at = 0.0  # monotonic

    async def apply(self, event: Event) -> None:
        """Apply an event; those that are no concern of profiles change nothing.

        Raises:
            ValueError: its data have another form.
        """
        if event.type not in (USER_REGISTERED, USER_UPDATED, USER_DELETED):
            return
        async with self._postgres.transaction() as connection:
            if await store.insert_applied_event(connection, event.id):
                await _apply(connection, event)
        if time.monotonic() >= self._clean_at:
            async with self._postgres.connection() as connection:
                await store.delete_applied_events(connection, utc_now() - KEPT)
            self._clean_at = time.monotonic() + CLEAN_SECONDS


async def _apply(connection: Connection, event: Event) -> None:
    if event.type == USER_REGISTERED:
        registered = msgspec.convert(event.data, Registered)
        account = account_of(registered.user_id, registered.username, registered.display_name, registered.created_at)
        if not await profiles.insert_profile(connection, account):
            await profiles.complete_profile(connection, account)
    elif event.type == USER_UPDATED:
        updated = msgspec.convert(event.data, Updated)
        await profiles.rename_profile(
            connection,
            updated.user_id,
            None if updated.username is UNSET else updated.username[:MAX_USERNAME],
            None if updated.display_name is UNSET else updated.display_name[:MAX_DISPLAY_NAME],
            updated.updated_at,
        )
    else:
        deleted = msgspec.convert(event.data, Deleted)
        await profiles.bury_profile(connection, deleted.user_id)
        await delete_events(connection, deleted.user_id)
