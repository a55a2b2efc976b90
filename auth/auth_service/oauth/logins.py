"""Logging in with an account elsewhere: to the provider, back, and from a code to a session.

Against whom, and what is there:
- who brings a victim's browser somebody else's login (login CSRF): the state is bound to the browser by a cookie, and
  the code for the session, if the client wants, to what only the client knows (`code_challenge`);
- who replays a state or a code: each is taken out of Redis once;
- who answers in another provider's place (mix-up): the state names the provider, the answer its issuer (RFC 9207);
- who claims an address: accounts are joined by it only if the provider has verified it **and** we have.
"""

import hmac
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from chassis.ids import uuid7
from chassis.postgres import Connection, Postgres
from chassis.problems import Invalid, NotFound, Problem

from .. import audit, events, policy
from ..deletion import is_retired
from ..model import Client, Grant
from ..sessions import Sessions
from ..store import accounts as store_accounts
from ..store import identities as store
from ..tokens import digest, new_secret
from .fetching import ProviderAway, ProviderRefuses
from .names import display_name, username_candidates
from .pending import Pending, PendingLogins, Proven
from .provider import Answer, ExternalUser, LoginInvalid, Provider, Wanted
from .targets import Targets, with_parameters


class Failed(Exception):
    """A login that has come to nothing: `code` goes to the client, `reason` to the log."""

    def __init__(self, code: str, reason: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.reason = reason


class Begun:
    """Where the browser goes, and what it keeps until it is back."""

    def __init__(self, location: str, cookie_name: str = "", cookie: str = "") -> None:
        self.location = location
        self.cookie_name = cookie_name
        self.cookie = cookie


class OAuthLogins:
    """Logins by other accounts.

    Arguments:
        postgres: where accounts are.
        pending: logins under way.
        providers: by name.
        targets: where browsers may be sent in the end.
        sessions: begins one.
        public_url: where clients find the platform; below it providers send them back.
    """

    def __init__(
        self,
        postgres: Postgres,
        pending: PendingLogins,
        providers: dict[str, Provider],
        targets: Targets,
        sessions: Sessions,
        public_url: str,
    ) -> None:
        self.providers = providers
        self._postgres = postgres
        self._pending = pending
        self._targets = targets
        self._sessions = sessions
        self._public_url = public_url.rstrip("/")

    @property
    def is_secure(self) -> bool:
        """Whether browsers come by https."""
        return urlsplit(self._public_url).scheme == "https"

    async def begin(self, name: str, target: str | None, challenge: str, link_to: UUID | None = None) -> Begun:
        """Begin a login.

        Arguments:
            name: of the provider.
            target: where the browser goes in the end; None for the platform's own page.
            challenge: the client's own PKCE challenge (S256) for the exchange, or "".
            link_to: who is logged in and wants to add this identity.

        Raises:
            NotFound: no such provider.
            Invalid: the target is not in the list.
            Unavailable: without Redis.
        """
        provider = self._provider(name)
        if target is not None and not self._targets.is_allowed(target):
            raise Invalid(("redirect_uri", "is not in the list of those that are allowed"))
        wanted = Wanted(new_secret(), new_secret(), new_secret(), f"{self._public_url}/auth/oauth/{name}/callback")
        browser = new_secret()
        pending = Pending(name, wanted, digest(browser).hex(), target or self._targets.home, challenge, link_to)
        try:
            location = await provider.authorization_url(wanted)
        except ProviderAway as error:
            audit.record("oauth_failed", detail=f"{name}: provider_unavailable: {error}")
            return Begun(with_parameters(pending.target, {"error": "provider_unavailable"}))
        await self._pending.put(pending)
        return Begun(location, cookie_name(wanted.state), browser)

    async def finish(self, name: str, answer: Answer, cookie: str, client: Client) -> str:
        """The browser is back: where it goes now, with a `code` for the exchange, with `linked`, or with an `error`.

        Arguments:
            cookie: the one that bound the login to the browser, "" if there is none.

        Raises:
            NotFound: no such provider.
        """
        provider = self._provider(name)
        target = self._targets.home
        try:
            pending = await self._pending.take(answer.state) if answer.state else None
            if pending is None or pending.provider != name:
                raise Failed("state_invalid", "unknown, used, too old, or another provider's")
            if not hmac.compare_digest(pending.browser, digest(cookie).hex()):
                raise Failed("state_invalid", "another browser's")  # its target is not believed either
            target = pending.target
            if answer.error is not None or not answer.code:
                denied = answer.error == "access_denied"
                raise Failed("access_denied" if denied else "provider_error", "the provider says so")
            found = await self._identified(provider, pending.wanted, answer.code, answer.issuer)
            parameters = await self._accept(pending, found, client)
        except Failed as failed:
            audit.record("oauth_failed", address=client.address, detail=f"{name}: {failed.code}: {failed.reason}")
            parameters = {"error": failed.code}
        except Problem as problem:
            audit.record("oauth_failed", address=client.address, detail=f"{name}: {problem.code}")
            parameters = {"error": problem.code}
        return with_parameters(target, parameters)

    async def exchange(self, code: str, verifier: str, client: Client) -> Grant:
        """A session for the code that came with the browser.

        Raises:
            Invalid: `code_invalid`, it is unknown, used or too old, or the verifier is another client's.
        """
        proven = await self._pending.take_proven(code)
        if proven is None or (
            proven.challenge and not hmac.compare_digest(create_s256_code_challenge(verifier), proven.challenge)
        ):
            raise _bad_code()
        async with self._postgres.transaction() as connection:
            account = await store_accounts.lock_and_select_account(connection, proven.user_id)
            if account is None:
                raise _bad_code()
            grant, session_id = await self._sessions.begin(connection, account, client)
        audit.record(
            "logged_in", user_id=account.id, session_id=session_id, address=client.address, detail=proven.provider
        )
        return grant

    def _provider(self, name: str) -> Provider:
        provider = self.providers.get(name)
        if provider is None:
            raise NotFound("There is no such provider.")
        return provider

    @staticmethod
    async def _identified(provider: Provider, wanted: Wanted, code: str, issuer: str | None) -> ExternalUser:
        try:
            return await provider.identify(wanted, code, issuer)
        except ProviderAway as error:
            raise Failed("provider_unavailable", str(error)) from None
        except (LoginInvalid, ProviderRefuses) as error:
            raise Failed("login_invalid", str(error)) from None

    async def _accept(self, pending: Pending, found: ExternalUser, client: Client) -> dict[str, str]:
        if pending.link_to is not None:
            await self._link(pending.provider, found, pending.link_to, client)
            return {"linked": pending.provider}
        user_id = await self._user_of(pending.provider, found, client)
        return {"code": await self._pending.put_proven(Proven(user_id, pending.provider, pending.challenge))}

    async def _link(self, provider: str, found: ExternalUser, user_id: UUID, client: Client) -> None:
        async with self._postgres.transaction() as connection:
            if await store_accounts.lock_and_select_account(connection, user_id) is None:
                raise Failed("state_invalid", "the account is gone")
            if await store.insert_identity(connection, provider, found.subject, user_id):
                audit.record("identity_linked", user_id=user_id, address=client.address, detail=provider)
            elif await store.select_identity_owner(connection, provider, found.subject) != user_id:
                raise Failed("already_linked", "to another account, or another identity to this one")

    async def _user_of(self, provider: str, found: ExternalUser, client: Client) -> UUID:
        """Whose identity this is; a new account's if it is nobody's."""
        async with self._postgres.transaction() as connection:
            owner = await store.select_identity_owner(connection, provider, found.subject)
            if owner is not None:
                return owner
            known = None
            if found.email is not None and policy.is_email(found.email):
                known = await store_accounts.select_account_by_email(connection, policy.fold(found.email))
            if known is not None:
                if not known.email_verified:
                    raise Failed("link_required", "the account's own address is not verified")
                await store_accounts.lock_and_select_account(connection, known.id)
                if not await store.insert_identity(connection, provider, found.subject, known.id):
                    raise Failed("link_required", "the account has another identity of this provider")
                audit.record("identity_linked", user_id=known.id, address=client.address, detail=provider)
                return known.id
        return await self._registered(provider, found, client)

    async def _registered(self, provider: str, found: ExternalUser, client: Client) -> UUID:
        """A new account, which has no password."""
        email = found.email if found.email is not None and policy.is_email(found.email) else None
        for username in username_candidates(found):
            try:
                async with self._postgres.transaction() as connection:
                    if await is_retired(connection, username):
                        continue
                    return await self._insert(connection, provider, found, username, email, client)
            except asyncpg.UniqueViolationError as error:
                if error.constraint_name != store_accounts.USERNAME_TAKEN:
                    raise Failed("link_required", "the address has been taken just now") from None
        raise Failed("provider_error", "no username is free")

    @staticmethod
    async def _insert(
        connection: Connection, provider: str, found: ExternalUser, username: str, email: str | None, client: Client
    ) -> UUID:
        name = display_name(found, username)
        account = await store_accounts.insert_account(connection, uuid7(), username, email, name, None)
        if email is not None:
            await store_accounts.update_email(connection, account.id, email)
        await store.insert_identity(connection, provider, found.subject, account.id)
        await events.user_registered(connection, account)
        audit.record("registered", user_id=account.id, address=client.address, detail=provider)
        return account.id


def cookie_name(state: str) -> str:
    """The cookie that binds a login to its browser: one for each, so that two tabs do not disturb each other."""
    return f"parley-oauth-{digest(state).hex()[:16]}"


def _bad_code() -> Problem:
    return Invalid(("code", "is unknown, used or too old"), code="code_invalid")
