"""Passwords: proving that one knows it, and what a new one must be."""

from collections.abc import Sequence
from uuid import UUID

from chassis.postgres import Postgres
from chassis.problems import Forbidden, Invalid, TooMany, Unauthorized

from . import audit, policy
from .hashing import Hasher
from .model import Account, Client
from .store import accounts as store
from .strength import Strength
from .throttle import Throttle


class Credentials:
    """Checks passwords of people who are logged in, and prepares new ones."""

    def __init__(self, postgres: Postgres, hasher: Hasher, strength: Strength, throttle: Throttle) -> None:
        self._postgres = postgres
        self._hasher = hasher
        self._strength = strength
        self._throttle = throttle

    async def account(self, user_id: UUID) -> Account:
        """The account of a user who has a valid token.

        Raises:
            Unauthorized: it is gone.
        """
        async with self._postgres.connection() as connection:
            account = await store.select_account(connection, user_id)
        if account is None:
            raise Unauthorized("The account is gone.", code="token_revoked")
        return account

    async def prove(self, user_id: UUID, password: str, client: Client, failure: str) -> Account:
        """The account of somebody who is logged in and knows his password.

        Arguments:
            failure: the event for the audit log when he does not.

        Raises:
            Forbidden: `wrong_password`; a 401 would tell the client that its token is bad.
            TooMany: too many wrong ones, counted apart from logins, so that nobody else can lock the owner out.
            Unavailable: too many passwords are being hashed.
        """
        self._hasher.refuse_if_full()
        try:
            async with self._throttle.proof(user_id):
                account = await self.account(user_id)
                if not await self._hasher.verify(account.password_hash, password):
                    audit.record(failure, user_id=account.id, address=client.address)
                    raise wrong_password()
        except TooMany:
            audit.record("proof_throttled", user_id=user_id, address=client.address)
            raise
        return account

    async def new_hash(self, field: str, password: str, about: Sequence[str | None]) -> str:
        """The hash of a new password.

        Arguments:
            field: where it came from, for the error.
            about: what everybody knows of its owner.

        Raises:
            Invalid: it cannot be a password, or is one that everybody guesses.
            Unavailable: too many passwords are being hashed.
        """
        if not policy.is_password(password):
            raise Invalid((field, "must be 8-128 characters"))
        self._hasher.refuse_if_full()
        self.refuse_common(field, password, about)
        return await self._hasher.hash(password)

    def refuse_common(self, field: str, password: str, about: Sequence[str | None]) -> None:
        """Raise Invalid for a password that is guessed first."""
        if self._strength.is_guessed_first(password, about):
            raise Invalid((field, "is one of those that are guessed first"), code="common_password")


def wrong_password() -> Forbidden:
    """The answer to a wrong password of somebody who is logged in."""
    return Forbidden("The current password is another one.", code="wrong_password")
