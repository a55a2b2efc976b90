"""The use cases: show, make, change, remove and find profiles."""

import re
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from msgspec import UNSET

from chassis.postgres import Postgres
from chassis.problems import Conflict, Forbidden, Invalid, NotFound, Unavailable
from chassis.times import utc_now
from chassis.tokens import Claims
from contracts.internal import MAX_PREFERENCES, PreferenceRecord

from . import announcements, policy
from .directory import Directory, account_of
from .model import (
    Account,
    Hit,
    NewProfile,
    Profile,
    ProfileChange,
    ProfilePage,
    ProfileReplacement,
    ProfileRow,
    SearchQuery,
    profile_of,
    search_key,
)
from .policy import Position
from .store import profiles as store

SEARCH_ROUNDS = 4  # reads per page, each twice as large as the one before: a late page may be short
_USERNAME = re.compile(r"[A-Za-z0-9._-]{3,50}")


class Profiles:
    """What can be done with profiles. A profile that is not here yet is made from what auth knows of its user."""

    def __init__(self, postgres: Postgres, directory: Directory) -> None:
        self._postgres = postgres
        self._directory = directory

    async def show(self, caller: Claims, user_id: UUID) -> Profile:
        """A user's profile.

        Raises:
            NotFound: no such user, or he has removed it.
            Unavailable: it is not here, and auth cannot be asked.
        """
        return profile_of(await self._existing(caller, user_id))

    async def create(self, caller: Claims, body: NewProfile) -> Profile:
        """Make the caller's profile anew after he has removed it.

        Raises:
            Forbidden: the body names somebody else.
            Conflict: there is one, as there is from the registration on.
            Invalid: see policy.check_body.
        """
        if body.id is not UNSET and body.id != caller.user_id:
            raise Forbidden("A profile can only be made for oneself.")
        policy.check_body(body, caller.username)
        async with self._postgres.connection() as connection:
            row = await store.select_profile(connection, caller.user_id, caller.user_id)
        if row is None:
            await self._existing(caller, caller.user_id)
        elif row.deleted_at is not None:
            account = await self._account(caller, caller.user_id)
            async with self._postgres.transaction() as connection:
                restored = await store.restore_profile(connection, account, body)
                if restored is not None:
                    await announcements.user_updated(connection, restored)
            if restored is not None:
                return profile_of(restored)
        raise Conflict("You have a profile.", code="profile_exists")

    async def replace(self, caller: Claims, user_id: UUID, body: ProfileReplacement) -> Profile:
        """Put `body` in place of everything that the owner decides. Raises as `change`."""
        return await self.change(
            caller,
            user_id,
            ProfileChange(
                id=body.id,
                username=body.username,
                display_name=body.display_name,
                avatar_url=body.avatar_url,
                status_message=body.status_message,
                preferences=body.preferences,
            ),
        )

    async def change(self, caller: Claims, user_id: UUID, body: ProfileChange) -> Profile:
        """Change what `body` gives.

        Raises:
            NotFound: no such user, or he has removed his profile.
            Forbidden: it is somebody else's.
            Invalid: see policy.check_body; or the body's id is another than the path's.
        """
        await self._check_owner(caller, user_id)
        if body.id is not UNSET and body.id != user_id:
            raise Invalid(("id", "cannot be changed"))
        username = caller.username
        if body.username is not UNSET and body.username != username:  # the token may be older than the name
            username = (await self._existing(caller, user_id)).username
        policy.check_body(body, username)
        row = await self._update(user_id, body)
        if row is None:
            await self._existing(caller, user_id)
            row = await self._update(user_id, body)
        if row is None:
            raise _unknown()
        return profile_of(row)

    async def _update(self, user_id: UUID, body: ProfileChange) -> ProfileRow | None:
        async with self._postgres.transaction() as connection:
            row = await store.update_profile(connection, user_id, body)
            if row is not None and (body.display_name is not UNSET or body.avatar_url is not UNSET):
                await announcements.user_updated(connection, row)
        return row

    async def remove(self, caller: Claims, user_id: UUID) -> None:
        """Remove the caller's profile; nothing but `create` brings it back. Raises NotFound and Forbidden."""
        await self._check_owner(caller, user_id)
        before = await self._existing(caller, user_id)
        async with self._postgres.transaction() as connection:
            removed_at = await store.delete_profile(connection, user_id)
            if removed_at is None:
                raise _unknown()
            plain = msgspec.structs.replace(
                before, display_name=before.username, avatar_url=None, updated_at=removed_at
            )
            await announcements.user_updated(connection, plain)  # to others he is his username again

    async def export(self, user_id: UUID) -> dict[str, Any] | None:
        """All that is stored of a user, for himself; None when there is nothing."""
        async with self._postgres.connection() as connection:
            return await store.select_everything(connection, user_id)

    async def search(self, caller: Claims, query: SearchQuery) -> ProfilePage:
        """A page of the profiles one of whose names begins with the term, in the order of that name.

        A page may hold fewer than asked for although others follow; `next_cursor` alone tells.

        Raises:
            Invalid: the cursor is not one of this search.
        """
        prefix = search_key(query.search)
        start = policy.read_cursor(query.cursor, prefix)
        page = await self._page(caller.user_id, prefix, start, query.limit)
        if not query.cursor and await self._learn(query.search, page):
            page = await self._page(caller.user_id, prefix, start, query.limit)
        return page

    async def notification_preferences(self, user_ids: Sequence[UUID]) -> list[PreferenceRecord]:
        """What users prefer of notifications; those who have not said are left out.

        Raises:
            Invalid: more than MAX_PREFERENCES.
        """
        if len(user_ids) > MAX_PREFERENCES:
            raise Invalid(("users", f"at most {MAX_PREFERENCES} of them"))
        async with self._postgres.connection() as connection:
            return await store.select_notification_preferences(connection, user_ids)

    async def _page(self, viewer_id: UUID, prefix: str, start: Position, limit: int) -> ProfilePage:
        hits: list[Hit] = []
        end, wanted = policy.end_of(prefix), 2 * limit + 1
        async with self._postgres.connection() as connection:
            for _ in range(SEARCH_ROUNDS):
                found = await store.search_profiles(connection, viewer_id, (start.key, start.id), end, wanted)
                hits += [hit for hit in found if not policy.is_repeated(hit, prefix)]
                if len(hits) > limit:
                    hits = hits[:limit]
                    return _page_of(hits, Position(hits[-1].key, hits[-1].row.id))
                if len(found) < wanted:
                    return _page_of(hits, None)
                start = Position(found[-1].key, found[-1].row.id)
                wanted *= 2
        return _page_of(hits, start)

    async def _learn(self, term: str, page: ProfilePage) -> bool:
        """Whether a user whose whole name was typed, and who is new, has become known here."""
        if not _USERNAME.fullmatch(term) or any(item.username.lower() == term.lower() for item in page.results):
            return False
        try:
            account = await self._directory.find_named(term)
        except Unavailable:
            return False
        if account is None:
            return False
        async with self._postgres.connection() as connection:
            return await store.insert_profile(connection, account)

    async def _check_owner(self, caller: Claims, user_id: UUID) -> None:
        """Raises NotFound before Forbidden, so that an unknown id is 404 whoever asks."""
        if user_id != caller.user_id:
            await self._existing(caller, user_id)
        policy.check_owner(user_id, caller.user_id)

    async def _existing(self, caller: Claims, user_id: UUID) -> ProfileRow:
        async with self._postgres.connection() as connection:
            row = await store.select_profile(connection, user_id, caller.user_id)
        if row is None:
            account = await self._account(caller, user_id)
            async with self._postgres.connection() as connection:
                await store.insert_profile(connection, account)
                row = await store.select_profile(connection, user_id, caller.user_id)
        if row is None or row.deleted_at is not None:
            raise _unknown()
        return row

    async def _account(self, caller: Claims, user_id: UUID) -> Account:
        """What auth knows of a user; of the caller himself his token tells enough when auth is away."""
        try:
            account = await self._directory.find(user_id)
        except Unavailable:
            if user_id != caller.user_id:
                raise
            return account_of(user_id, caller.username, caller.username, utc_now())
        if account is None:
            raise _unknown()
        return account


def _page_of(hits: list[Hit], position: Position | None) -> ProfilePage:
    cursor = None if position is None else policy.write_cursor(position)
    return ProfilePage([profile_of(hit.row) for hit in hits], cursor)


def _unknown() -> NotFound:
    return NotFound("There is no such profile.")
