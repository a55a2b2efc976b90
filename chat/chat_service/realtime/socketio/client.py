"""A session whose frames are Socket.IO events: asked by events, answered by acknowledgements."""

import logging
from typing import Protocol
from uuid import UUID

import msgspec

from chassis.tokens import Claims

from ..codes import CloseCode, ErrorCode
from ..session import MAX_BAD_FRAMES, MAX_REFUSED_FRAMES, Handler, Session, bad_frames
from ..wire import text_frame
from .events import Mistaken, Refused, Request, read
from .packets import Event
from .shapes import Done, NotDone, Reply

logger = logging.getLogger(__name__)

MAX_WAITING_EVENTS = 200  # of one client, that wait for Postgres or auth


class Answering(Protocol):
    """Who carries out what is asked for by an event."""

    async def answer(self, session: "EventSession", request: Request) -> Reply:
        """What the acknowledgement says. A message is submitted before the first await, so that their order is kept.

        Raises:
            Refused: and why.
        """


class EventSession(Session):
    """A Socket.IO client.

    Arguments:
        handler: carries out what WebSockets ask for, too.
        answering: carries out the rest.
        claims, author, connection_id, gateway_connection: see Session.
    """

    __slots__ = ("_answering", "_waiting")

    def __init__(
        self,
        handler: Handler,
        answering: Answering,
        claims: Claims,
        author: bytes,
        connection_id: UUID,
        gateway_connection: str | None,
    ) -> None:
        super().__init__(handler, claims, author, connection_id, gateway_connection)
        self._answering = answering
        self._waiting = 0

    async def event(self, event: Event) -> Reply | Done | NotDone | None:
        """Carry out an event.

        Returns:
            what its acknowledgement says: `{"error": {code, detail, retry_after?}}` when it was not carried out, which
            is an `error` event for those who ask for no acknowledgement.
        """
        try:
            return await self._answer(event)
        except Exception as error:
            refused = error if isinstance(error, Refused) else _internal()
            if event.wants_ack:
                return {"error": refused.body()}
            self.write(text_frame(b'{"type":"error","data":%b}' % msgspec.json.encode(refused.body())))
            return None

    async def _answer(self, event: Event) -> Reply | Done:
        if self.closing:
            raise Refused(ErrorCode.UNAVAILABLE.value, "the connection is being closed", 1.0)
        self._take()
        try:
            request = read(event)
        except Mistaken:
            self._count_mistake()
            raise
        self.good_frame()
        if not isinstance(request, Request):
            self._handler.command(self, request)
            return {}
        if self._waiting >= MAX_WAITING_EVENTS:
            raise Refused(ErrorCode.RATE_LIMITED.value, "too much at once", 1.0)
        self._waiting += 1
        try:
            return await self._answering.answer(self, request)
        finally:
            self._waiting -= 1

    def _take(self) -> None:
        wait = self._allow()
        if wait > 0:
            self._refused += 1
            if self._refused > MAX_REFUSED_FRAMES:
                self.close(CloseCode.FLOODING, "flooding")
            raise Refused(ErrorCode.RATE_LIMITED.value, "slow down", max(1.0, round(wait, 3)))

    def _count_mistake(self) -> None:
        bad_frames.inc()
        self._bad += 1
        if self._bad >= MAX_BAD_FRAMES:
            self.close(CloseCode.BAD_FRAMES, "too many bad frames")


def _internal() -> Refused:
    """A mistake of ours, of which the library would tell nobody."""
    logger.exception("an event failed")
    return Refused("internal", "Something went wrong on our side.")
