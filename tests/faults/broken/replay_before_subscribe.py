"""Replays what a client has missed and only then, a moment later, has it hear what is new."""

import asyncio

from chat_service.realtime.hub import Hub, LiveRoom
from chat_service.realtime.session import Session

SUBSCRIBE_LATER_SECONDS = 0.2
_attach = Hub.attach


def attach(self: Hub, session: Session, room: LiveRoom) -> None:
    """Attach later: what is delivered to the room meanwhile does not reach the session."""

    def later() -> None:
        room.holders -= 1
        if not session.closing and self.rooms.get(room.id) is room:
            _attach(self, session, room)

    room.holders += 1
    session.rooms.add(room.id)
    asyncio.get_running_loop().call_later(SUBSCRIBE_LATER_SECONDS, later)


def install() -> None:
    """Break it."""
    Hub.attach = attach  # type: ignore[method-assign, assignment]
