"""Finding users: for users by name, for other services by id."""

from collections.abc import Sequence
from uuid import UUID

from chassis.postgres import Postgres
from chassis.problems import Invalid, NotFound

from . import policy
from .model import Account
from .store import accounts as store


class Directory:
    """Reads accounts for others; nobody sees more of them than their names."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def find(self, username: str) -> Account | None:
        """The account of exactly that username, without regard to case."""
        if not policy.is_username(username):
            return None
        async with self._postgres.connection() as connection:
            return await store.select_account_by_username(connection, policy.fold(username))

    async def show(self, username: str) -> Account:
        """The same.

        Raises:
            NotFound: there is none.
        """
        account = await self.find(username)
        if account is None:
            raise NotFound("There is no such user.")
        return account

    async def page(self, cursor: str | None, limit: int) -> tuple[list[Account], str | None]:
        """Some users in the order of their names, and the cursor of those that follow, None at the end.

        Arguments:
            cursor: of the page before; None for the first page.
            limit: how many at most.

        Raises:
            Invalid: the cursor is not one of ours.
        """
        if cursor is not None and not policy.is_username(cursor):
            raise Invalid(("cursor", "is not a cursor"))
        async with self._postgres.connection() as connection:
            found = await store.select_accounts_after(connection, policy.fold(cursor or ""), limit + 1)
        page = found[:limit]
        return page, policy.fold(page[-1].username) if len(found) > limit else None

    async def look_up(self, user_ids: Sequence[UUID]) -> list[Account]:
        """Those of the ids that exist, in no order."""
        async with self._postgres.connection() as connection:
            return await store.select_accounts(connection, user_ids)

    async def look_up_names(self, usernames: Sequence[str]) -> list[Account]:
        """Those of the usernames, without regard to case, that exist, in no order."""
        folded = [policy.fold(username) for username in usernames if policy.is_username(username)]
        async with self._postgres.connection() as connection:
            return await store.select_accounts_by_username(connection, folded)
