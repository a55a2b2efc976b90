"""What a session asks for, carried out."""

import asyncio
import logging
from collections.abc import Awaitable, Coroutine
from datetime import UTC, datetime
from typing import Any

from chassis import postgres
from chassis.ids import uuid7
from chassis.postgres import Postgres
from chassis.problems import Problem
from chassis.revocations import Guard
from chassis.times import rfc3339

from ..store import marks as mark_store
from . import events, protocol
from .arrivals import MAX_RESUMED, Arrivals
from .bells import Bells
from .changing import Changing
from .codes import ErrorCode
from .keeper import Keeper
from .refusals import is_refused, not_a_member, too_much, unavailable
from .sending import Sending
from .session import Limits, Session
from .typists import Typists
from .wanted import Wanted

logger = logging.getLogger(__name__)

MAX_WAITING_COMMANDS = 50  # of one session, that wait for Postgres or auth


class Commands:
    """Carries out commands; the sessions' handler."""

    def __init__(
        self,
        database: Postgres,
        sending: Sending,
        changing: Changing,
        arrivals: Arrivals,
        bells: Bells,
        guard: Guard,
        keeper: Keeper,
        limits: Limits,
        typists: Typists,
    ) -> None:
        self.limits = limits
        self._database = database
        self._sending = sending
        self._changing = changing
        self._arrivals = arrivals
        self._bells = bells
        self._guard = guard
        self._keeper = keeper
        self._typists = typists

    def closed(self, session: Session) -> None:
        """See session.Handler."""
        self._keeper.remove(session)
        self._sending.forget(session)
        self._changing.forget(session)
        self._typists.left(session)
        self._arrivals.leave(session)

    def command(self, session: Session, command: protocol.Command) -> None:
        """See session.Handler."""
        if isinstance(command, protocol.Send):
            if not is_refused(session, command.data.client_id, command.data.content):
                self._sending.send(session, command.data)
        elif isinstance(command, protocol.Edit):
            if not is_refused(session, command.data.client_id, command.data.content):
                self._changing.submit(session, command.data)
        elif isinstance(command, protocol.Delete):
            if not is_refused(session, command.data.client_id, None):
                self._changing.submit(session, command.data)
        elif isinstance(command, protocol.Ping):
            session.good_frame()
            session.write(protocol.PONG)
        elif isinstance(command, (protocol.TypingStart, protocol.TypingStop)):
            self._typing(session, command)
        elif isinstance(command, protocol.Read):
            self._wait(session, self._read(session, command.data))
        elif isinstance(command, protocol.Received):
            self._wait(session, self._received(session, command.data))
        elif isinstance(command, protocol.Join):
            self._wait(session, self._join(session, command.data))
        elif isinstance(command, protocol.Resume):
            self._resume(session, command.data)
        elif isinstance(command, protocol.Refresh):
            self._wait(session, self._refresh(session, command.data))

    def _typing(self, session: Session, command: protocol.TypingStart | protocol.TypingStop) -> None:
        room_id = command.data.room
        if room_id in session.rooms or self._arrivals.is_arriving(session, room_id):
            session.good_frame()
            self._typists.typed(session, room_id, started=isinstance(command, protocol.TypingStart))
        else:
            session.write(not_a_member(None))

    async def _read(self, session: Session, data: protocol.ReadData) -> None:
        async with self._database.connection() as connection:
            marked = await mark_store.update_read_seq(connection, data.room, session.user_id, data.seq, uuid7())
        if marked is None:
            session.write(not_a_member(None))
            return
        session.good_frame()
        seq, moved = marked
        if moved:
            self._bells.read(data.room, session.user_id, seq)

    async def _received(self, session: Session, data: protocol.ReceivedData) -> None:
        async with self._database.connection() as connection:
            marked = await mark_store.update_delivered_seq(connection, data.room, session.user_id, data.seq)
        if marked is None:
            session.write(not_a_member(None))
            return
        session.good_frame()
        seq, moved = marked
        if moved:
            self._bells.delivered(data.room, session.user_id, seq)

    async def _join(self, session: Session, data: protocol.JoinData) -> None:
        if await self._arrivals.join(session, data.room, data.since, data.rev):
            session.good_frame()
        else:
            session.write(not_a_member(None))

    def _resume(self, session: Session, data: protocol.ResumeData) -> None:
        wanted = Wanted(
            positions={room: known[0] for room, known in data.rooms.items()},
            revs={room: known[1] for room, known in data.rooms.items() if len(known) == 2},
            epoch=data.epoch,
        )
        if self._arrivals.resume(session, wanted, more=data.more):
            session.good_frame()
        elif self._arrivals.is_resuming(session):
            session.bad_frame(f"at most {MAX_RESUMED} rooms can be resumed", None)
        else:
            session.bad_frame("there is nothing to resume: connect with ?resume=frame", None)

    async def _refresh(self, session: Session, data: protocol.RefreshData) -> None:
        try:
            claims = await self._guard(data.token)
        except Problem as problem:
            code = ErrorCode.UNAVAILABLE if problem.status == 503 else ErrorCode.TOKEN_INVALID
            session.write(protocol.error(code, problem.detail))
            return
        if claims.user_id != session.user_id:
            session.write(protocol.error(ErrorCode.TOKEN_INVALID, "this token is somebody else's"))
            return
        session.good_frame()
        session.session_id = claims.session_id
        session.expires_at = max(session.expires_at, claims.expires_at)
        self._keeper.watch_expiry(session)
        expires_at = rfc3339(datetime.fromtimestamp(session.expires_at, UTC)) or ""
        session.write(protocol.frame(events.AuthRefreshed(events.Refreshed(expires_at))))

    def _wait(self, session: Session, work: Coroutine[Any, Any, None], client_id: str | None = None) -> None:
        """Do what has to wait in a task of the session; what cannot be done now is answered, and the socket stays."""
        if session.tasks is not None and len(session.tasks) >= MAX_WAITING_COMMANDS:
            work.close()
            session.write(too_much(client_id))
            return
        session.spawn(asyncio.get_running_loop().create_task(self._guarded(session, work, client_id)))

    @staticmethod
    async def _guarded(session: Session, work: Awaitable[None], client_id: str | None) -> None:
        try:
            await work
        except Exception as error:
            if not postgres.is_away(error):
                logger.exception("a command failed")
            session.write(unavailable(client_id))
