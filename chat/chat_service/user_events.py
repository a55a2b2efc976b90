"""What `user.events` say of people: their names and pictures as they are now, and that somebody is gone."""

import logging
from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from chassis.postgres import Postgres
from contracts.events import USER_DELETED, USER_REGISTERED, USER_UPDATED, Event

from .model import PersonRow
from .realtime.bells import Bells
from .store import members as member_store
from .store import rooms as room_store
from .store import users as store

logger = logging.getLogger(__name__)

MAX_ROOMS_TOLD = 100  # of one person's direct rooms, the latest; whoever opens an older one sees it anyway

Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class Registered(msgspec.Struct, frozen=True):
    """The data of `user.registered`."""

    user_id: UUID
    username: str
    display_name: str


class Updated(msgspec.Struct, frozen=True):
    """The data of `user.updated`: how he is seen from `updated_at` on."""

    user_id: UUID
    username: str
    display_name: str
    updated_at: Moment
    avatar_url: str | None = None


class Deleted(msgspec.Struct, frozen=True):
    """The data of `user.deleted`."""

    user_id: UUID


class UserEvents:
    """Applies events of users. Each may come again, and in any order with those of other services: a word about names
    counts if it is later than the one before, and who is gone stays so."""

    def __init__(self, database: Postgres, bells: Bells) -> None:
        self._database = database
        self._bells = bells

    async def apply(self, event: Event) -> None:
        """Apply an event; those that are no concern of chat change nothing.

        Raises:
            ValueError: its data have another form.
        """
        if event.type == USER_REGISTERED:
            registered = msgspec.convert(event.data, Registered)
            person = PersonRow(registered.user_id, registered.username, registered.display_name)
            async with self._database.connection() as connection:
                await store.insert_user(connection, person)
        elif event.type == USER_UPDATED:
            await self._rename(msgspec.convert(event.data, Updated))
        elif event.type == USER_DELETED:
            await self._bury(msgspec.convert(event.data, Deleted).user_id)

    async def _rename(self, updated: Updated) -> None:
        person = PersonRow(
            updated.user_id, updated.username, updated.display_name or updated.username, avatar_url=updated.avatar_url
        )
        async with self._database.connection() as connection:
            if await store.rename_user(connection, person, updated.updated_at):
                rooms = await room_store.select_direct_rooms(connection, updated.user_id, MAX_ROOMS_TOLD)
                self._tell(updated.user_id, rooms)

    async def _bury(self, user_id: UUID) -> None:
        """Leave his messages, and nothing that says whose they are. He leaves his groups as anybody does, so that
        somebody else owns them; a direct room keeps its two, and the other one keeps what was said."""
        async with self._database.connection() as connection:
            await store.bury_user(connection, user_id)
            groups = await room_store.select_groups(connection, user_id)
        for room_id in groups:
            async with self._database.connection() as connection:
                change = await member_store.remove_member(connection, room_id, user_id, user_id)
            if change.outcome == "removed":
                self._bells.changed(room_id, change.seq, change.rev)
                self._bells.membership([user_id], room_id, added=False)
        async with self._database.connection() as connection:
            await store.forget_left_rooms(connection, user_id)
            rooms = await room_store.select_direct_rooms(connection, user_id, MAX_ROOMS_TOLD)
        self._tell(user_id, rooms)

    def _tell(self, user_id: UUID, rooms: list[UUID]) -> None:
        """Have all pods forget what they knew of him, and show his friends what their rooms look like now."""
        self._bells.person(user_id)
        for room_id in rooms:
            self._bells.renamed(room_id)
