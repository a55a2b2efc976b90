"""The order of each room: whatever the bell says, sessions hear seq n+1 after seq n, once.

A bell with the next seq is delivered; a lower one was heard before; a higher one waits a moment, since bells overtake
each other, and then the gap is read from Postgres. Our own commits are delivered without waiting for their bell, so
that a pod works on while Redis is away; then it polls for what others commit.
"""

import asyncio
import contextlib
import logging
from collections.abc import Iterable, Sequence
from uuid import UUID

from prometheus_client import Counter

from chassis import postgres
from chassis.postgres import Postgres
from contracts import keys

from ..store import messages as message_store
from ..store import rooms as room_store
from .broker import Broker, BrokerAway
from .frames import live_message, live_message_of_row
from .hub import Hub, LiveRoom
from .ledger import Entry, Outcome
from .protocol import LiveMessage, parse_bell

logger = logging.getLogger(__name__)

PAGE = 200  # messages read at once to close a gap
SLICE = 500  # rooms compared with Postgres at once
POLL_SECONDS = 1.0  # while Redis is away
SWEEP_SECONDS = 60.0  # every room is compared this often, for bells that were lost unnoticed
MAX_HELD = 1000  # messages of one room that wait for a gap to close; more are read again from Postgres

bells = Counter("parley_feed_bells_total", "Bells by what was done with them", ["action"])
repairs = Counter("parley_feed_repairs_total", "Gaps read from Postgres", ["reason"])


