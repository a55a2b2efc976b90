"""Deleting an account: at once here, and by an event in every other service."""

import hashlib

from chassis.postgres import Connection, Postgres
from chassis.problems import Forbidden, Invalid
from chassis.times import utc_now
from chassis.tokens import Claims

from . import audit, events, policy
from .credentials import Credentials
from .model import Account, Client
from .revocations import Revoker
from .sessions import ACCOUNT_DELETED, Sessions
from .store import accounts as store
from .store import retired_usernames as store_names
from .store import sessions as store_sessions
from .throttle import Throttle

FRESH_SECONDS = 600  # how old a login may be that stands for the password of an account which has none


class Deletion:
    """Removes accounts.

    Arguments:
        retired_seconds: how long nobody else may have the name of a deleted account.
    """

    def __init__(
        self,
        postgres: Postgres,
        credentials: Credentials,
        throttle: Throttle,
        sessions: Sessions,
        revoker: Revoker,
        *,
        retired_seconds: float,
    ) -> None:
        self._postgres = postgres
        self._credentials = credentials
        self._throttle = throttle
        self._sessions = sessions
        self._revoker = revoker
        self._retired_seconds = retired_seconds

    async def delete(self, claims: Claims, password: str, client: Client) -> None:
        """Delete the caller's account: his sessions, devices, identities, mails and tokens with it. Profile and chat do
        their part when they hear of it.

        Raises:
            Invalid: the password is missing.
            Forbidden: `wrong_password`; or `login_again`, there is no password and the login is not fresh.
            TooMany, Unavailable: see `Credentials.prove`.
        """
        account = await self._proved(claims, password, client)
        async with self._postgres.transaction() as connection:
            if await store.lock_and_select_account(connection, account.id) is None:
                return  # somebody was faster
            ended = await self._sessions.end_others(connection, account.id, None, ACCOUNT_DELETED)
            await store_sessions.forget_clients(connection, account.id)
            await events.user_deleted(connection, account.id)
            await store.delete_account(connection, account.id)
            if self._retired_seconds > 0:
                name = hash_of(account.username)
                await store_names.insert_retired_username(connection, name, self._retired_seconds)
        await self._revoker.announce(ended)
        await self._throttle.forgive(account.id)
        audit.record("account_deleted", user_id=account.id, address=client.address)

    async def _proved(self, claims: Claims, password: str, client: Client) -> Account:
        account = await self._credentials.account(claims.user_id)
        if account.password_hash is not None:
            if not password:
                raise Invalid(("password", "is required"))
            return await self._credentials.prove(claims.user_id, password, client, "account_deletion_failed")
        async with self._postgres.connection() as connection:
            began = await store_sessions.select_session_start(connection, claims.session_id)
        if began is None or (utc_now() - began).total_seconds() > FRESH_SECONDS:
            audit.record("account_deletion_failed", user_id=account.id, address=client.address)
            raise Forbidden("Log in again first: this account has no password.", code="login_again")
        return account


async def is_retired(connection: Connection, username: str) -> bool:
    """Whether nobody may have that name yet."""
    return await store_names.select_is_retired(connection, hash_of(username))


def hash_of(username: str) -> bytes:
    """What is kept of a name."""
    return hashlib.sha256(policy.fold(username).encode()).digest()
