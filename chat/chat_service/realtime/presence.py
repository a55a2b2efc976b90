"""Who is online: this pod's sockets are reported to Redis, and who is overdue there is declared offline by some pod.

What is reported is what is so at that moment, one report after the other; so a report that failed, or came late, is
put right by the next one. Without Redis nobody changes: who was online stays so until it can be asked again.
"""

import asyncio
import contextlib
import logging
import random
from collections.abc import Sequence
from uuid import UUID

from chassis.background import end, paused
from chassis.redis import RedisAway

from .greetings import Connection, Greetings
from .hub import Hub
from .leases import Lease, Leases, News, What
from .partners import Partners
from .sightings import Sightings

logger = logging.getLogger(__name__)

SLICE = 200  # sockets in a report: about a millisecond of Redis
CLAIMED = 100  # users declared offline at once
SWEEP_SECONDS = 1.0  # less than leases.STALE_SECONDS: a pod alone must not take itself for absent
AWAY_SECONDS = 0.5  # between two tries while Redis is away
FAREWELL_SECONDS = 1.0  # for the last reports of a pod that ends


class _Socket:
    """A socket of this pod, or one that has gone and is to be reported so."""

    __slots__ = ("connection", "connection_id", "life", "tried", "user_id")

    def __init__(self, connection: Connection) -> None:
        self.connection: Connection | None = connection  # None when it has gone
        self.connection_id = connection.connection_id
        self.user_id = connection.user_id
        self.life = ""
        self.tried = False  # whether Redis may know of it


