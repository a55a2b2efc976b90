"""The accounts elsewhere that a user may log in with."""

from uuid import UUID

from chassis.postgres import Postgres
from chassis.problems import Conflict, NotFound

from . import audit
from .model import Client, Identity
from .store import accounts as store_accounts
from .store import identities as store


class Identities:
    """Lists and removes them; adding one is a login there, see oauth/logins.py."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def of(self, user_id: UUID) -> list[Identity]:
        """A user's, by provider."""
        async with self._postgres.connection() as connection:
            return await store.select_identities(connection, user_id)

    async def remove(self, user_id: UUID, provider: str, client: Client) -> None:
        """Log in with that one no more.

        Raises:
            NotFound: there is none of that provider.
            Conflict: `last_login`, there is no password and no other one: nobody could log in any more.
        """
        async with self._postgres.transaction() as connection:
            account = await store_accounts.lock_and_select_account(connection, user_id)
            if not await store.delete_identity(connection, user_id, provider):
                raise NotFound("You have no such identity.")
            if account is None or (
                account.password_hash is None and not await store.select_identities(connection, user_id)
            ):
                raise Conflict("It is the only way to log in; set a password first.", code="last_login")
        audit.record("identity_unlinked", user_id=user_id, address=client.address, detail=provider)
