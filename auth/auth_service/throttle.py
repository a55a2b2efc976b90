"""How often somebody may try: failed logins by account and by address, and mails that are sent at somebody's wish."""

import contextlib
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from uuid import UUID

from redis.asyncio import Redis

from chassis.problems import Problem, TooMany
from contracts import keys

from .addresses import bucket
from .counters import Counters
from .policy import fold

HOUR_SECONDS = 3600


def typed(text: str) -> str:
    """What was typed, as the name of a count: hashed, because people type passwords into the wrong field."""
    return "n:" + hashlib.sha256(fold(text).encode()).hexdigest()[:32]


class Throttle:
    """Failures of logins and of whatever else takes a password.

    Arguments:
        redis: the client.
        limit: how many failures of one account a window may have.
        address_limit: and how many of one client address, whatever the accounts.
        window_seconds: from the first failure on; see `Counters.count` for how it grows.
        enabled: False lets everything through.
    """

    def __init__(
        self, redis: "Redis", *, limit: int, address_limit: int, window_seconds: int, enabled: bool = True
    ) -> None:
        self._counters = Counters(redis, mode="login_throttle_without_redis")
        self._limit = limit
        self._address_limit = address_limit
        self._window_seconds = window_seconds
        self._enabled = enabled

    @asynccontextmanager
    async def login(self, user_id: UUID | None, name: str, address: str) -> AsyncIterator[None]:
        """Around one login. It is counted before it is made, so that many at once are no more than many in a row; it
        stays counted if it ends in a 4xx, and is taken back if it could not be made. A success wipes the account's
        count, not the address's: else an account of one's own would be the way to guess at all others.

        Arguments:
            user_id: whose, however he was named; None: there is no such account, which is counted just so.
            name: what was typed.
            address: of the client; "" is not counted.

        Raises:
            TooMany: there have been too many failures.
        """
        who = f"i:{user_id}" if user_id is not None else typed(name)
        async with contextlib.AsyncExitStack() as stack:
            if address:
                await stack.enter_async_context(
                    self._attempt(f"a:{bucket(address)}", self._address_limit, "from this address", wipes=False)
                )
            await stack.enter_async_context(self._attempt(who, self._limit, "for this account", wipes=True))
            yield

    @asynccontextmanager
    async def proof(self, user_id: UUID) -> AsyncIterator[None]:
        """Around the password of somebody who is logged in: counted apart from logins, so that nobody else can lock the
        owner out. Raises as `login`."""
        async with self._attempt(f"u:{user_id}", self._limit, "for this account", wipes=True):
            yield

    async def forgive(self, user_id: UUID) -> None:
        """Wipe the counts of an account whose owner has proved himself in another way."""
        for who in (f"i:{user_id}", f"u:{user_id}"):
            await self._counters.forget(keys.login_failures(who), keys.login_lockouts(who))

    @asynccontextmanager
    async def _attempt(self, who: str, limit: int, what: str, *, wipes: bool) -> AsyncIterator[None]:
        if not self._enabled:
            yield
            return
        key, growing = keys.login_failures(who), keys.login_lockouts(who)
        count, left = await self._counters.count(key, limit=limit, window_seconds=self._window_seconds, growing=growing)
        if count > limit:
            raise TooMany(left, f"Too many failed logins {what}.", code="too_many_failures")
        try:
            yield
        except Problem as problem:
            if problem.status >= 500:
                await self._counters.take_back(key)
            raise
        except BaseException:
            await self._counters.take_back(key)
            raise
        if wipes:
            await self._counters.forget(key, growing)
        else:
            await self._counters.take_back(key)


class Quota:
    """What somebody may have done for him in a while, such as mails that are sent.

    Arguments:
        redis: the client.
        key: makes the key of a name.
        limit: for a user, and for something that somebody typed.
        address_limit: for a client address.
        window_seconds: that while.
        enabled: False lets everything through.
    """

    def __init__(
        self,
        redis: "Redis",
        key: Callable[[str], str],
        *,
        limit: int,
        address_limit: int = 0,
        window_seconds: int = HOUR_SECONDS,
        enabled: bool = True,
    ) -> None:
        self._counters = Counters(redis, mode="quota_without_redis")
        self._key = key
        self._limit = limit
        self._address_limit = address_limit
        self._window_seconds = window_seconds
        self._enabled = enabled

    async def take(self, who: str, address: str) -> None:
        """Count one.

        Arguments:
            who: `u:<user id>`, or `typed` of an address, whether or not there is an account of it.
            address: of the client; "" is not counted.

        Raises:
            TooMany: that was the last one for a while.
        """
        if not self._enabled:
            return
        wanted = [(f"a:{bucket(address)}", self._address_limit)] if address else []
        for name, limit in [*wanted, (who, self._limit)]:
            count, left = await self._counters.count(self._key(name), limit=limit, window_seconds=self._window_seconds)
            if count > limit:
                raise TooMany(left, "That was often enough for a while.")
