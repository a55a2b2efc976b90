"""Which rooms are live on this pod: opened for the first who comes, closed behind the last who goes."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from uuid import UUID

from chassis.postgres import Postgres
from contracts import keys

from ..store import rooms as room_store
from . import events, protocol
from .broker import Broker, BrokerAway
from .hub import Hub, LiveRoom
from .repair import Repairs

SLICE = 500  # rooms read at once
NOT_OPENED = "the room could not be opened"


class OpenRooms:
    """Opens and closes.

    Arguments:
        database: chat's, to read where rooms are.
        hub: where they are kept.
        repairs: brings those forward that were behind when they were opened.
        deliver_held: delivers what a room holds and is next now.
    """

    def __init__(
        self, database: Postgres, hub: Hub, repairs: Repairs, deliver_held: Callable[[LiveRoom], None]
    ) -> None:
        self._database = database
        self._hub = hub
        self._repairs = repairs
        self._deliver_held = deliver_held
        self.broker: Broker | None = None
        self._openings: set[asyncio.Task[None]] = set()

    async def open(self, ids: Iterable[UUID]) -> list[LiveRoom]:
        """Have these rooms live, subscribed before their position is read, so that nothing falls between.

        Each returned room is held once: `release` it after attaching.

        Raises:
            what Postgres raises when it is away; nothing is held then.
        """
        rooms, fresh = [], []
        for room_id in ids:
            room = self._hub.rooms.get(room_id)
            if room is None:
                room = LiveRoom(room_id, keys.room_channel(room_id).encode())
                room.opening = asyncio.get_running_loop().create_future()
                self._hub.add_room(room)
                fresh.append(room)
            room.holders += 1
            rooms.append(room)
        try:
            if fresh:
                opening = asyncio.get_running_loop().create_task(self._open(fresh))
                self._openings.add(opening)
                opening.add_done_callback(self._openings.discard)
                await asyncio.shield(opening)  # it goes on for others if this one is given up
            for room in rooms:
                if room.opening is not None:
                    await asyncio.shield(room.opening)
                if room.seq < 0:  # it could not be opened while we were reading others
                    raise OSError(NOT_OPENED)
        except BaseException:
            for room in rooms:
                self.release(room)
            raise
        return rooms

    async def _open(self, rooms: list[LiveRoom]) -> None:
        try:
            await self._read(rooms)
        except BaseException:
            for room in rooms:
                if room.seq < 0:
                    self._abandon(room)
            raise

    async def _read(self, rooms: list[LiveRoom]) -> None:
        if self.broker is not None:
            with contextlib.suppress(BrokerAway):  # then it polls
                await self.broker.subscribe(room.channel for room in rooms)
        async with self._database.connection() as connection:
            positions = await room_store.select_positions(connection, [room.id for room in rooms])
        found = {room_id: (seq, rev) for room_id, seq, rev in positions}
        for room in rooms:
            room.seq, room.rev = found.get(room.id, (0, 0))
            opening, room.opening = room.opening, None
            if opening is not None and not opening.done():
                opening.set_result(None)
            if self._hub.rooms.get(room.id) is not room:  # everybody who waited for it has left
                continue
            if room.held:
                self._deliver_held(room)
            if room.held or room.heard_rev > room.rev or room.heard_seq > room.seq:
                self._repairs.start(room, "opened")

    async def reset(self) -> None:
        """Forget all positions and take those that Postgres has now; sessions stay attached and are told.

        Raises:
            what Postgres raises when it is away; those rooms that were reset stay so, and it may be called again.
        """
        rooms = [room for room in self._hub.rooms.values() if room.seq >= 0]
        for start in range(0, len(rooms), SLICE):
            part = rooms[start : start + SLICE]
            async with self._database.connection() as connection:
                positions = await room_store.select_positions(connection, [room.id for room in part])
            found = {room_id: (seq, rev) for room_id, seq, rev in positions}
            for room in part:
                room.seq, room.rev = found.get(room.id, (0, 0))
                room.held = None
                room.heard_seq = room.heard_rev = 0
                self._hub.frame(room, protocol.frame(events.RoomReset(events.Reset(room.id, room.seq, room.rev))))

    def _abandon(self, room: LiveRoom) -> None:
        opening, room.opening = room.opening, None
        if opening is not None and not opening.done():
            opening.set_exception(OSError(NOT_OPENED))
            opening.exception()  # it may be that nobody waits for it
        self._close(room)

    def release(self, room: LiveRoom) -> None:
        """Let go of a room that `open` held."""
        room.holders -= 1
        self.close_if_unused(room)

    def close_if_unused(self, room: LiveRoom) -> None:
        """Forget the room when no session hears it or is about to."""
        if not room.sessions and room.holders <= 0 and self._hub.rooms.get(room.id) is room:
            self._close(room)

    def _close(self, room: LiveRoom) -> None:
        if self._hub.rooms.get(room.id) is not room:
            return
        self._hub.remove_room(room)
        if isinstance(room.repair, asyncio.TimerHandle):
            room.repair.cancel()
            room.repair = None
        if self.broker is not None:
            self.broker.unsubscribe([room.channel])
