"""What profiles say of users: accounts carry the name that is shown, for whoever asks about a stranger."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from chassis.postgres import Postgres
from contracts.events import USER_UPDATED, Event

from .model import MAX_DISPLAY_NAME
from .store import accounts as store


class Updated(msgspec.Struct, frozen=True):
    """The data of `user.updated`."""

    user_id: UUID
    display_name: str
    updated_at: Annotated[datetime, msgspec.Meta(tz=True)]


class UserEvents:
    """Applies them; a later word counts, however often and in whatever order they come."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def apply(self, event: Event) -> None:
        """Apply an event; those that are our own change nothing.

        Raises:
            ValueError: its data have another form.
        """
        if event.type != USER_UPDATED:
            return
        updated = msgspec.convert(event.data, Updated)
        name = updated.display_name[:MAX_DISPLAY_NAME]
        if name:
            async with self._postgres.connection() as connection:
                await store.update_display_name(connection, updated.user_id, name, updated.updated_at)
