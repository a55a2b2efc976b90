"""`chat.edit` and `chat.delete`: of each session one after the other, so that what it said last is what remains."""

import asyncio
import logging
from collections import deque

from chassis import postgres

from ..changes import Changes
from . import events, protocol
from .codes import ErrorCode
from .refusals import DETAILS, too_much, unavailable
from .session import Session

logger = logging.getLogger(__name__)

MAX_WAITING = 200  # of one session

Wish = protocol.EditData | protocol.DeleteData
_REFUSALS = {
    "no_room": ErrorCode.NOT_A_MEMBER,
    "no_message": ErrorCode.MESSAGE_NOT_FOUND,
    "forbidden": ErrorCode.NOT_THE_AUTHOR,
    "deleted": ErrorCode.MESSAGE_DELETED,
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
            session.write(too_much(wish.client_id))

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
                    code = _REFUSALS[change.outcome]
                    session.write(protocol.error(code, DETAILS[code], client_id=wish.client_id))
                else:
                    done = events.Changed(wish.client_id, wish.room, wish.seq, change.message.id, change.message.rev)
                    session.write(protocol.frame(events.ChatChanged(done)))
        except Exception as error:
            if not postgres.is_away(error):
                logger.exception("a change of a message failed")
            for wish in waiting:  # those behind it too, so that none of them comes before it when it is repeated
                session.write(unavailable(wish.client_id))
        finally:
            if self._waiting.get(session) is waiting:
                del self._waiting[session]
