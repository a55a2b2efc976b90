"""`chat.message`: from a frame to the ledger and back, in the order in which its sender said it."""

import asyncio
import logging
import time
from collections import deque
from uuid import UUID

from chassis import postgres
from chassis.ids import uuid7
from chassis.postgres import Postgres

from ..store import rooms as room_store
from . import protocol
from .arrivals import Arrivals
from .codes import ErrorCode
from .hub import Hub
from .ledger import UNAVAILABLE, Entry, Ledger, Outcome
from .refusals import DETAILS, RETRY_AFTER_SECONDS, not_a_member, too_much, unavailable
from .session import Session

logger = logging.getLogger(__name__)

MAX_WAITING = 200  # of one session, to rooms it does not hear
BEHIND_SECONDS = 0.5  # for what was on its way when its sender was told to send an earlier message again


class Sending:
    """Has messages stored, and answers each once.

    Arguments:
        database: chat's, to look for rooms that a session does not hear.
        hub: tells sessions what became of their messages.
        ledger: stores them.
        arrivals: knows who is on his way into which room.
    """

    def __init__(self, database: Postgres, hub: Hub, ledger: Ledger, arrivals: Arrivals) -> None:
        self._database = database
        self._hub = hub
        self._ledger = ledger
        self._arrivals = arrivals
        self._behind: dict[Session, dict[UUID, tuple[str | None, float]]] = {}  # see `_is_behind`; by room
        self._outside: dict[Session, deque[protocol.SendData]] = {}  # to rooms that the session does not hear

    def forget(self, session: Session) -> None:
        """The session is over."""
        self._outside.pop(session, None)
        self._behind.pop(session, None)

    def send(self, session: Session, data: protocol.SendData) -> None:
        """Have a message stored behind those before it, if he is in that room."""
        inside = data.room in session.rooms or self._arrivals.is_arriving(session, data.room)
        if inside and session not in self._outside:
            self._submit(session, data)  # the ledger looks whether he is still in it
        else:  # a stranger; or a member whom no bell has told, so the truth is asked
            self._send_from_outside(session, data)

    def _submit(self, session: Session, data: protocol.SendData) -> None:
        if session in self._behind and self._is_behind(session, data):
            session.write(unavailable(data.client_id))
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
        elif len(waiting) < MAX_WAITING:
            waiting.append(data)
        else:
            session.write(too_much(data.client_id))

    async def _work_off(self, session: Session, waiting: deque[protocol.SendData]) -> None:
        try:
            while waiting:
                room_id = waiting[0].room
                async with self._database.connection() as connection:
                    row = await room_store.select_room(connection, session.user_id, room_id)
                while waiting and waiting[0].room == room_id:
                    data = waiting.popleft()
                    if row is None:
                        session.write(not_a_member(data.client_id))
                    else:
                        self._submit(session, data)
        except Exception as error:
            if not postgres.is_away(error):
                logger.exception("a send failed")
            for data in waiting:
                self._given_up(session, data.room, data.client_id)
                session.write(unavailable(data.client_id))
        finally:
            self._outside.pop(session, None)
