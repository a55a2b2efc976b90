"""Connections of one session, one after the other, until the login is over."""

import asyncio
import time
from dataclasses import dataclass

from .backoff import Backoff, Then, after_close, after_refusal
from .connection import Connection, Ended, Refused
from .conversation import Conversation
from .dialler import Dialler, Login
from .errors import ApiError, NoAnswer, SessionOver
from .model import Notice, Position, Ready
from .state import State


@dataclass(frozen=True, slots=True)
class Ending:
    """How a connection has ended, or was not made.

    Arguments:
        then: what to do now.
        code: of the close, or the HTTP status of a refusal; None if there was neither.
        reason: in words.
        at_least: seconds that the server asks us to stay away.
        connection_id: None if there was no connection.
    """

    then: Then
    code: int | None
    reason: str
    at_least: float | None = None
    connection_id: str | None = None


class Reconnecting:
    """Keeps a session connected.

    Arguments:
        login: whose.
        state: of the session.
    """

    def __init__(self, login: Login, state: State) -> None:
        self._login = login
        self._state = state
        options = state.options
        self._dialler = Dialler(login, options)
        self._backoff = Backoff(options.first_wait_seconds, options.longest_wait_seconds, options.chance)
        self._renewed = False  # the token, since a connection has lasted
        self._asked = False  # by the user, to reconnect
        self._lost_at = time.monotonic()
        self.connection: Connection | None = None
        self.ready: Ready | None = None  # what the server said when it let us in, last
        self.first_ready = asyncio.Event()

    async def run(self) -> None:
        """Connect, for ever.

        Raises:
            SessionOver: the login is over.
        """
        while True:
            ending = await self._live()
            self._state.counters.failures += not self._asked
            then, at_least = ending.then, ending.at_least
            if then is Then.RENEW:
                then, at_least = await self._renew(), 0.0
            if then is Then.STOP:
                raise SessionOver(f"the server refuses the session: {ending.reason or ending.code}")
            seconds = 0.0 if self._asked else self._backoff.seconds(then, at_least)
            self._asked = False
            self._state.observer.ended(ending.connection_id, ending.code, ending.reason, then, seconds)
            await asyncio.sleep(seconds)

    def reconnect(self) -> None:
        """Drop the connection, if there is one, and resume at once."""
        if self.connection is not None:
            self._asked = True
            self.connection.abort()

    async def _live(self) -> Ending:
        """One connection from its beginning to its end."""
        self._state.observer.connecting(self._state.positions.snapshot())
        try:
            connection, ready = await self._dialler.connect(self._state.positions)
        except Refused as refused:
            return Ending(
                after_refusal(refused.status, refused.code), refused.status, str(refused), refused.retry_after
            )
        except Ended as ended:
            return Ending(after_close(ended.code), ended.code, ended.reason)
        except ApiError as error:  # there was no ticket, or no new token
            return Ending(Then.RENEW if error.status == 401 else Then.RETRY, error.status, str(error))
        except NoAnswer as error:
            return Ending(Then.RETRY, None, str(error))
        began = time.monotonic()
        conversation = Conversation(connection, ready, self._state, self._login.tokens, self._dialler.grant)
        try:
            self._enter(connection, ready, began - self._lost_at)
            await conversation.run()
        except Ended as ended:
            return Ending(after_close(ended.code), ended.code, ended.reason, conversation.draining, connection.id)
        except asyncio.CancelledError:
            await connection.close()
            raise
        finally:
            connection.abort()
            self.connection = None
            self._lost_at = time.monotonic()
            self._state.outbox.disconnected()
            if self._lost_at - began >= self._state.options.steady_seconds:
                self._backoff.worked()
                self._renewed = False
        raise AssertionError("a conversation ends by raising")

    def _enter(self, connection: Connection, ready: Ready, seconds: float) -> None:
        self.connection, self.ready = connection, ready
        self._state.counters.connects += 1
        self._state.observer.ready(ready, seconds)
        for room in self._state.positions.ready(ready):
            position = ready.rooms.get(room, Position(0, 0))
            data = {"room": room, "last_seq": position.seq, "rev": position.rev}
            self._state.inbox.put(Notice("room.reset", data))
        self.first_ready.set()

    async def _renew(self) -> Then:
        """The token is not accepted: once there may be a new one."""
        if self._renewed:
            return Then.STOP
        try:
            await self._login.tokens.renew(self._dialler.grant)
        except (NoAnswer, ApiError):
            return Then.RETRY
        self._renewed = True
        return Then.SOON
