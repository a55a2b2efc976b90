"""What an open connection needs beside its frames: a heartbeat, and a fresh token before the old one is over."""

import asyncio
import contextlib
import time

from .connection import Connection
from .errors import ApiError, NoAnswer, SessionOver
from .tokens import Grant, Tokens

ANSWER_SECONDS = 10.0
RETRY_SECONDS = 1.0


class Upkeep:
    """The upkeep of one connection.

    Arguments:
        connection: which.
        tokens: where fresh ones come from.
        grant: the one that it was opened with.
        beat_seconds: between two pings.
        dead_after_seconds: without a byte, it is aborted.
    """

    def __init__(
        self, connection: Connection, tokens: Tokens, grant: Grant, beat_seconds: float, dead_after_seconds: float
    ) -> None:
        self._connection = connection
        self._tokens = tokens
        self._grant = grant
        self._beat_seconds = beat_seconds
        self._dead_after_seconds = dead_after_seconds
        self._answered = asyncio.Event()
        self._accepted = False
        self.paused = False  # nobody reads, because of ourselves: silence means nothing

    async def beat(self) -> None:
        """Ask whether anybody is there, and end the connection if not."""
        tick = min(self._beat_seconds, self._dead_after_seconds / 4)
        asked_at = time.monotonic()
        while True:
            await asyncio.sleep(tick)
            now = time.monotonic()
            if self.paused:
                self._connection.heard_at = now
            elif now - self._connection.heard_at >= self._dead_after_seconds:
                self._connection.abort()
                return
            if now - asked_at >= self._beat_seconds:
                asked_at = now
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(tick):
                        await self._connection.write("ping", {})

    async def keep_token(self) -> None:
        """Hand over each new token; when there is none, the server will close the socket, and that decides."""
        while True:
            await asyncio.sleep(max(0.0, self._grant.renew_at - time.time()))
            try:
                grant = await self._tokens.fresh()
                if grant is not self._grant and await self._hand_over(grant):
                    self._grant = grant
                    continue
            except SessionOver:
                return
            except (NoAnswer, ApiError):
                pass
            await asyncio.sleep(RETRY_SECONDS)

    def answer(self, accepted: bool) -> None:
        """The server has taken the token, or not."""
        self._accepted = accepted
        self._answered.set()

    async def _hand_over(self, grant: Grant) -> bool:
        self._answered.clear()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._connection.write("auth.refresh", {"token": grant.access_token})
                await self._answered.wait()
        except TimeoutError:
            return False
        return self._accepted
