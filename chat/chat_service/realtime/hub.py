"""Rooms and the local sessions that hear them. Fan-out never awaits: everything here happens in one loop turn.

What a room has to say is gathered and flushed once per loop turn: one `write` per session, with the same bytes for all
but the senders, who see their own messages in another form.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Protocol
from uuid import UUID

from prometheus_client import Counter, Gauge

from .live import LiveMessage

sessions_open = Gauge("parley_chat_sessions", "Open sockets with a session")
rooms_live = Gauge("parley_chat_rooms_live", "Rooms that sessions of this pod hear")
deliveries = Counter("parley_chat_deliveries_total", "Frames of room messages handed to sockets")
spared = Counter("parley_chat_frames_spared_total", "Frames of typing and presence that a slow reader was not given")


class Listener(Protocol):
    """What the hub needs of a session."""

    user_id: UUID
    connection_id: UUID
    rooms: set[UUID]
    is_slow: bool
    write: Callable[[bytes], None]


class LiveRoom:
    """A room that at least one local session hears, or is about to.

    `seq` and `rev` say what has been handed to every attached session; feed alone moves them. What was changed up to
    `rev` are messages up to `seq`: a message beyond it is in its first state, or in one of a later rev.
    """

    __slots__ = (
        "channel", "frames", "heard_rev", "heard_seq", "held", "holders", "id", "opening", "pending", "repair", "rev",
        "seq", "sessions",
    )  # fmt: skip

    def __init__(self, room_id: UUID, channel: bytes) -> None:
        self.id = room_id
        self.channel = channel
        self.seq = -1  # unknown while the room is being opened
        self.rev = 0
        self.heard_seq = self.heard_rev = 0  # by bells that came while somebody was reading
        self.sessions: set[Listener] = set()
        self.holders = 0  # sessions that are about to attach keep the room alive
        self.pending: list[LiveMessage] = []
        self.frames: list[bytes] = []  # of `pending` and others, in order, in the form for everybody else
        self.held: dict[int, LiveMessage] | None = None  # heard too early, by seq
        self.repair: asyncio.TimerHandle | asyncio.Task[None] | None = None
        self.opening: asyncio.Future[None] | None = None


class Hub:
    """All live rooms and sessions of this process."""

    def __init__(self) -> None:
        self.rooms: dict[UUID, LiveRoom] = {}
        self.channels: dict[bytes, LiveRoom] = {}
        self.users: dict[UUID, set[Listener]] = {}
        self.rooms_revs: dict[UUID, int] = {}  # of each local user, as of the first of his sessions
        self._dirty: list[LiveRoom] = []
        self._told: dict[Listener, bytes] = {}
        self._flush_scheduled = False
        self._delivered = 0

    def add_session(self, session: Listener) -> bool:
        """Register a session; True if it is the user's first here."""
        own = self.users.setdefault(session.user_id, set())
        own.add(session)
        sessions_open.inc()
        return len(own) == 1

    def remove_session(self, session: Listener) -> bool:
        """Forget a session, which must have been detached from its rooms; True if it was the user's last here."""
        own = self.users.get(session.user_id)
        if own is None or session not in own:
            return False
        own.discard(session)
        sessions_open.dec()
        if not own:
            del self.users[session.user_id]
            self.rooms_revs.pop(session.user_id, None)
        return not own

    def add_room(self, room: LiveRoom) -> None:
        """Make a room known."""
        self.rooms[room.id] = room
        self.channels[room.channel] = room
        rooms_live.set(len(self.rooms))

    def remove_room(self, room: LiveRoom) -> None:
        """Forget a room."""
        self.rooms.pop(room.id, None)
        self.channels.pop(room.channel, None)
        rooms_live.set(len(self.rooms))

    def attach(self, session: Listener, room: LiveRoom) -> None:
        """From now on the session gets everything beyond `room.seq`; what is pending is not, so it goes first."""
        self.flush(room)
        room.sessions.add(session)
        session.rooms.add(room.id)

    def detach(self, session: Listener, room: LiveRoom) -> None:
        """The session gets nothing of this room any more."""
        room.sessions.discard(session)
        session.rooms.discard(room.id)

    def message(self, room: LiveRoom, message: LiveMessage) -> None:
        """Hand a message, or a change of one, to the room's sessions in this loop turn."""
        if not room.frames:
            self._dirty.append(room)
            self._schedule()
        room.pending.append(message)
        room.frames.append(message.received())

    def flush(self, room: LiveRoom) -> None:
        """Write now what the room has to say in this loop turn."""
        if room.frames:
            self._flush_room(room)

    def frame(self, room: LiveRoom, frame: bytes, *, without: UUID | None = None, droppable: bool = False) -> None:
        """Hand any other frame to the room's sessions, except those of one user; slow readers miss `droppable` ones."""
        self.flush(room)
        for session in tuple(room.sessions):
            if session.user_id == without:
                continue
            if droppable and session.is_slow:
                spared.inc()
            else:
                session.write(frame)

    def to_user(self, user_id: UUID, frame: bytes) -> None:
        """Hand a frame to all local sessions of a user."""
        for session in self.listeners_of(user_id):
            session.write(frame)

    def listeners_of(self, user_id: UUID) -> Iterable[Listener]:
        """The user's local sessions."""
        return tuple(self.users.get(user_id, ()))

    def tell(self, session: Listener, frame: bytes) -> None:
        """Hand a frame to one session in this loop turn, in one write with what its own messages make of the room's."""
        self._told[session] = self._told.get(session, b"") + frame
        self._schedule()

    def _schedule(self) -> None:
        if not self._flush_scheduled:
            self._flush_scheduled = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_scheduled = False
        dirty, self._dirty = self._dirty, []
        for room in dirty:
            self.flush(room)
        told, self._told = self._told, {}
        for session, data in told.items():
            session.write(data)
        deliveries.inc(self._delivered)
        self._delivered = 0

    def _flush_room(self, room: LiveRoom) -> None:
        frames, messages = room.frames, room.pending
        room.frames, room.pending = [], []
        data = b"".join(frames)
        own: dict[Listener, bytes] = {}  # by session: the hash of a UUID is a call of Python for each member
        for user in {message.sender_id for message in messages}:
            form = b""
            for session in self.users.get(user, ()):
                if session in room.sessions:
                    form = form or b"".join(_form_for(user, messages))
                    own[session] = self._told.pop(session, b"") + form
        self._delivered += len(frames) * len(room.sessions)
        sessions = tuple(room.sessions)  # a write may end a slow session, which leaves the room
        if not own:
            for session in sessions:
                session.write(data)
            return
        for session in sessions:
            session.write(own.get(session, data))


def _form_for(user: UUID, messages: list[LiveMessage]) -> list[bytes]:
    return [message.sent() if message.sender_id == user else message.received() for message in messages]
