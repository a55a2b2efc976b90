"""The tokens of one login: which to use now, and renewing them once for all who ask at the same time."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from .errors import ApiError, NoAnswer, SessionOver, Unavailable
from .patience import Patience

LONGEST_MARGIN_SECONDS = 60.0
REPEAT_SECONDS = 20.0  # an exchange whose answer was lost
IN_DOUBT = frozenset({502, 504})  # a server between may have lost the answer


@dataclass(frozen=True, slots=True)
class Grant:
    """What a login or a renewal gives. `expires_at` is in seconds since 1970, of the access token."""

    access_token: str
    refresh_token: str | None
    expires_at: float
    lifetime: float

    @classmethod
    def lasting(cls, access_token: str, refresh_token: str | None, seconds: float) -> "Grant":
        """One that was given just now."""
        return cls(access_token, refresh_token, time.time() + seconds, seconds)

    @property
    def renew_at(self) -> float:
        """When it should be replaced, in seconds since 1970."""
        return self.expires_at - min(LONGEST_MARGIN_SECONDS, self.lifetime / 4)


class Tokens:
    """Keeps a login alive.

    Arguments:
        grant: the first.
        renew: exchanges a refresh token.
        on_change: told of each new grant, to store it: the refresh token before it is worth nothing.
    """

    def __init__(
        self,
        grant: Grant,
        renew: Callable[[str], Awaitable[Grant]],
        on_change: Callable[[Grant], None] = lambda grant: None,
    ) -> None:
        self.grant = grant
        self._renew = renew
        self._on_change = on_change
        self._renewing: asyncio.Task[Grant] | None = None

    async def fresh(self) -> Grant:
        """One that lasts for a while.

        Raises:
            SessionOver: there is none any more.
            NoAnswer, Unavailable: it cannot be had now.
        """
        if time.time() < self.grant.renew_at:
            return self.grant
        return await self.renew(self.grant)

    async def renew(self, seen: Grant) -> Grant:
        """One after `seen`, which is no longer good; raises as `fresh`.

        An exchange whose answer was lost is repeated with the same refresh token, and goes on when the caller gives up:
        the server allows that for 30 s, and takes it for theft afterwards.
        """
        if self.grant is not seen:
            return self.grant
        if self._renewing is None:
            self._renewing = asyncio.create_task(self._exchange(seen))
            self._renewing.add_done_callback(self._renewed)
        return await asyncio.shield(self._renewing)

    async def _exchange(self, seen: Grant) -> Grant:
        if seen.refresh_token is None:
            raise SessionOver("the access token is over, and there is no refresh token")
        trying: Patience | None = None  # since an answer was lost
        while True:
            try:
                self.grant = await self._renew(seen.refresh_token)
            except (NoAnswer, Unavailable) as error:
                if trying is None and (isinstance(error, NoAnswer) or error.status in IN_DOUBT):
                    trying = Patience(REPEAT_SECONDS)
                if trying is None:
                    raise
                await trying.after(error)
            except ApiError as error:
                raise SessionOver(f"the refresh token is not accepted: {error}") from error
            else:
                self._on_change(self.grant)
                return self.grant

    def _renewed(self, task: "asyncio.Task[Grant]") -> None:
        self._renewing = None
        if not task.cancelled():
            task.exception()  # it may be that nobody waits for it any more
