"""Tells those who connect which of their partners are online.

Those who come together share the questions: two for each fifty sockets, and one for each hundred rooms that are shown.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol
from uuid import UUID

from chassis.background import Worker

from ..model import Room
from . import events, protocol
from .direct_rooms import DirectRooms, Target, is_away
from .leases import Leases
from .sightings import Sightings

logger = logging.getLogger(__name__)

SOCKETS = 50  # greeted at once
ROOMS = 100  # read and encoded at once
LATE_SECONDS = 5.0  # after a greeting, bells of what it said may still come
AWAY_SECONDS = 0.5  # between two tries while an engine is away


class Connection(Protocol):
    """What presence needs of a session."""

    user_id: UUID
    connection_id: UUID
    closing: bool
    write: Callable[[bytes], None]

    async def drained(self) -> None:
        """Wait until the client has read most of what was written."""

    def spawn(self, task: "asyncio.Task[None]") -> None:
        """Tie a task to the life of the session."""


class Greetings(Worker):
    """Greets, a slice of the sockets after the other.

    Arguments:
        rooms: who is whose partner.
        leases: who is online.
        sightings: what was last heard of people.
    """

    def __init__(self, rooms: DirectRooms, leases: Leases, sightings: Sightings) -> None:
        self._rooms = rooms
        self._leases = leases
        self._sightings = sightings
        self._waiting: dict[UUID, Connection] = {}
        self._told: dict[UUID, dict[UUID, int]] = {}  # by connection, until bells of before have come: whom it knows of
        self._wake = asyncio.Event()

    def expect(self, connection: Connection) -> None:
        """A connection has come, which will be greeted: from now on it is remembered whom it hears of."""
        self._told[connection.connection_id] = {}

    def is_news(self, connection_id: UUID, user_id: UUID, version: int) -> bool:
        """Whether the connection should hear that this partner came or went then; False when its greeting said so."""
        told = self._told.get(connection_id)
        if told is None:
            return True
        if version <= told.get(user_id, 0):
            return False
        told[user_id] = version
        return True

    def greet(self, connection: Connection) -> None:
        """The connection counts as online, so it hears of every change from now on: tell it who is there already."""
        if connection.connection_id in self._told:
            self._waiting[connection.connection_id] = connection
            self._wake.set()

    def forget(self, connection: Connection) -> None:
        """The connection is over."""
        self._told.pop(connection.connection_id, None)
        self._waiting.pop(connection.connection_id, None)

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                part = {key: self._waiting.pop(key) for key in list(self._waiting)[:SOCKETS]}
                try:
                    await self._greet(list(part.values()))
                except Exception as error:
                    if is_away(error):
                        self._waiting = part | self._waiting
                        await asyncio.sleep(AWAY_SECONDS)
                    else:
                        logger.exception("partners could not be shown")

    async def _greet(self, connections: Sequence[Connection]) -> None:
        by_user: dict[UUID, list[Connection]] = {}
        for connection in connections:
            by_user.setdefault(connection.user_id, []).append(connection)
        targets: dict[UUID, list[Target]] = {user_id: [] for user_id in by_user}
        version, online = await self._rooms.partners_of(list(by_user))
        there = {target.user_id for target in online}
        self._sightings.answer(there, there)
        for target in online:
            targets[target.recipient].append(target)
        short = [target for own in targets.values() if len(own) <= ROOMS for target in own]
        for start in range(0, len(short), ROOMS):
            for member_id, room in await self._rooms.seen(short[start : start + ROOMS], online=True):
                self._write(by_user[member_id], room, version)
        for connection in connections:
            own = targets[connection.user_id]
            if len(own) <= ROOMS:
                self._greeted(connection)
            elif not connection.closing:
                connection.spawn(asyncio.create_task(self._greet_at_length(connection, own, version)))

    async def _greet_at_length(self, connection: Connection, targets: Sequence[Target], version: int) -> None:
        """Greet somebody with so many partners that he needs time to read about them."""
        start = 0
        while start < len(targets) and not connection.closing:
            try:
                for _, room in await self._rooms.seen(targets[start : start + ROOMS], online=True):
                    self._write([connection], room, version)
            except Exception as error:
                if not is_away(error):
                    logger.exception("partners could not be shown")
                    return
                await asyncio.sleep(AWAY_SECONDS)
            else:
                start += ROOMS
                await connection.drained()
        self._greeted(connection)

    def _write(self, connections: Iterable[Connection], room: Room, version: int) -> None:
        """`friend.online` to those connections of a user that have not heard of this partner in the meantime."""
        frame = protocol.frame(events.FriendOnline(room))
        for connection in connections:
            told = self._told.get(connection.connection_id)
            if room.friend is not None and told is not None and room.friend.id not in told:
                told[room.friend.id] = version
                connection.write(frame)

    def _greeted(self, connection: Connection) -> None:
        """That was all; or, if Redis has not heard of everybody yet, the rest comes later."""
        loop = asyncio.get_running_loop()
        if self._leases.settled():
            loop.call_later(LATE_SECONDS, self.forget, connection)
        else:
            loop.call_later(self._leases.lease_seconds, self.greet, connection)
