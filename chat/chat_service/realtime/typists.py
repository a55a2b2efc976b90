"""Who is typing where: passed on, never stored, and over by itself.

Each pod remembers for itself whom its sockets see typing, and tells them that he has stopped when nothing was heard of
him for a while: so it ends even if his pod was killed, or the bell that he stopped was lost. The pod of his socket says
at once that he has stopped when the socket closes.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol
from uuid import UUID

from . import events, protocol
from .hub import Hub

REPEAT_SECONDS = 1.0  # those who were told a moment ago need not be told again


class Typist(Protocol):
    """A socket that somebody types on."""

    user_id: UUID


class _Typing:
    """Somebody who types in a room."""

    __slots__ = ("socket", "timer", "told_at", "until")

    def __init__(self) -> None:
        self.socket: Typist | None = None  # the one of this pod that he types on
        self.told_at = 0.0  # when others were last told to (loop time)
        self.until = 0.0
        self.timer: asyncio.TimerHandle | None = None


class Typists:
    """Remembers and tells.

    Arguments:
        hub: who is told here.
        ring: passes (room, user, whether he began) on to the other pods.
        silence_seconds: after which somebody is not typing any more.
    """

    def __init__(self, hub: Hub, ring: Callable[[UUID, UUID, bool], None], *, silence_seconds: float) -> None:
        self._hub = hub
        self._ring = ring
        self._silence = silence_seconds
        self._typing: dict[tuple[UUID, UUID], _Typing] = {}  # by room and user
        self._rooms: dict[Typist, set[UUID]] = {}

    def typed(self, socket: Typist, room_id: UUID, *, started: bool) -> None:
        """A socket of this pod says that its user has begun to type, or stopped."""
        known = self._typing.get((room_id, socket.user_id))
        now = asyncio.get_running_loop().time()
        if started and known is not None and known.socket is not None and now - known.told_at < REPEAT_SECONDS:
            return
        self.heard(room_id, socket.user_id, started)
        self._ring(room_id, socket.user_id, started)
        if started:
            typing = self._typing[room_id, socket.user_id]
            typing.socket, typing.told_at = socket, now
            self._rooms.setdefault(socket, set()).add(room_id)

    def heard(self, room_id: UUID, user_id: UUID, started: bool) -> None:
        """This pod, or a bell, says that somebody has begun to type in a room, or stopped: tell the others in it."""
        place = room_id, user_id
        if started:
            typing = self._typing.setdefault(place, _Typing())
            loop = asyncio.get_running_loop()
            typing.until = loop.time() + self._silence
            if typing.timer is None:
                typing.timer = loop.call_at(typing.until, self._look, place)
        else:
            self._forget(place)
        self._tell(room_id, user_id, started)

    def left(self, socket: Typist) -> None:
        """A socket of this pod is over: its user does not type on it any more."""
        for room_id in self._rooms.pop(socket, ()):
            known = self._typing.get((room_id, socket.user_id))
            if known is not None and known.socket is socket:
                self.heard(room_id, socket.user_id, False)
                self._ring(room_id, socket.user_id, False)

    def _look(self, place: tuple[UUID, UUID]) -> None:
        typing = self._typing[place]
        loop = asyncio.get_running_loop()
        if typing.until > loop.time():  # he has gone on since
            typing.timer = loop.call_at(typing.until, self._look, place)
        else:
            self._forget(place)
            self._tell(*place, False)

    def _forget(self, place: tuple[UUID, UUID]) -> None:
        typing = self._typing.pop(place, None)
        if typing is None:
            return
        if typing.timer is not None:
            typing.timer.cancel()
        rooms = None if typing.socket is None else self._rooms.get(typing.socket)
        if rooms is not None and typing.socket is not None:
            rooms.discard(place[0])
            if not rooms:
                del self._rooms[typing.socket]

    def _tell(self, room_id: UUID, user_id: UUID, started: bool) -> None:
        room = self._hub.rooms.get(room_id)
        if room is not None:
            data = events.Typing(room_id, user_id)
            event = events.FriendTypingStart(data) if started else events.FriendTypingStop(data)
            self._hub.frame(room, protocol.frame(event), without=user_id, droppable=started)
