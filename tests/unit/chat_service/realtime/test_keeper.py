"""The keeper moves everybody away when its pod ends."""

import asyncio
from typing import Any
from uuid import UUID

from chassis.tokens import Claims
from chat_service.realtime.codes import CloseCode
from chat_service.realtime.keeper import Keeper
from chat_service.realtime.session import Limits, Session
from chat_service.realtime.wire import close_frame


class Handler:
    """Takes no commands."""

    limits = Limits(0, 100)

    def command(self, session: Session, command: Any) -> None:
        """See session.Handler."""

    def closed(self, session: Session) -> None:
        """See session.Handler."""


class Written(asyncio.Transport):
    """Remembers what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.frames: list[bytes] = []

    def write(self, data: Any) -> None:
        self.frames.append(bytes(data))

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def abort(self) -> None:
        pass


def connected() -> tuple[Session, Written]:
    """A session that has just been accepted."""
    claims = Claims(UUID(int=1), UUID(int=2), "jti", "somebody", 0, 2**40)
    session, written = Session(Handler(), claims, b"{}", UUID(int=3), None), Written()
    session.connection_made(written)
    return session, written


async def test_a_session_whose_handshake_ends_in_a_drain_is_sent_away_after_it_has_heard_where_it_is() -> None:
    keeper = Keeper(heartbeat_seconds=25, dead_after_seconds=60)
    await keeper.drain(0.01)
    session, written = connected()
    keeper.add(session)
    session.write(b"session.ready")
    await asyncio.sleep(0)
    assert session.closing
    ready, draining, close = written.frames
    assert ready == b"session.ready"
    assert b"session.draining" in draining
    assert close == close_frame(CloseCode.GOING_AWAY, "this server is going away")


async def test_a_session_stays_as_long_as_its_pod_does() -> None:
    keeper = Keeper(heartbeat_seconds=25, dead_after_seconds=60)
    session, written = connected()
    keeper.add(session)
    await asyncio.sleep(0)
    assert (session.closing, written.frames) == (False, [])
