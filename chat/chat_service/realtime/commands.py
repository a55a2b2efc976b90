"""What a session asks for, carried out."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Coroutine
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from chassis import postgres
from chassis.ids import uuid7
from chassis.postgres import Postgres
from chassis.problems import Problem
from chassis.revocations import Guard
from chassis.times import rfc3339

from .. import policy
from ..store import rooms as room_store
from . import events, protocol
from .arrivals import Arrivals, Wanted
from .bells import Bells
from .codes import ErrorCode
from .hub import Hub
from .keeper import Keeper
from .ledger import UNAVAILABLE, Entry, Ledger, Outcome
from .session import Limits, Session
from .typists import Typists

logger = logging.getLogger(__name__)

MAX_WAITING_COMMANDS = 50  # of one session, that wait for Postgres or auth
MAX_WAITING_SENDS = 200  # of one session, to rooms it does not hear

DETAILS = {
    ErrorCode.NOT_A_MEMBER: "you are not in this room",
    ErrorCode.TOO_LONG: f"a message has at most {policy.MAX_CONTENT_CHARACTERS} characters",
    ErrorCode.REPLY_NOT_FOUND: "there is no such message in this room to reply to",
    ErrorCode.CLIENT_ID_REUSED: "this client_id was used for another message",
    ErrorCode.UNAVAILABLE: "the message could not be stored now; send it again with the same client_id",
    ErrorCode.BAD_FRAME: "the message could not be stored",
}
RETRY_AFTER_SECONDS = 1.0
BEHIND_SECONDS = 0.5  # for what was on its way when its sender was told to send an earlier message again


class Commands:
    """Carries out commands; the sessions' handler."""

    def __init__(
        self,
        database: Postgres,
        hub: Hub,
        ledger: Ledger,
        arrivals: Arrivals,
        bells: Bells,
        guard: Guard,
        keeper: Keeper,
        limits: Limits,
        typists: Typists,
    ) -> None:
        self.limits = limits
        self._database = database
        self._hub = hub
        self._ledger = ledger
        self._arrivals = arrivals
        self._bells = bells
        self._guard = guard
        self._keeper = keeper
        self._typists = typists
        self._behind: dict[Session, dict[UUID, tuple[str | None, float]]] = {}  # see `_is_behind`; by room
        self._outside: dict[Session, deque[protocol.SendData]] = {}  # sends to rooms that the session does not hear

    def closed(self, session: Session) -> None:
        """See session.Handler."""
        self._keeper.remove(session)
        self._outside.pop(session, None)
        self._behind.pop(session, None)
        self._typists.left(session)
        self._arrivals.leave(session)

    def command(self, session: Session, command: protocol.Command) -> None:
        """See session.Handler."""
        if isinstance(command, protocol.Send):
            self._send(session, command.data)
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

    # --- sending ------------------------------------------------------------------------------------------------------

    def _send(self, session: Session, data: protocol.SendData) -> None:
        mistake = policy.content_mistake(data.content)
        client_id = data.client_id
        if client_id is not None and not policy.is_client_id(client_id):
            session.bad_frame(f"client_id has 1 to {policy.MAX_CLIENT_ID_CHARACTERS} characters", None)
        elif mistake == "too_long":
            session.write(protocol.error(ErrorCode.TOO_LONG, DETAILS[ErrorCode.TOO_LONG], client_id=client_id))
        elif mistake is not None:
            session.bad_frame("content is empty" if mistake == "empty" else "U+0000 is not allowed", client_id)
        else:
            session.good_frame()
            inside = data.room in session.rooms or self._arrivals.is_arriving(session, data.room)
            if inside and session not in self._outside:
                self._submit(session, data)  # the ledger looks whether he is still in it
            else:  # a stranger; or a member whom no bell has told, so the truth is asked
                self._send_from_outside(session, data)

    def _submit(self, session: Session, data: protocol.SendData) -> None:
        if session in self._behind and self._is_behind(session, data):
            session.write(_unavailable(data.client_id))
            return
        message_id = uuid7()

        def done(entry: Entry, outcome: Outcome) -> None:
            self._sent(session, data.client_id, entry, outcome)

        client_id = data.client_id or str(message_id)
        entry = Entry(
            message_id, data.room, session.user_id, client_id, data.content, session.author, done, data.reply_to
        )
        if not self._ledger.submit(entry):
            done(entry, UNAVAILABLE)

    def _sent(self, session: Session, client_id: str | None, entry: Entry, outcome: Outcome) -> None:
        if outcome.code in ("stored", "duplicate") and outcome.id is not None:
            duplicate = outcome.code == "duplicate"
            message_id = str(outcome.id) if duplicate else entry.id_text
            ack = protocol.ack(
                client_id, message_id.encode(), entry.room_text, outcome.seq, outcome.created_at, duplicate
            )
            self._hub.tell(session, ack)
        else:
            code = ErrorCode(outcome.code)
            retry_after = RETRY_AFTER_SECONDS if code is ErrorCode.UNAVAILABLE else None
            if code is ErrorCode.UNAVAILABLE:
                self._given_up(session, entry.room_id, client_id)
            session.write(protocol.error(code, DETAILS[code], client_id=client_id, retry_after=retry_after))

    def _given_up(self, session: Session, room_id: UUID, client_id: str | None) -> None:
        now = time.monotonic()
        if not session.closing and not now < self._behind.get(session, {}).get(room_id, (None, 0.0))[1]:
            self._behind.setdefault(session, {})[room_id] = (client_id, now + BEHIND_SECONDS)

    def _is_behind(self, session: Session, data: protocol.SendData) -> bool:
        """Whether a message was written before its sender knew that he has to send an earlier one again: so must it be.

        That is so until he repeats the earlier one, or for a moment. Stored at once, it would stand before the other.
        """
        rooms = self._behind[session]
        first, until = rooms.get(data.room, (None, 0.0))
        if time.monotonic() < until and (data.client_id is None or data.client_id != first):
            return True
        rooms.pop(data.room, None)
        if not rooms:
            del self._behind[session]
        return False

    def _send_from_outside(self, session: Session, data: protocol.SendData) -> None:
        """Send after asking Postgres; one after the other, and what comes meanwhile behind it: the order is kept."""
        waiting = self._outside.get(session)
        if waiting is None:
            waiting = self._outside[session] = deque([data])
            session.spawn(asyncio.get_running_loop().create_task(self._work_off(session, waiting)))
        elif len(waiting) < MAX_WAITING_SENDS:
            waiting.append(data)
        else:
            session.write(_too_much(data.client_id))

    async def _work_off(self, session: Session, waiting: deque[protocol.SendData]) -> None:
        try:
            while waiting:
                room_id = waiting[0].room
                async with self._database.connection() as connection:
                    row = await room_store.select_room(connection, session.user_id, room_id)
                while waiting and waiting[0].room == room_id:
                    data = waiting.popleft()
                    if row is None:
                        self._not_a_member(session, data.client_id)
                    else:
                        self._submit(session, data)
        except Exception as error:
            if not postgres.is_away(error):
                logger.exception("a send failed")
            for data in waiting:
                self._given_up(session, data.room, data.client_id)
                session.write(_unavailable(data.client_id))
        finally:
            self._outside.pop(session, None)

    # --- the others ---------------------------------------------------------------------------------------------------

    def _typing(self, session: Session, command: protocol.TypingStart | protocol.TypingStop) -> None:
        room_id = command.data.room
        if room_id in session.rooms or self._arrivals.is_arriving(session, room_id):
            session.good_frame()
            self._typists.typed(session, room_id, started=isinstance(command, protocol.TypingStart))
        else:
            self._not_a_member(session)

    async def _read(self, session: Session, data: protocol.ReadData) -> None:
        async with self._database.connection() as connection:
            marked = await room_store.update_read_seq(connection, data.room, session.user_id, data.seq, uuid7())
        if marked is None:
            self._not_a_member(session)
            return
        session.good_frame()
        seq, moved = marked
        if moved:
            self._bells.read(data.room, session.user_id, seq)

    async def _received(self, session: Session, data: protocol.ReceivedData) -> None:
        async with self._database.connection() as connection:
            marked = await room_store.update_delivered_seq(connection, data.room, session.user_id, data.seq)
        if marked is None:
            self._not_a_member(session)
            return
        session.good_frame()
        seq, moved = marked
        if moved:
            self._bells.delivered(data.room, session.user_id, seq)

    async def _join(self, session: Session, data: protocol.JoinData) -> None:
        if await self._arrivals.join(session, data.room, data.since):
            session.good_frame()
        else:
            self._not_a_member(session)

    def _resume(self, session: Session, data: protocol.ResumeData) -> None:
        wanted = Wanted(positions={room: seqs[0] for room, seqs in data.rooms.items()}, epoch=data.epoch)
        if self._arrivals.resume(session, wanted):
            session.good_frame()
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

    def _not_a_member(self, session: Session, client_id: str | None = None) -> None:
        code = ErrorCode.NOT_A_MEMBER
        session.write(protocol.error(code, DETAILS[code], client_id=client_id))

    def _wait(self, session: Session, work: Coroutine[Any, Any, None], client_id: str | None = None) -> None:
        """Do what has to wait in a task of the session; what cannot be done now is answered, and the socket stays."""
        if session.tasks is not None and len(session.tasks) >= MAX_WAITING_COMMANDS:
            work.close()
            session.write(_too_much(client_id))
            return
        session.spawn(asyncio.get_running_loop().create_task(self._guarded(session, work, client_id)))

    @staticmethod
    async def _guarded(session: Session, work: Awaitable[None], client_id: str | None) -> None:
        try:
            await work
        except Exception as error:
            if not postgres.is_away(error):
                logger.exception("a command failed")
            session.write(_unavailable(client_id))


def _too_much(client_id: str | None) -> bytes:
    return protocol.error(
        ErrorCode.RATE_LIMITED, "too much at once", client_id=client_id, retry_after=RETRY_AFTER_SECONDS
    )


def _unavailable(client_id: str | None) -> bytes:
    return protocol.error(ErrorCode.UNAVAILABLE, "try again", client_id=client_id, retry_after=RETRY_AFTER_SECONDS)