class Presence:
    """Reports this pod's sockets, looks for who is overdue, and says who is online.

    Arguments:
        leases: Redis.
        partners: are told of changes.
        greetings: for those who have come.
        hub: who is here.
        sightings: what was last heard of people.
    """

    def __init__(
        self, leases: Leases, partners: Partners, greetings: Greetings, hub: Hub, sightings: Sightings
    ) -> None:
        self._leases = leases
        self._partners = partners
        self._greetings = greetings
        self._hub = hub
        self._sightings = sightings
        self._sockets: dict[UUID, _Socket] = {}
        self._changed: dict[UUID, _Socket] = {}
        self._change = asyncio.Event()
        self._renew = asyncio.Event()
        self._reporting = asyncio.Lock()  # one report after the other, each of what is so then
        self._away = False
        self._tasks: list[asyncio.Task[None]] = []
        self._emptied = False
        leases.on_emptied = self._was_emptied

    async def start(self) -> None:
        """Begin to report, to renew and to sweep."""
        self._tasks = [asyncio.create_task(work) for work in (self._report_changes(), self._renewals(), self._sweep())]

    async def stop(self) -> None:
        """End, after the sockets that are gone have been reported; the grace gives their users time to come back."""
        for task in self._tasks:
            await end(task)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL_SECONDS):
                while self._changed and await self._report_some():
                    pass

    # --- what happens -------------------------------------------------------------------------------------------------

    def arrived(self, connection: Connection) -> None:
        """A socket has opened."""
        socket = _Socket(connection)
        self._sockets[socket.connection_id] = self._changed[socket.connection_id] = socket
        self._greetings.expect(connection)
        self._change.set()

    def left(self, connection: Connection) -> None:
        """A socket has closed."""
        self._greetings.forget(connection)
        socket = self._sockets.pop(connection.connection_id, None)
        if socket is None:
            return
        socket.connection = None
        if socket.tried:
            self._changed[socket.connection_id] = socket
            self._change.set()
        else:
            self._changed.pop(socket.connection_id, None)

    def renew(self) -> None:
        """Redis is back, or was emptied: report everything now."""
        self._renew.set()

    async def online(self, user_ids: Sequence[UUID]) -> set[UUID]:
        """Those of `user_ids` who are shown online. Never raises: what Redis cannot tell is as it was last."""
        if not user_ids:
            return set()
        try:
            _, found = await self._leases.shown(user_ids)
        except RedisAway:
            return self._sightings.online(user_ids) | {user_id for user_id in user_ids if user_id in self._hub.users}
        if not self._leases.settled():
            found |= self._sightings.online(user_ids) | {user_id for user_id in user_ids if user_id in self._hub.users}
        else:
            self._sightings.answer(user_ids, found)
        return found

    # --- reporting ----------------------------------------------------------------------------------------------------

    async def _report_changes(self) -> None:
        while True:
            await self._change.wait()
            self._change.clear()
            while self._changed:
                if not await self._report_some():
                    await asyncio.sleep(AWAY_SECONDS)

    async def _report_some(self) -> bool:
        """Report a slice of what has changed; False when Redis is away, and it waits on."""
        sockets = list(self._changed.values())[:SLICE]
        gone = [socket.connection is None for socket in sockets]
        if not await self._report(sockets):
            return False
        for socket, was_gone in zip(sockets, gone, strict=True):
            if was_gone or socket.connection is not None:  # else it has gone since, and that is to be reported
                self._changed.pop(socket.connection_id, None)
        return True

    async def _renewals(self) -> None:
        interval = self._leases.lease_seconds / 3
        while True:
            await paused(self._renew, interval * random.uniform(0.9, 1))  # noqa: S311  jitter, not a secret
            self._renew.clear()
            sockets = list(self._sockets.values())
            start = 0
            while start < len(sockets):
                done = await self._report(sockets[start : start + SLICE], renewing=True)
                start += SLICE if done else 0
                await asyncio.sleep(0 if done else AWAY_SECONDS)

    async def _report(self, sockets: Sequence[_Socket], *, renewing: bool = False) -> bool:
        """Report these as they are now; False when Redis is away.

        Arguments:
            renewing: leave out those that have never been reported or have gone: they are among the changes.
        """
        async with self._reporting:
            if renewing:
                sockets = [socket for socket in sockets if socket.life and socket.connection is not None]
            if not sockets:
                return True
            arrived = [socket for socket in sockets if not socket.life and socket.connection is not None]
            report = [Lease(_what(socket), socket.life, socket.user_id, socket.connection_id) for socket in sockets]
            for socket in sockets:
                socket.tried = True
            try:
                reply = await self._leases.report(report)
            except RedisAway as error:
                if not self._away:
                    logger.warning("presence cannot be reported now", extra={"error": str(error)})
                self._away = True
                return False
            except Exception:
                logger.exception("presence could not be reported")
                return False
            self._away = False
        for socket in sockets:
            socket.life = reply.life
        self._partners.tell(reply.news)
        for socket in arrived:
            if socket.connection is not None:
                self._greetings.greet(socket.connection)
        return True

    def _was_emptied(self) -> None:
        self._emptied = True
        self.renew()

    # --- who is overdue -----------------------------------------------------------------------------------------------

    async def _sweep(self) -> None:
        period = min(SWEEP_SECONDS, self._leases.grace_seconds / 4)
        while True:
            try:
                self._partners.tell(await self._leases.claim(max(0, CLAIMED - self._partners.backlog())))
                if self._emptied and self._leases.settled():
                    self._emptied = False
                    await self._look_for_the_lost()
            except RedisAway:
                pass  # counted; and said when something cannot be reported
            except Exception:
                logger.exception("nobody could be declared offline")
            await asyncio.sleep(period * random.uniform(0.8, 1.2))  # noqa: S311  jitter, not a secret

    async def _look_for_the_lost(self) -> None:
        """Tell this pod's sockets of those who were online before Redis was emptied and whom nobody has reported since.

        Their pods have died with what Redis knew of them, so nobody declares them offline.
        """
        believed = self._sightings.believed_online()
        for start in range(0, len(believed), SLICE):
            part = believed[start : start + SLICE]
            version, shown = await self._leases.shown(part)
            self._partners.tell(News(user_id, False, version, 0) for user_id in part if user_id not in shown)


def _what(socket: _Socket) -> What:
    if socket.connection is None:
        return What.GONE
    return What.HERE if socket.life else What.CAME