class Feed:
    """Moves rooms forward.

    Arguments:
        database: chat's, to read gaps.
        hub: where rooms and sessions are.
        hold_seconds: how long a message that came too early waits for the one before it.
    """

    def __init__(self, database: Postgres, hub: Hub, *, hold_seconds: float) -> None:
        self._database = database
        self._hub = hub
        self._hold_seconds = hold_seconds
        self._broker: Broker | None = None
        self._sweeper: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def use(self, broker: Broker) -> None:
        """The bell; it needs the feed's callbacks, so it comes second."""
        self._broker = broker

    async def start(self) -> None:
        """Begin to compare with Postgres."""
        self._sweeper = asyncio.create_task(self._sweep())

    async def stop(self) -> None:
        """End all repairs."""
        tasks = [*self._tasks, *([self._sweeper] if self._sweeper else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- what happens to a room ---------------------------------------------------------------------------------------

    def on_bell(self, channel: bytes, payload: bytes) -> None:
        """A message of some pod."""
        room = self._hub.channels.get(channel)
        if room is None:
            return
        try:
            message = parse_bell(payload)
        except ValueError:
            logger.warning("a bell could not be read", extra={"channel": channel.decode("latin1")})
            return
        self._hear(room, message)

    def committed(self, results: Sequence[tuple[Entry, Outcome]]) -> None:
        """Messages that are stored now, by ascending seq: deliver them here and ring for the others.

        A duplicate was stored before, by a pod that may have died before it rang: its position is told instead.
        """
        for entry, outcome in results:
            channel = keys.room_channel(entry.room_id).encode()
            room = self._hub.rooms.get(entry.room_id)
            if outcome.code == "stored":
                message = live_message(entry, outcome)
                bell = message.bell()
                if room is not None:
                    self._hear(room, message)
            else:
                bell = b"^%d" % outcome.seq
                if room is not None:
                    self._hear_head(room, outcome.seq)
            if self._broker is not None:
                self._broker.publish(channel, bell)

    def on_head(self, channel: bytes, payload: bytes) -> None:
        """Some pod knows that the room is at least this far: `^seq`."""
        room = self._hub.channels.get(channel)
        if room is not None and payload[1:].isdigit():
            self._hear_head(room, int(payload[1:]))

    def _hear_head(self, room: LiveRoom, seq: int) -> None:
        if 0 <= room.seq < seq and room.repair is None:
            room.repair = asyncio.get_running_loop().call_later(self._hold_seconds, self._start_repair, room, "head")

    def _hear(self, room: LiveRoom, message: LiveMessage) -> None:
        if message.seq == room.seq + 1 and room.seq >= 0:
            bells.labels("delivered").inc()
            room.seq = message.seq
            self._hub.message(room, message)
            if room.held:
                self._release(room)
        elif message.seq <= room.seq:
            bells.labels("dropped").inc()
        else:
            bells.labels("held").inc()
            if room.held is None:
                room.held = {}
            if len(room.held) < MAX_HELD:
                room.held[message.seq] = message
            if room.seq >= 0 and room.repair is None:
                room.repair = asyncio.get_running_loop().call_later(self._hold_seconds, self._start_repair, room, "gap")

    def _release(self, room: LiveRoom) -> None:
        """Deliver what was held and is next now; drop what is past."""
        held = room.held
        while held and (message := held.pop(room.seq + 1, None)) is not None:
            room.seq = message.seq
            self._hub.message(room, message)
        if held:
            for seq in [seq for seq in held if seq <= room.seq]:
                del held[seq]
        if not held:
            room.held = None
            if isinstance(room.repair, asyncio.TimerHandle):
                room.repair.cancel()
                room.repair = None

    # --- repairing from Postgres --------------------------------------------------------------------------------------

    def _start_repair(self, room: LiveRoom, reason: str) -> None:
        if isinstance(room.repair, asyncio.Task) and not room.repair.done():
            return
        repairs.labels(reason).inc()
        task = asyncio.create_task(self._repair(room))
        room.repair = task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _repair(self, room: LiveRoom) -> None:
        """Read and deliver until nothing is missing; tries again while Postgres is away."""
        try:
            while self._hub.rooms.get(room.id) is room:
                try:
                    async with self._database.connection() as connection:
                        rows = await message_store.select_messages_after(connection, room.id, room.seq, PAGE)
                except Exception as error:
                    if not postgres.is_away(error):
                        raise
                    await asyncio.sleep(0.5)
                    continue
                for row in rows:
                    if row.seq == room.seq + 1:
                        room.seq = row.seq
                        self._hub.message(room, live_message_of_row(row))
                self._release(room)
                if len(rows) < PAGE and not room.held:
                    return
                if (
                    not rows
                ):  # held beyond the last message: a bell of something that was rolled back, or a lagging read
                    room.held = None
                    return
        finally:
            room.repair = None

    async def catch_up(self, room: LiveRoom) -> None:
        """Bring one room to the present of Postgres."""
        if not isinstance(room.repair, asyncio.Task):
            self._start_repair(room, "asked")
        if isinstance(room.repair, asyncio.Task):
            await asyncio.shield(room.repair)

    def on_up(self) -> None:
        """Redis is back: bells may have been missed in all rooms."""
        self._changed.set()

    def on_down(self) -> None:
        """Redis is away: begin to poll."""
        self._changed.set()

    async def _sweep(self) -> None:
        while True:
            degraded = self._broker is None or not self._broker.up
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS if degraded else SWEEP_SECONDS):
                    await self._changed.wait()
            self._changed.clear()
            try:
                await self._compare()
            except Exception as error:
                if not postgres.is_away(error):
                    logger.exception("comparing with PostgreSQL failed")
                await asyncio.sleep(POLL_SECONDS)
                self._changed.set()

    async def _compare(self) -> None:
        rooms = [room for room in self._hub.rooms.values() if room.seq >= 0]
        for start in range(0, len(rooms), SLICE):
            part = rooms[start : start + SLICE]
            async with self._database.connection() as connection:
                ahead = await room_store.select_differences(
                    connection, [room.id for room in part], [room.seq for room in part], [room.rev for room in part]
                )
            for room_id, seq, rev in ahead:
                room = self._hub.rooms.get(room_id)
                if room is not None:
                    room.rev = max(room.rev, rev)
                    if seq > room.seq:
                        self._start_repair(room, "compared")

    # --- opening and closing rooms ------------------------------------------------------------------------------------

    async def open_rooms(self, ids: Iterable[UUID]) -> list[LiveRoom]:
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
                await self._open(fresh)
            for room in rooms:
                if room.opening is not None:
                    await asyncio.shield(room.opening)
        except BaseException:
            for room in fresh:
                if room.seq < 0:
                    self._abandon(room)
            for room in rooms:
                self.release(room)
            raise
        return rooms

    async def _open(self, rooms: list[LiveRoom]) -> None:
        if self._broker is not None:
            with contextlib.suppress(BrokerAway):  # then it polls
                await self._broker.subscribe(room.channel for room in rooms)
        async with self._database.connection() as connection:
            positions = await room_store.select_positions(connection, [room.id for room in rooms])
        found = {room_id: (seq, rev) for room_id, seq, rev in positions}
        for room in rooms:
            room.seq, room.rev = found.get(room.id, (0, 0))
            opening, room.opening = room.opening, None
            if opening is not None and not opening.done():
                opening.set_result(None)
            if room.held:
                self._release(room)
            if room.held:
                self._start_repair(room, "opened")

    def _abandon(self, room: LiveRoom) -> None:
        opening, room.opening = room.opening, None
        if opening is not None and not opening.done():
            opening.set_exception(OSError("the room could not be opened"))
            opening.exception()  # it may be that nobody waits for it
        self._close(room)

    def release(self, room: LiveRoom) -> None:
        """Let go of a room that `open_rooms` held."""
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
        if self._broker is not None:
            self._broker.unsubscribe([room.channel])
