"""Coming into rooms: on connect, by a join, by being added; and out of them. `chase` closes what lies between.

A session is on its way into a room by one task at a time, however many bells, frames and comparisons ask for it.
"""

import asyncio
import contextlib
import logging
from typing import Any
from uuid import UUID

from chassis.postgres import Postgres
from contracts import keys

from ..model import Room, User
from ..store import members as member_store
from ..store import rooms as room_store
from . import events, protocol
from .broker import Broker, BrokerAway
from .chase import Chase, Known
from .codes import CloseCode
from .feed import Feed
from .history import History
from .hub import Hub, LiveRoom
from .on_the_way import OnTheWay
from .presence import Presence
from .session import Session
from .wanted import Opening, Wanted

logger = logging.getLogger(__name__)

ARRIVAL_SECONDS = 2.0
MAX_RESUMED = 20_000  # rooms, in however many frames
RESUME_FRAME_SECONDS = 10.0  # for a client that announced a `session.resume`; then it gets what is new from now on


class Arrivals:
    """Brings sessions into rooms."""

    def __init__(
        self, database: Postgres, hub: Hub, feed: Feed, broker: Broker, presence: Presence, heartbeat_seconds: int
    ) -> None:
        self._database = database
        self._hub = hub
        self._feed = feed
        self._broker = broker
        self._presence = presence
        self._heartbeat_seconds = heartbeat_seconds
        self._history = History(database, presence)
        self._catch_up = Chase(database, hub, feed, self._history)
        self._waiting: dict[Session, tuple[Opening, Wanted, asyncio.TimerHandle]] = {}
        self._on_the_way = OnTheWay()
        self.epoch = ""

    async def prepare(self, user: User) -> Opening:
        """Before the accept: hear what concerns the user, then read his rooms and have them live.

        Raises:
            what Postgres raises when it is away.
        """
        channel = keys.user_channel(user.id).encode()
        with contextlib.suppress(BrokerAway):
            await self._broker.subscribe([channel])
        try:
            async with self._database.connection() as connection:
                rooms_rev, memberships = await member_store.select_memberships(connection, user.id)
            rooms = await self._feed.rooms.open(membership.room_id for membership in memberships)
        except BaseException:
            self._broker.unsubscribe([channel])
            raise
        return Opening(user, rooms, {membership.room_id: membership for membership in memberships}, rooms_rev)

    def abandon(self, opening: Opening) -> None:
        """The socket was not accepted after all."""
        for room in opening.rooms:
            self._feed.rooms.release(room)
        self._broker.unsubscribe([keys.user_channel(opening.user.id).encode()])

    def begin(self, session: Session, opening: Opening, wanted: Wanted) -> None:
        """After the accept, in one loop turn: say what is, attach to every room that nothing is missing of."""
        self._hub.add_session(session)
        self._presence.arrived(session)
        self._hub.rooms_revs.setdefault(session.user_id, opening.rooms_rev)
        session.write(protocol.frame(events.SessionReady(self._ready(session, opening))))
        if wanted.by_frame:
            opening.told = {room.id: (room.seq, room.rev) for room in opening.rooms}
            timer = asyncio.get_running_loop().call_later(RESUME_FRAME_SECONDS, self.resume, session, Wanted())
            self._waiting[session] = (opening, wanted, timer)
        else:
            self._enter(session, opening, wanted)

    def resume(self, session: Session, wanted: Wanted, *, more: bool = False) -> bool:
        """A frame that tells where to go on has come; False if none was waited for, or it names too many rooms.

        Arguments:
            more: another one follows.
        """
        waiting = self._waiting.get(session)
        if waiting is None or len(waiting[1].positions) + len(wanted.positions) > MAX_RESUMED:
            return False
        opening, known, timer = waiting
        wanted = known.with_more(wanted)
        if more:
            self._waiting[session] = (opening, wanted, timer)
        else:
            del self._waiting[session]
            timer.cancel()
            self._enter(session, opening, wanted)
        return True

    def is_resuming(self, session: Session) -> bool:
        """Whether the session has still to tell where it goes on."""
        return session in self._waiting

    def rewind(self, session: Session, wanted: Wanted) -> None:
        """Go on from other positions in rooms that the session is in already: what it got since comes again."""
        other_life = wanted.epoch is not None and wanted.epoch != self.epoch
        for room_id, since in wanted.positions.items():
            room = self._hub.rooms.get(room_id)
            if room is None or room_id not in session.rooms:
                if not self.is_arriving(session, room_id):
                    session.write(protocol.frame(events.RoomRemoved(events.InRoom(room_id))))
            elif other_life:
                session.write(protocol.frame(events.RoomReset(events.Reset(room_id, room.seq, room.rev))))
            elif since != room.seq or wanted.revs.get(room_id, room.rev) != room.rev:
                room.holders += 1
                self._hub.flush(room)
                self._hub.detach(session, room)
                known = Known.now(room, since, wanted.revs.get(room_id, room.rev))
                self._spawn(session, self._catch_up.chase(session, room, known, room.rev), room)

    def _enter(self, session: Session, opening: Opening, wanted: Wanted) -> None:
        positions, history_of, is_read = wanted.positions, wanted.history_of, self._feed.repairs.under_way
        other_life = wanted.epoch is not None and wanted.epoch != self.epoch
        for room in opening.rooms:
            since, rev = positions.get(room.id), opening.memberships[room.id].rev
            told_seq, told_rev = opening.told.get(room.id, (room.seq, room.rev))
            if since is None:
                known = Known.now(room, told_seq, told_rev)
            elif other_life:
                session.write(protocol.frame(events.RoomReset(events.Reset(room.id, room.seq, room.rev))))
                known = Known.now(room, room.seq, room.rev)
            else:
                known = Known.now(room, since, wanted.revs.get(room.id, told_rev))
            if room.id == history_of and since is None:
                known.seq = known.first = room.seq
                self._spawn(session, self._catch_up.with_history(session, room, known, rev), room)
            elif known.seq != room.seq or known.rev != room.rev or room.rev > rev or is_read(room):
                self._spawn(session, self._catch_up.chase(session, room, known, rev), room)
            else:
                self._hub.attach(session, room)
                self._feed.rooms.release(room)
        for room_id in {*positions, *([history_of] if history_of else [])} - session.rooms:
            if not self.is_arriving(session, room_id):
                session.write(protocol.frame(events.RoomRemoved(events.InRoom(room_id))))

    def leave(self, session: Session) -> None:
        """The session is over: out of all rooms."""
        waiting = self._waiting.pop(session, None)
        if waiting is not None:
            opening, _, timer = waiting
            timer.cancel()
            for room in opening.rooms:
                self._feed.rooms.release(room)
        for room_id in tuple(session.rooms):
            left = self._hub.rooms.get(room_id)
            if left is not None:
                self._hub.detach(session, left)
                self._feed.rooms.close_if_unused(left)
        self._hub.remove_session(session)
        self._presence.left(session)
        self._broker.unsubscribe([keys.user_channel(session.user_id).encode()])

    async def join(self, session: Session, room_id: UUID, since: int | None, known_rev: int | None) -> bool:
        """`room.join`: history to the session, which is attached if it was not.

        Arguments:
            since: the last message that the client has; None gives it the last ones.
            known_rev: up to which it knows the changes of messages up to `since`; None to be given no earlier ones.

        Returns:
            False when the user is no member.
        """
        async with self._database.connection() as connection:
            row = await room_store.select_room(connection, session.user_id, room_id)
        if row is None:
            return False
        [room] = await self._feed.rooms.open([room_id])
        try:
            while room.seq < row.last_seq:
                await self._feed.repairs.catch_up(room)
            if not self.is_arriving(session, room_id) and (room_id not in session.rooms or known_rev is not None):
                self._hub.flush(room)
                self._hub.detach(session, room)  # so that earlier changes come before later ones
                rev = room.rev if known_rev is None else known_rev
                known = Known.now(room, room.seq if since is None else since, rev)
                arriving = self._catch_up.with_history if since is None else self._catch_up.with_pages
                with self._on_the_way.here(session, room_id):
                    await self._arrive(session, arriving(session, room, known, row.rev))
            elif since is None:
                await self._history.write_last(session, room, room.seq + 1)
            else:
                await self._history.write_since(session, room, since)
        finally:
            self._feed.rooms.release(room)
        return True

    async def added(self, session: Session, room_id: UUID, view: Room) -> bool:
        """The user is in a room: tell him, and attach from where he joined, as `view` says.

        Returns:
            whether the room is no longer as `view` says: bells of that may have come before he heard them.
        """
        if room_id in session.rooms or self.is_arriving(session, room_id):
            return False
        with self._on_the_way.here(session, room_id):
            with self._on_the_way.untold(session, room_id):
                [room] = await self._feed.rooms.open([room_id])
            try:
                session.write(protocol.frame(events.RoomCreated(view)))
                await self._catch_up.chase(session, room, Known.now(room, view.joined_seq, view.rev), -1)
                return room.rev > view.rev
            finally:
                self._feed.rooms.release(room)

    def coming(self, room_id: UUID) -> list[Session]:
        """Those who know of the room and are on their way into it, or will be."""
        coming = self._on_the_way.coming(room_id)
        return coming + [session for session, waiting in self._waiting.items() if room_id in waiting[0].memberships]

    async def arrived(self, session: Session, room_id: UUID) -> None:
        """Wait while somebody brings the session into the room, though not for ever."""
        arriving = self._on_the_way.task(session, room_id)
        if arriving is not None:
            await asyncio.wait({arriving}, timeout=ARRIVAL_SECONDS)

    def removed(self, session: Session, room_id: UUID) -> None:
        """The user is no longer in a room: nothing from now on. He is told once, whoever found out."""
        room = self._hub.rooms.get(room_id)
        arriving = self._on_the_way.take(session, room_id)
        if arriving is not None:
            arriving.cancel()
        elif room is not None and room_id in session.rooms:
            self._hub.detach(session, room)
            self._feed.rooms.close_if_unused(room)
        elif not self._forget(session, room_id):
            return
        session.write(protocol.frame(events.RoomRemoved(events.InRoom(room_id))))

    # --- the parts ----------------------------------------------------------------------------------------------------

    def _ready(self, session: Session, opening: Opening) -> events.Ready:
        known = opening.memberships
        rooms = [events.Position(room.id, room.seq, room.rev, known[room.id].read_seq) for room in opening.rooms]
        return events.Ready(session.connection_id, opening.user, self.epoch, rooms, self._heartbeat_seconds)

    def is_arriving(self, session: Session, room_id: UUID) -> bool:
        """Whether the session is on its way into the room, or will be once it has told where to go on."""
        waiting = self._waiting.get(session)
        return (session, room_id) in self._on_the_way or (waiting is not None and room_id in waiting[0].memberships)

    def _forget(self, session: Session, room_id: UUID) -> bool:
        """Leave a room out of what a session enters once it has told where to go on; False if it was not in it."""
        waiting = self._waiting.get(session)
        if waiting is None or waiting[0].memberships.pop(room_id, None) is None:
            return False
        opening = waiting[0]
        [room] = [room for room in opening.rooms if room.id == room_id]
        opening.rooms.remove(room)
        self._feed.rooms.release(room)
        return True

    def _spawn(self, session: Session, arriving: Any, room: LiveRoom) -> None:
        """Run a coroutine that ends with the room attached; the room's hold is given back, whatever happens."""

        def arrived(task: asyncio.Task[None]) -> None:
            self._on_the_way.end(session, room.id, task)
            self._feed.rooms.release(room)

        task = asyncio.get_running_loop().create_task(self._arrive(session, arriving))
        self._on_the_way.begin(session, room.id, task)
        task.add_done_callback(arrived)
        session.spawn(task)

    async def _arrive(self, session: Session, arriving: Any) -> None:
        try:
            await arriving
        except Exception:
            logger.exception("a session could not be brought into a room")
            session.close(CloseCode.INTERNAL, "internal error")
