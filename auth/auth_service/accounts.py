"""Accounts: who may log in, and what it takes."""

import asyncpg

from chassis.ids import uuid7
from chassis.postgres import Postgres
from chassis.problems import Conflict, Invalid, Problem
from chassis.tokens import Claims

from . import audit, events, policy
from .credentials import Credentials, wrong_password
from .deletion import is_retired
from .devices import store_device
from .hashing import Hasher
from .mail.queue import MailQueue
from .model import Account, Client, Device, Grant, Registration
from .revocations import Revoker
from .sessions import PASSWORD_CHANGED, Sessions
from .store import accounts as store
from .store import email_tokens as store_tokens
from .throttle import Throttle

_TAKEN = {
    store.USERNAME_TAKEN: ("username_taken", "This username is taken."),
    store.EMAIL_TAKEN: ("email_taken", "There is an account with this e-mail address."),
}


class Accounts:
    """Registers users, logs them in, changes their passwords."""

    def __init__(
        self,
        postgres: Postgres,
        hasher: Hasher,
        credentials: Credentials,
        throttle: Throttle,
        sessions: Sessions,
        revoker: Revoker,
        queue: MailQueue,
    ) -> None:
        self._postgres = postgres
        self._hasher = hasher
        self._credentials = credentials
        self._throttle = throttle
        self._sessions = sessions
        self._revoker = revoker
        self._queue = queue

    async def register(self, registration: Registration, client: Client) -> Grant:
        """Make an account and log it in; an address gets a mail with which it is verified.

        Raises:
            Invalid: naming every field that is not acceptable; `common_password` for one that everybody guesses.
            Conflict: `username_taken` or `email_taken`.
            Unavailable: too many passwords are being hashed.
        """
        if mistakes := policy.mistakes(registration):
            raise Invalid(*mistakes)
        self._hasher.refuse_if_full()
        folded = policy.fold(registration.username), policy.fold(registration.email) if registration.email else None
        async with self._postgres.connection() as connection:
            taken = await store.select_taken(connection, *folded)
            taken = (taken[0] or await is_retired(connection, registration.username), taken[1])
        for constraint, is_taken in zip((store.USERNAME_TAKEN, store.EMAIL_TAKEN), taken, strict=True):
            if is_taken:  # spares a hash; the answer that counts is the constraint's, below
                raise _taken(constraint)
        about = [registration.username, registration.email, registration.display_name]
        self._credentials.refuse_common("password", registration.password, about)
        password_hash = await self._hasher.hash(registration.password)
        try:
            async with self._postgres.transaction() as connection:
                account = await store.insert_account(
                    connection,
                    uuid7(),
                    registration.username,
                    registration.email,
                    policy.display_name(registration),
                    password_hash,
                )
                await events.user_registered(connection, account)
                await self._queue.put(connection, "verify_email", account.id, account.email)
                grant, session_id = await self._sessions.begin(connection, account, client)
                if registration.fcm_token is not None:
                    await store_device(connection, Device(registration.fcm_token, "fcm", account.id, session_id))
        except asyncpg.UniqueViolationError as error:
            raise _taken(error.constraint_name) from None
        self._queue.nudge()
        audit.record("registered", user_id=account.id, session_id=session_id, address=client.address)
        return grant

    async def log_in(self, name: str, password: str, client: Client) -> Grant:
        """Begin a session for whoever knows the password.

        Arguments:
            name: a username or an e-mail address.

        Raises:
            Unauthorized: the same, after the same work, for an unknown user and for a wrong password.
            TooMany: too many failures under this name.
            Unavailable: too many passwords are being hashed.
        """
        self._hasher.refuse_if_full()
        async with self._postgres.connection() as connection:
            select = store.select_account_by_email if "@" in name else store.select_account_by_username
            account = await select(connection, policy.fold(name))
        try:
            async with self._throttle.login(account.id if account else None, name, client.address):
                return await self._log_in(account, password, client)
        except Problem as problem:
            if problem.status == 429:
                audit.record("login_throttled", user_id=account.id if account else None, address=client.address)
            raise

    async def _log_in(self, account: Account | None, password: str, client: Client) -> Grant:
        matches = await self._hasher.verify(account.password_hash if account else None, password)
        if account is None or not matches:
            audit.record("login_failed", user_id=account.id if account else None, address=client.address)
            raise _wrong()
        await self._keep_hash_fresh(account, password)
        async with self._postgres.transaction() as connection:
            if not await store.lock_account(connection, account.id, account.credentials_version):
                raise _wrong()  # the password was changed while we looked
            grant, session_id = await self._sessions.begin(connection, account, client)
        audit.record("logged_in", user_id=account.id, session_id=session_id, address=client.address)
        return grant

    async def change_password(self, claims: Claims, current: str, new: str, client: Client) -> None:
        """Set a new password and end every other session.

        Raises:
            Invalid: the new one cannot be one.
            Forbidden, TooMany, Unavailable: see `Credentials.prove`.
        """
        if not policy.is_password(new):
            raise Invalid(("new_password", "must be 8-128 characters"))
        account = await self._credentials.prove(claims.user_id, current, client, "password_change_failed")
        password_hash = await self._credentials.new_hash("new_password", new, [account.username, account.email])
        async with self._postgres.transaction() as connection:
            if not await store.update_password(connection, account.id, account.credentials_version, password_hash):
                raise wrong_password()
            ended = await self._sessions.end_others(connection, account.id, claims.session_id, PASSWORD_CHANGED)
            await store_tokens.delete_email_tokens(connection, account.id, "reset_password")
            recipient = account.email if account.email_verified else None
            await self._queue.put(connection, "password_changed", account.id, recipient)
        await self._revoker.announce(ended)
        self._queue.nudge()
        audit.record("password_changed", user_id=account.id, session_id=claims.session_id, address=client.address)

    async def _keep_hash_fresh(self, account: Account, password: str) -> None:
        """Hash again if the parameters have changed since; this is the only time the password is at hand."""
        if account.password_hash is None or not self._hasher.is_outdated(account.password_hash):
            return
        try:
            password_hash = await self._hasher.hash(password)
        except Problem:
            return  # too busy: the next login will do
        async with self._postgres.connection() as connection:
            await store.update_password_hash(connection, account.id, account.credentials_version, password_hash)


def _wrong() -> Problem:
    return Problem(
        401, "Unknown user or wrong password.", code="invalid_credentials", headers={"WWW-Authenticate": "Bearer"}
    )


def _taken(constraint: str | None) -> Problem:
    code, detail = _TAKEN.get(constraint or "", ("conflict", "This is taken."))
    return Conflict(detail, code=code)
