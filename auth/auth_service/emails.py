"""E-mail addresses: proving that they are one's own, changing them, and getting back into an account by them."""

from uuid import UUID

import asyncpg

from chassis.postgres import Postgres
from chassis.problems import Conflict, Invalid, Problem
from chassis.tokens import Claims

from . import audit, policy
from .credentials import Credentials
from .mail.queue import MailQueue
from .model import Client
from .revocations import Revoker
from .sessions import PASSWORD_RESET, Sessions
from .store import accounts as store
from .store import email_tokens as store_tokens
from .store import identities as store_identities
from .throttle import Quota, Throttle, typed
from .tokens import digest


class Emails:
    """What can be done with an address. Every mail is queued; no request waits for one."""

    def __init__(
        self,
        postgres: Postgres,
        queue: MailQueue,
        quota: Quota,
        credentials: Credentials,
        throttle: Throttle,
        sessions: Sessions,
        revoker: Revoker,
    ) -> None:
        self._postgres = postgres
        self._queue = queue
        self._quota = quota
        self._credentials = credentials
        self._throttle = throttle
        self._sessions = sessions
        self._revoker = revoker

    async def request_verification(self, claims: Claims, client: Client) -> None:
        """Send a link to the account's address, with which it is verified.

        Raises:
            Conflict: `email_verified`, it has been; `no_email`, there is none.
            TooMany, Unavailable: not now.
        """
        self._queue.need()
        account = await self._credentials.account(claims.user_id)
        if account.email is None:
            raise Conflict("This account has no e-mail address.", code="no_email")
        if account.email_verified:
            raise Conflict("The address is verified.", code="email_verified")
        await self._send(claims.user_id, account.email, client)
        audit.record("email_verification_requested", user_id=account.id, address=client.address)

    async def change(self, claims: Claims, email: str, password: str, client: Client) -> None:
        """Send a link to a new address; it is the account's once the link has been used, and not before. The answer is
        the same if the address is somebody else's.

        Raises:
            Invalid: it is no address.
            Forbidden, TooMany, Unavailable: see `Credentials.prove`.
        """
        self._queue.need()
        if not policy.is_email(email):
            raise Invalid(("email", "is not an e-mail address"))
        account = await self._credentials.prove(claims.user_id, password, client, "email_change_failed")
        await self._send(account.id, email, client)
        audit.record("email_change_requested", user_id=account.id, address=client.address)

    async def confirm(self, token: str, client: Client) -> None:
        """Use the link of a mail: its address is now the account's, and verified.

        Raises:
            Invalid: `link_invalid`, the token is unknown, used or too old.
            Conflict: `email_taken`, somebody else has verified this address meanwhile.
        """
        try:
            async with self._postgres.transaction() as connection:
                proved = await store_tokens.take_email_token(connection, digest(token), "verify_email")
                before = await store.lock_and_select_account(connection, proved.user_id) if proved else None
                if proved is None or before is None:
                    raise _bad_link()
                await store.update_email(connection, proved.user_id, proved.email)
                if policy.fold(proved.email) != policy.fold(before.email or ""):
                    # Links that were sent to the old address must not lead into the account any more.
                    await store_tokens.delete_email_tokens(connection, proved.user_id, "reset_password")
                    await self._queue.put(
                        connection, "email_changed", proved.user_id, before.email if before.email_verified else None
                    )
        except asyncpg.UniqueViolationError:
            raise Conflict("There is an account with this e-mail address.", code="email_taken") from None
        self._queue.nudge()
        audit.record("email_verified", user_id=proved.user_id, address=client.address)

    async def request_reset(self, email: str, client: Client) -> None:
        """Send a link to an address, with which whoever has an account of that address sets a new password.

        Nothing here depends on whether there is such an account: that is found out when the mail is sent.

        Raises:
            Invalid: it is no address.
            TooMany: for this address, or from this client, whether or not there is an account.
            Unavailable: no mail is sent here.
        """
        self._queue.need()
        if not policy.is_email(email):
            raise Invalid(("email", "is not an e-mail address"))
        await self._quota.take(typed(email), client.address)
        async with self._postgres.transaction() as connection:
            await self._queue.put(connection, "reset_password", None, email)
        self._queue.nudge()
        audit.record("password_reset_requested", address=client.address)

    async def confirm_reset(self, token: str, password: str, client: Client) -> None:
        """Use the link of a mail: set a new password, end every session. It also proves the address.

        Raises:
            Invalid: `link_invalid`; or the password cannot be one.
            Unavailable: too many passwords are being hashed.
        """
        async with self._postgres.connection() as connection:
            proved = await store_tokens.select_email_token(connection, digest(token), "reset_password")
            account = await store.select_account(connection, proved.user_id) if proved else None
        if proved is None or account is None:  # before anything is computed for strangers
            raise _bad_link()
        password_hash = await self._credentials.new_hash("new_password", password, [account.username, account.email])
        async with self._postgres.transaction() as connection:
            taken = await store_tokens.take_email_token(connection, digest(token), "reset_password")
            account = await store.lock_and_select_account(connection, proved.user_id)
            if taken is None or account is None or policy.fold(account.email or "") != policy.fold(taken.email):
                raise _bad_link()
            await store.reset_password(connection, account.id, password_hash)
            await store_tokens.delete_email_tokens(connection, account.id, "reset_password")
            if not account.email_verified:  # whoever made this account had not proved the address: nothing of his stays
                await store_identities.delete_identities(connection, account.id)
            ended = await self._sessions.end_others(connection, account.id, None, PASSWORD_RESET)
            await self._queue.put(connection, "password_changed", account.id, account.email)
        await self._revoker.announce(ended)
        await self._throttle.forgive(account.id)
        self._queue.nudge()
        audit.record("password_reset", user_id=account.id, address=client.address)

    async def _send(self, user_id: UUID, email: str, client: Client) -> None:
        await self._quota.take(f"u:{user_id}", client.address)
        async with self._postgres.transaction() as connection:
            await self._queue.put(connection, "verify_email", user_id, email)
        self._queue.nudge()


def _bad_link() -> Problem:
    return Invalid(("token", "is unknown, used or too old"), code="link_invalid")
