"""A live session: connected as long as it is open, each message of each room once and in order, each send until stored.

async with account.connect() as chat:
    await chat.send(room, "Hello")
    async for message in chat.messages():
        ...
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any, Self
from uuid import uuid4

from .closing import Closing
from .connection import Ended
from .dialler import Login
from .errors import SessionOver
from .inbox import Inbox
from .model import Ack, Changed, Event, Message, Position, Ready
from .observer import Counters, Observer
from .options import Options
from .outbox import Entry, Outbox
from .positions import Positions
from .reconnecting import Reconnecting
from .state import State


class ChatSession(Closing):
    """Made by `Account.connect`; used in one event loop, and iterated over by one task."""

    def __init__(
        self,
        login: Login,
        positions: Mapping[str, Position] | None,
        epoch: str | None,
        options: Options,
        observer: Observer,
    ) -> None:
        self._state = State(
            options, observer, Positions(positions, epoch), Inbox(options.buffer), Outbox(options.window)
        )
        self._reconnecting = Reconnecting(login, self._state)
        self._task: asyncio.Task[None] | None = None
        self._over: SessionOver | None = None

    async def __aenter__(self) -> Self:
        """Connect; returns when the server has let us in, however long that takes.

        Raises:
            SessionOver: it never will.
        """
        self._task = asyncio.create_task(self._run())
        waiting = asyncio.create_task(self._reconnecting.first_ready.wait())
        try:
            await asyncio.wait({waiting, self._task}, return_when=asyncio.FIRST_COMPLETED)
            if self._over is not None:
                raise self._over
        except BaseException:
            await self.close()
            raise
        finally:
            waiting.cancel()
        return self

    async def close(self) -> None:
        """Leave. What is on its way is given up, each send with SessionOver; what has arrived can still be read."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._over is None:
            self._end(SessionOver("the session was closed"), told=None)

    async def send(self, room: str, content: str, *, reply_to: int | None = None, client_id: str | None = None) -> Ack:
        """Send a message; returns when it is stored, over however many connections.

        Messages to one room are stored in the order of the calls, even while the first is on its way, unless the server
        asks to repeat one. Whoever gives up waiting (a cancellation) does not know whether it was or will be stored.

        Arguments:
            content: 1 to 4000 characters.
            reply_to: the seq of the message of that room that this one answers.
            client_id: of 1 to 64 characters, one's own for each message; made up if there is none.

        Raises:
            SendRefused: it will never be stored.
            SessionOver: the session has ended; it is not known whether it is stored.
            ValueError: the same client_id is on its way, or the content cannot be encoded.
        """
        content.encode()
        fields = {"content": content} if reply_to is None else {"content": content, "reply_to": reply_to}
        ack: Ack = await self._ask("chat.message", room, fields, client_id)
        return ack

    async def edit(self, room: str, seq: int, content: str) -> Changed:
        """Give a message of one's own other words; returns when that is stored. Repeated, and raises, as `send`."""
        content.encode()
        changed: Changed = await self._ask("chat.edit", room, {"seq": seq, "content": content})
        return changed

    async def delete(self, room: str, seq: int) -> Changed:
        """Delete a message of one's own, or of a group that one owns; as `edit`."""
        changed: Changed = await self._ask("chat.delete", room, {"seq": seq})
        return changed

    async def _ask(self, kind: str, room: str, fields: Mapping[str, Any], client_id: str | None = None) -> Any:
        """Have a frame written until it is answered; the answer."""
        if self._over is not None:
            raise self._over
        state = self._state
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        entry = Entry(client_id or uuid4().hex, room, kind, fields, done)
        state.outbox.add(entry)
        state.changed()
        state.counters.sends += kind == "chat.message"
        try:
            return await done
        finally:
            if done.cancelled():
                state.outbox.take(entry.client_id)
                state.changed()

    async def notify(self, kind: str, **data: Any) -> bool:
        """Write any other frame of the protocol (`chat.read`, `friend.typing.start`, …); False if not connected."""
        connection = self._reconnecting.connection
        if connection is None:
            return False
        try:
            await connection.write(kind, data)
        except Ended:
            return False
        return True

    def reconnect(self) -> None:
        """Drop the connection, if there is one, and resume at once: the network has changed, say."""
        self._reconnecting.reconnect()

    @property
    def counters(self) -> Counters:
        """How often what has happened."""
        return self._state.counters

    @property
    def connected(self) -> bool:
        """Whether there is a connection now."""
        return self._reconnecting.connection is not None

    @property
    def ready(self) -> Ready | None:
        """What the server said when it let us in, last."""
        return self._reconnecting.ready

    @property
    def epoch(self) -> str | None:
        """The life of the database that `positions` are from."""
        return self._state.positions.epoch

    @property
    def positions(self) -> dict[str, Position]:
        """How far the iteration is in each room; to be stored, and given to `connect` in another life."""
        return self._state.inbox.before(self._state.positions.snapshot())

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        """The next message or notice; the iteration ends after `close`.

        Raises:
            SessionOver: there will be none, since the login is over.
        """
        event = await self._state.inbox.get()
        if event is None:
            raise StopAsyncIteration
        return event

    async def messages(self) -> AsyncIterator[Message]:
        """The messages alone; notices are passed over."""
        async for event in self:
            if isinstance(event, Message):
                yield event

    async def _run(self) -> None:
        try:
            await self._reconnecting.run()
        except SessionOver as over:
            self._end(over, told=over)
        except Exception as mistake:
            failed = SessionOver(f"a mistake of this client: {mistake!r}")
            failed.__cause__ = mistake
            self._end(failed, told=failed)

    def _end(self, over: SessionOver, told: SessionOver | None) -> None:
        self._over = over
        self._state.inbox.end(told)
        for entry in self._state.outbox:
            self._state.outbox.take(entry.client_id)
            if not entry.done.done():
                entry.done.set_exception(over)
