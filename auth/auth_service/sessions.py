"""Sessions: begun by a login, kept alive by refreshes, ended once and for all."""

from uuid import UUID

from chassis.ids import uuid7
from chassis.postgres import Connection, Postgres
from chassis.problems import NotFound, Unauthorized

from . import audit, events, tokens
from .model import Account, Client, Ended, Grant, Session
from .revocations import Revoker
from .store import devices as store_devices
from .store import refresh_tokens as store_refresh_tokens
from .store import sessions as store
from .store.accounts import lock_users

MAX_LISTED = 200

LOGOUT = "logout"
LOGOUT_ALL = "logout_all"
ENDED_BY_USER = "ended_by_user"
PASSWORD_CHANGED = "password_changed"  # noqa: S105  a reason, not a password
ACCOUNT_DELETED = "account_deleted"
PASSWORD_RESET = "password_reset"  # noqa: S105
REFRESH_REUSED = "refresh_reused"


class Sessions:
    """Begins, refreshes, lists and ends sessions.

    Arguments:
        postgres: where they are.
        issuer: signs their access tokens.
        revoker: makes their ends known.
        refresh_seconds: the life of a refresh token.
        grace_seconds: in which a used refresh token may come again and gets the same successor.
    """

    def __init__(
        self,
        postgres: Postgres,
        issuer: tokens.TokenIssuer,
        revoker: Revoker,
        *,
        refresh_seconds: float,
        grace_seconds: float,
    ) -> None:
        self._postgres = postgres
        self._issuer = issuer
        self._revoker = revoker
        self._refresh_seconds = refresh_seconds
        self._grace_seconds = grace_seconds

    async def begin(self, connection: Connection, account: Account, client: Client) -> tuple[Grant, UUID]:
        """A new session in the caller's transaction: what its client gets, and its id."""
        session_id, refresh_token = uuid7(), tokens.new_secret()
        await store.insert_session(connection, session_id, account.id, client, self._refresh_seconds)
        await store_refresh_tokens.insert_refresh_token(
            connection, tokens.digest(refresh_token), session_id, self._refresh_seconds
        )
        return self._grant(account.id, account.username, session_id, refresh_token), session_id

    async def refresh(self, refresh_token: str, client: Client) -> Grant:
        """A new pair for a refresh token, which is then used up.

        A repeat within the grace gets the same successor as long as that one is unused. Any other repeat means that two
        have this token: nobody can tell which of them is the owner, so the session ends (RFC 9700 section 4.14.2).

        Raises:
            Unauthorized: `refresh_reused`, or `refresh_invalid` when it is unknown, expired or its session has ended.
        """
        nonce = tokens.new_nonce()
        async with self._postgres.connection() as connection:
            rotation = await store_refresh_tokens.rotate_refresh_token(
                connection,
                tokens.digest(refresh_token),
                tokens.digest(tokens.successor(refresh_token, nonce)),
                nonce,
                self._refresh_seconds,
                self._grace_seconds,
            )
        user_id, session_id = rotation.user_id, rotation.session_id
        reused = rotation.outcome == "reused"
        if reused and user_id and session_id and await self._end(user_id, session_id, REFRESH_REUSED):
            audit.record("refresh_reused", user_id=user_id, session_id=session_id, address=client.address)
        if reused or rotation.ended_for == REFRESH_REUSED:
            raise Unauthorized("A refresh token was used twice; log in again.", code="refresh_reused")
        if user_id is None or session_id is None or rotation.username is None or rotation.nonce is None:
            raise Unauthorized("This refresh token is not valid; log in again.", code="refresh_invalid")
        following = tokens.successor(refresh_token, rotation.nonce)
        return self._grant(user_id, rotation.username, session_id, following)

    async def alive_of(self, user_id: UUID) -> list[Session]:
        """The sessions of a user that are alive, the newest first; the latest 200 of very many."""
        async with self._postgres.connection() as connection:
            return await store.select_sessions(connection, user_id, MAX_LISTED)

    async def is_alive(self, session_id: UUID) -> bool:
        """The truth about a session."""
        async with self._postgres.connection() as connection:
            return await store.select_session_alive(connection, session_id)

    async def log_out(self, user_id: UUID, session_id: UUID, client: Client, *, everywhere: bool) -> None:
        """End this session, or all of this user; no access token of theirs is accepted when this returns."""
        await self._end(user_id, None if everywhere else session_id, LOGOUT_ALL if everywhere else LOGOUT)
        audit.record(
            LOGOUT_ALL if everywhere else LOGOUT, user_id=user_id, session_id=session_id, address=client.address
        )

    async def end_one(self, user_id: UUID, session_id: UUID, client: Client) -> None:
        """End another session of the same user.

        Raises:
            NotFound: he has none of that id that is alive.
        """
        if not await self._end(user_id, session_id, ENDED_BY_USER):
            raise NotFound("You have no such session.")
        audit.record("session_ended", user_id=user_id, session_id=session_id, address=client.address)

    async def end_others(self, connection: Connection, user_id: UUID, spared: UUID | None, reason: str) -> list[Ended]:
        """End all sessions of a user, but one if it is given, in the caller's transaction, who holds the user, and
        announces them after the commit."""
        ended = await store.end_sessions(connection, user_id, spared, reason)
        await self._after_end(connection, ended)
        return ended

    async def _end(self, user_id: UUID, session_id: UUID | None, reason: str) -> list[Ended]:
        """End one session of a user, or all with None, and tell everybody."""
        async with self._postgres.transaction() as connection:
            await lock_users(connection, [user_id])
            if session_id is None:
                ended = await store.end_sessions(connection, user_id, None, reason)
            else:
                ended = await store.end_session(connection, user_id, session_id, reason)
            await self._after_end(connection, ended)
        await self._revoker.announce(ended)
        return ended

    @staticmethod
    async def _after_end(connection: Connection, ended: list[Ended]) -> None:
        """What ends with a session: its push devices."""
        removed = await store_devices.delete_devices_of_sessions(connection, [session.session_id for session in ended])
        await events.devices_removed(connection, removed)

    def _grant(self, user_id: UUID, username: str, session_id: UUID, refresh_token: str) -> Grant:
        access = self._issuer.issue(user_id, username, session_id)
        return Grant(access.token, refresh_token, access.expires_in, username, user_id)
