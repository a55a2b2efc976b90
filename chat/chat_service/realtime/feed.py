"""The order of each room: whatever the bell says, sessions hear seq n+1 after seq n, once.

A bell with the next seq is delivered; a lower one was heard before; a higher one waits a moment, since bells overtake
each other, and then the gap is read from Postgres. Our own commits are delivered without waiting for their bell, so
that a pod works on while Redis is away; then it polls for what others commit.
"""

import asyncio
import logging
from collections.abc import Sequence
from uuid import UUID

from prometheus_client import Counter

from chassis.postgres import Postgres
from contracts import keys

from .broker import Broker
from .frames import live_message
from .hub import Hub, LiveRoom
from .ledger import Entry, Outcome
from .live import LiveChange, LiveMessage, parse_bell, parse_change
from .open_rooms import OpenRooms
from .repair import Repairs

logger = logging.getLogger(__name__)

MAX_HELD = 1000  # messages of one room that wait for a gap to close; more are read again from Postgres

bells = Counter("parley_feed_bells_total", "Bells by what was done with them", ["action"])
_delivered, _dropped, _fenced, _held = (bells.labels(action) for action in ("delivered", "dropped", "fenced", "held"))


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
        self.rung: set[bytes] = set()  # channels of rooms that others were told of, or should have been; see Again
        self.repairs = Repairs(database, hub, self._release, lambda room: self.rooms.close_if_unused(room))
        self.rooms = OpenRooms(database, hub, self.repairs, self._release)

    def use(self, broker: Broker) -> None:
        """The bell; it needs the feed's callbacks, so it comes second."""
        self._broker = self.rooms.broker = broker

    async def start(self) -> None:
        """Nothing: a feed lives from what it hears."""

    async def stop(self) -> None:
        """End all repairs."""
        await self.repairs.stop()

    # --- what happens to a room ---------------------------------------------------------------------------------------

    def on_bell(self, channel: bytes, payload: bytes) -> None:
        """A message of some pod."""
        room = self._hub.channels.get(channel)
        if room is None:
            return
        try:
            if int(payload[: payload.find(b" ")]) <= room.seq:  # every bell of ours comes back
                _dropped.inc()
                return
            message = parse_bell(payload)
        except ValueError:
            _unreadable(channel)
            return
        self._hear(room, message)

    def on_change(self, channel: bytes, payload: bytes) -> None:
        """A change of a message, by some pod."""
        room = self._hub.channels.get(channel)
        try:
            if room is not None:
                self._hear_change(room, parse_change(payload))
        except ValueError:
            _unreadable(channel)

    def message_changed(self, room_id: UUID, change: LiveChange) -> None:
        """A message has been edited or deleted: deliver that here and ring for the others."""
        room = self._hub.rooms.get(room_id)
        if room is not None:
            self._hear_change(room, change)
        channel = keys.room_channel(room_id).encode()
        self.rung.add(channel)
        if self._broker is not None:
            self._broker.publish(channel, change.bell())

    def committed(self, results: Sequence[tuple[Entry, Outcome]]) -> None:
        """Messages that are stored now, by ascending seq: deliver them here and ring for the others.

        A duplicate was stored before, by a pod that may have died before it rang: its position is told instead.
        """
        for entry, outcome in results:
            room = self._hub.rooms.get(entry.room_id)
            channel = keys.room_channel(entry.room_id).encode() if room is None else room.channel
            if outcome.code == "stored":
                message = live_message(entry, outcome)
                bell = message.bell()
                if room is not None:
                    self._hear(room, message)
            else:
                bell = b"^%d 0" % outcome.seq
                if room is not None:
                    self._hear_head(room, outcome.seq, 0)
            self.rung.add(channel)
            if self._broker is not None:
                self._broker.publish(channel, bell)

    def on_head(self, channel: bytes, payload: bytes) -> None:
        """Some pod knows that the room is at least this far: `^seq rev`."""
        room = self._hub.channels.get(channel)
        seq, _, rev = payload[1:].partition(b" ")
        if room is not None and seq.isdigit() and rev.isdigit():
            self._hear_head(room, int(seq), int(rev))

    def changed(self, room_id: UUID, seq: int, rev: int) -> None:
        """The room's rev has moved, or has maybe done so without a bell: look again, here and everywhere."""
        room = self._hub.rooms.get(room_id)
        if room is not None:
            self._hear_head(room, seq, rev)
        channel = keys.room_channel(room_id).encode()
        self.rung.add(channel)
        if self._broker is not None:
            self._broker.publish(channel, b"^%d %d" % (seq, rev))

    def _hear_head(self, room: LiveRoom, seq: int, rev: int) -> None:
        room.heard_seq, room.heard_rev = max(room.heard_seq, seq), max(room.heard_rev, rev)
        if room.seq < 0:
            return
        if rev > room.rev:
            self.repairs.start(room, "rev")
        elif room.seq < seq:
            self.repairs.start_later(room, self._hold_seconds, "head")

    def _hear(self, room: LiveRoom, message: LiveMessage) -> None:
        if message.rev > room.rev and room.seq >= 0 and message.seq > room.seq:
            _fenced.inc()  # members may have changed before this message: they are read first
            self._hold(room, message)
            self.repairs.start(room, "rev")
        elif message.seq == room.seq + 1 and room.seq >= 0:
            _delivered.inc()
            room.seq = message.seq
            self._hub.message(room, message)
            if room.held:
                self._release(room)
        elif message.seq <= room.seq:
            _dropped.inc()
        else:
            _held.inc()
            self._hold(room, message)
            if room.seq >= 0:
                self.repairs.start_later(room, self._hold_seconds, "gap")

    def _hear_change(self, room: LiveRoom, change: LiveChange) -> None:
        """Revs are dense: the next one is this change and nothing else, so nobody has been removed before it."""
        if change.rev <= room.rev and room.seq >= 0:
            _dropped.inc()
        elif change.rev == room.rev + 1 and change.seq <= room.seq and not isinstance(room.repair, asyncio.Task):
            _delivered.inc()
            room.rev = change.rev
            self._hub.message(room, change)
            if room.held:
                self._release(room)
        else:
            _fenced.inc()  # something before it has not been heard, or is just being read: it is read, too
            room.heard_rev = max(room.heard_rev, change.rev)
            if room.seq >= 0:
                self.repairs.start(room, "rev")

    @staticmethod
    def _hold(room: LiveRoom, message: LiveMessage) -> None:
        if room.held is None:
            room.held = {}
        if len(room.held) < MAX_HELD:
            room.held[message.seq] = message

    def _release(self, room: LiveRoom) -> None:
        """Deliver what was held and is next now; drop what is past."""
        held = room.held
        while held and (message := held.get(room.seq + 1)) is not None and message.rev <= room.rev:
            del held[room.seq + 1]
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


def _unreadable(channel: bytes) -> None:
    logger.warning("a bell could not be read", extra={"channel": channel.decode("latin1")})
