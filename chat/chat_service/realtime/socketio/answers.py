"""What a Socket.IO client asks for by events of its own, carried out."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from chassis import postgres
from chassis.ids import uuid7
from chassis.postgres import Postgres
from chassis.problems import Problem
from chassis.revocations import Guard
from chassis.times import rfc3339

from ...model import PersonRow
from ...rooms import Rooms
from ...store import marks as mark_store
from ..arrivals import ARRIVAL_SECONDS, Arrivals
from ..bells import Bells
from ..codes import ErrorCode
from ..keeper import Keeper
from ..ledger import Entry, Ledger, Outcome
from ..refusals import RETRY_AFTER_SECONDS
from ..wanted import Wanted
from .client import EventSession
from .events import (
    AuthRefresh,
    AuthResume,
    ReceiveMessage,
    Refused,
    Request,
    SendMessage,
    StartPrivateChat,
    refusal,
    refusal_of,
)
from .link import EventTransport
from .shapes import ChatStarted, MessageStored, ReceiptTaken, Reply, Resuming, TokenTaken


class Answers:
    """Answers events; see client.Answering.

    Arguments:
        database, rooms, ledger, arrivals, bells, guard, keeper: see their classes.
    """

    def __init__(
        self,
        database: Postgres,
        rooms: Rooms,
        ledger: Ledger,
        arrivals: Arrivals,
        bells: Bells,
        guard: Guard,
        keeper: Keeper,
    ) -> None:
        self._database = database
        self._rooms = rooms
        self._ledger = ledger
        self._arrivals = arrivals
        self._bells = bells
        self._guard = guard
        self._keeper = keeper

    async def answer(self, session: EventSession, request: Request) -> Reply:
        """See client.Answering."""
        try:
            if isinstance(request, SendMessage):
                return await self._send(session, request)
            if isinstance(request, ReceiveMessage):
                return await self._received(session, request)
            if isinstance(request, StartPrivateChat):
                return await self._start(session, request)
            if isinstance(request, AuthRefresh):
                return await self._refresh(session, request)
            return self._resume(session, request)
        except Problem as problem:
            raise refusal_of(problem) from None
        except Exception as error:
            if not postgres.is_away(error):
                raise
            raise refusal(ErrorCode.UNAVAILABLE, RETRY_AFTER_SECONDS) from None

    async def _send(self, session: EventSession, request: SendMessage) -> MessageStored:
        message_id = uuid7()
        client_id = request.client_id or str(message_id)

        def entry(done: Callable[[Entry, Outcome], None]) -> Entry:
            ids = message_id, request.chat_id, session.user_id, client_id
            return Entry(*ids, request.message, session.author, done, request.reply_to)

        outcome = await self._ledger.send(entry)  # which looks whether he is in the room
        if outcome.code not in ("stored", "duplicate") or outcome.id is None:
            code = ErrorCode(outcome.code)
            raise refusal(code, RETRY_AFTER_SECONDS if code is ErrorCode.UNAVAILABLE else None)
        return {
            "message_id": outcome.id,
            "chat_id": request.chat_id,
            "sender_id": session.user_id,
            "seq": outcome.seq,
            "created_at": outcome.created_at,
            "duplicate": outcome.code == "duplicate",
        }

    async def _received(self, session: EventSession, request: ReceiveMessage) -> ReceiptTaken:
        async with self._database.connection() as connection:
            marked = await mark_store.update_delivered_seq(connection, request.chat_id, session.user_id, request.seq)
        if marked is None:
            raise refusal(ErrorCode.NOT_A_MEMBER)
        seq, moved = marked
        if moved:
            self._bells.delivered(request.chat_id, session.user_id, seq)
        return {"chat_id": request.chat_id, "seq": seq}

    async def _start(self, session: EventSession, request: StartPrivateChat) -> ChatStarted:
        me = PersonRow(session.user_id, session.username, session.username)
        room, made = await self._rooms.open_direct(me, request.user)
        if room.id not in session.rooms:  # a bell brings both into it, or has been lost
            adding = asyncio.get_running_loop().create_task(self._arrivals.added(session, room.id, room))
            session.spawn(adding)
            await asyncio.wait({adding}, timeout=ARRIVAL_SECONDS)
            await self._arrivals.arrived(session, room.id)
        return {"chat_id": room.id, "created": made}

    async def _refresh(self, session: EventSession, request: AuthRefresh) -> TokenTaken:
        claims = await self._guard(request.token)
        if claims.user_id != session.user_id:
            raise Refused(ErrorCode.TOKEN_INVALID.value, "this token is somebody else's")
        session.session_id = claims.session_id
        session.expires_at = max(session.expires_at, claims.expires_at)
        self._keeper.watch_expiry(session)
        return {"expires_at": rfc3339(datetime.fromtimestamp(session.expires_at, UTC)) or ""}

    def _resume(self, session: EventSession, request: AuthResume) -> Resuming:
        wanted = Wanted(positions=request.seqs(), revs=request.revs(), epoch=request.epoch)
        if not self._arrivals.resume(session, wanted):
            self._arrivals.rewind(session, wanted)
            if isinstance(session.transport, EventTransport):
                session.transport.release(without=request.rooms)
        return {"rooms": list(request.rooms)}
