"""`chat.edit` and `chat.delete`: of each session one after the other, so that what it said last is what remains."""

import asyncio
import logging
from collections import deque

from chassis import postgres

from ..changes import Changes
from . import events, protocol
from .codes import ErrorCode
from .session import Session

logger = logging.getLogger(__name__)

MAX_WAITING = 200  # of one session
RETRY_AFTER_SECONDS = 1.0

Wish = protocol.EditData | protocol.DeleteData
_REFUSALS = {
    "no_room": (ErrorCode.NOT_A_MEMBER, "you are not in this room"),
    "no_message": (ErrorCode.MESSAGE_NOT_FOUND, "there is no such message in this room"),
    "forbidden": (ErrorCode.NOT_THE_AUTHOR, "it is somebody else's message"),
    "deleted": (ErrorCode.MESSAGE_DELETED, "the message has been deleted"),
}


class Changing:
    """Carries out what sessions want changed, and answers each wish once."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self._waiting: dict[Session, deque[Wish]] = {}

    def forget(self, session: Session) -> None:
        """The session is over."""
        self._waiting.pop(session, None)

    def submit(self, session: Session, wish: Wish) -> None:
        """Carry it out behind those that wait already."""
        waiting = self._waiting.get(session)
        if waiting is None:
            waiting = self._waiting[session] = deque([wish])
            session.spawn(asyncio.get_running_loop().create_task(self._work_off(session, waiting)))
        elif len(waiting) < MAX_WAITING:
            waiting.append(wish)
        else:
            _refuse(session, wish, ErrorCode.RATE_LIMITED, "too much at once", RETRY_AFTER_SECONDS)

    async def _work_off(self, session: Session, waiting: deque[Wish]) -> None:
        try:
            while waiting:
                wish = waiting[0]
                if isinstance(wish, protocol.EditData):
                    change = await self._changes.edit(session.user_id, wish.room, wish.seq, wish.content, online=True)
                else:
                    change = await self._changes.delete(session.user_id, wish.room, wish.seq)
                waiting.popleft()
                if change.message is None:
                    _refuse(session, wish, *_REFUSALS[change.outcome])
                else:
                    done = events.Changed(wish.client_id, wish.room, wish.seq, change.message.id, change.message.rev)
                    session.write(protocol.frame(events.ChatChanged(done)))
        except Exception as error:
            if not postgres.is_away(error):
                logger.exception("a change of a message failed")
            for wish in waiting:  # those behind it too, so that none of them comes before it when it is repeated
                _refuse(session, wish, ErrorCode.UNAVAILABLE, "try again", RETRY_AFTER_SECONDS)
        finally:
            if self._waiting.get(session) is waiting:
                del self._waiting[session]


def _refuse(session: Session, wish: Wish, code: ErrorCode, detail: str, retry_after: float | None = None) -> None:
    session.write(protocol.error(code, detail, client_id=wish.client_id, retry_after=retry_after))
