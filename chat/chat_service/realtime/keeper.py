"""Keeps sockets honest: asks whether anybody is there, ends those whose token is over, moves all away on a drain.

One tick a second for all sockets, instead of timers in each: a socket belongs to one of `heartbeat` buckets.
"""

import asyncio
import logging
import random
import time
from collections.abc import Iterable
from uuid import UUID

from . import events, protocol
from .codes import CloseCode
from .session import Session

logger = logging.getLogger(__name__)

TICK_SECONDS = 1.0
MAX_DRAIN_BATCHES = 50


class Keeper:
    """Knows every open session.

    Arguments:
        heartbeat_seconds: how often a socket is pinged.
        dead_after_seconds: without a byte for this long, a socket is dropped.
    """

    def __init__(self, *, heartbeat_seconds: int, dead_after_seconds: int) -> None:
        self._buckets: list[set[Session]] = [set() for _ in range(heartbeat_seconds)]
        self._dead_after = dead_after_seconds
        self._next = 0
        self._expiring: dict[int, set[Session]] = {}
        self._ticker: asyncio.Task[None] | None = None
        self.draining = False

    async def start(self) -> None:
        """Begin to tick."""
        self._ticker = asyncio.create_task(self._tick())

    async def stop(self) -> None:
        """End whatever is still open."""
        if self._ticker is not None:
            self._ticker.cancel()
            await asyncio.gather(self._ticker, return_exceptions=True)
        for session in self.sessions():
            session.close(CloseCode.GOING_AWAY, "going away")

    def add(self, session: Session) -> None:
        """Keep a session until it closes: not for long, if its handshake began before the drain and ends in it."""
        self._buckets[hash(session) // 16 % len(self._buckets)].add(session)
        self.watch_expiry(session)
        if self.draining:
            asyncio.get_running_loop().call_soon(_send_away, session)  # once it has heard where it is

    def remove(self, session: Session) -> None:
        """Forget a closed session."""
        self._buckets[hash(session) // 16 % len(self._buckets)].discard(session)
        expiring = self._expiring.get(session.expires_at)
        if expiring is not None:
            expiring.discard(session)

    def watch_expiry(self, session: Session) -> None:
        """Close the session at its `expires_at`; called again when that has moved."""
        self._expiring.setdefault(session.expires_at, set()).add(session)

    def sessions(self) -> list[Session]:
        """All open sessions."""
        return [session for bucket in self._buckets for session in bucket]

    def count(self) -> int:
        """How many sessions are open."""
        return sum(len(bucket) for bucket in self._buckets)

    def end_session(self, session_id: UUID) -> None:
        """A login has been ended: its sockets close now."""
        for session in self.sessions():
            if session.session_id == session_id:
                session.close(CloseCode.TOKEN_OVER, "the session has been ended")

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            try:
                self._ask(self._buckets[self._next])
                self._next = (self._next + 1) % len(self._buckets)
                self._expire()
            except Exception:
                logger.exception("a tick failed")

    def _ask(self, bucket: set[Session]) -> None:
        now = time.monotonic()
        for session in list(bucket):
            silent = now - session.heard_at
            if silent >= self._dead_after:
                session.abort()
            elif silent >= TICK_SECONDS:
                session.ping()

    def _expire(self) -> None:
        now = time.time()
        for second in [second for second in self._expiring if second <= now]:
            for session in self._expiring.pop(second):
                if session.expires_at <= now:
                    session.close(CloseCode.TOKEN_OVER, "the access token has expired")

    async def drain(self, budget_seconds: float) -> None:
        """Move everybody away within the budget, in jittered batches; new sockets are refused from now on."""
        self.draining = True
        await self.move_away(self.sessions(), budget_seconds)

    async def move_away(self, sessions: Iterable[Session], budget_seconds: float) -> None:
        """Tell these sessions to reconnect elsewhere and close them with 1012, spread over the budget."""
        waiting = list(sessions)
        random.shuffle(waiting)
        batches = max(1, min(MAX_DRAIN_BATCHES, len(waiting)))
        size = -(-len(waiting) // batches) or 1
        pause = budget_seconds * 0.8 / batches
        for start in range(0, len(waiting), size):
            for session in waiting[start : start + size]:
                _send_away(session)
            if start + size < len(waiting):
                await asyncio.sleep(pause * (0.5 + random.random()))  # noqa: S311  jitter, not a secret


def _send_away(session: Session) -> None:
    draining = events.Draining(reconnect_after_ms=random.randint(0, 2000))  # noqa: S311  jitter, not a secret
    session.write(protocol.frame(events.SessionDraining(draining)))
    session.close(CloseCode.GOING_AWAY, "this server is going away")
