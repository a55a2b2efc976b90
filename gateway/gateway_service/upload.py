"""The client's side of a proxied request: its body, and whether the client is still there."""

import asyncio

from chassis.asgi import Receive
from chassis.problems import Problem

from .connection import Connection
from .request import too_large

WATCH_SECONDS = 0.05  # what is answered sooner needs no watch, which costs a task


class ClientGone(Exception):
    """There is nobody to answer."""


class Upload:
    """The client's side of an exchange: passes the body on, then watches for the client to leave.

    Arguments:
        receive: ASGI's.
        length: of the body, None for a chunked one.
        max_bytes: of the body.
        idle_seconds: how long the next piece may take.
    """

    def __init__(self, receive: Receive, length: int | None, max_bytes: int, idle_seconds: float) -> None:
        self._receive = receive
        self.length = length
        self._max_bytes = max_bytes
        self._idle_seconds = idle_seconds
        self._first = b""
        self._complete = length == 0
        self._received = 0
        self._task: asyncio.Task[None] | None = None
        self._later: asyncio.TimerHandle | None = None
        self._problem: Problem | None = None
        self.gone = False
        self.sent_body = False

    @property
    def repeatable(self) -> bool:
        """Whether `start` has sent everything, and may do so again for another service."""
        return self._complete and self._received == len(self._first)

    async def first_piece(self) -> None:
        """Wait for the body to begin, so that a client who only says that he will send one occupies no service.

        Raises:
            ClientGone, Problem: 408 or 413.
        """
        if not self._complete:
            self._first = await self._next()

    def start(self, connection: Connection, method: str, head: bytes) -> None:
        """Send the head and what is there of the body; the rest follows while the answer is awaited."""
        data = self._first
        if self.length is None:
            data = chunk(data) + (b"0\r\n\r\n" if self._complete else b"")
        self.sent_body = bool(self._first)
        connection.begin(method, head + data)
        connection.sent = self._complete
        if self._complete:
            self._later = asyncio.get_running_loop().call_later(WATCH_SECONDS, self._watch, connection)
        else:
            self._watch(connection)

    def stop(self) -> None:
        """Watch no longer."""
        if self._later is not None:
            self._later.cancel()
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def check(self) -> None:
        """Say why the exchange was ended from this side, if it was.

        Raises:
            ClientGone, Problem: 408 or 413.
        """
        if self.gone:
            raise ClientGone
        if self._problem is not None:
            raise self._problem

    def _watch(self, connection: Connection) -> None:
        self._task = asyncio.create_task(self._run(connection))

    async def _run(self, connection: Connection) -> None:
        try:
            while not self._complete:
                await connection.drain()
                data = await self._next()
                self.sent_body = True
                if self.length is None:
                    data = chunk(data) + (b"0\r\n\r\n" if self._complete else b"")
                connection.write(data)
            connection.sent = True
            while (await self._receive())["type"] != "http.disconnect":
                pass
            self.gone = True
        except ClientGone:
            self.gone = True
        except Problem as problem:
            self._problem = problem
        connection.abort()

    async def _next(self) -> bytes:
        try:
            async with asyncio.timeout(self._idle_seconds):
                message = await self._receive()
        except TimeoutError:
            raise Problem(408, "The body did not come in time.", headers={"Connection": "close"}) from None
        if message["type"] == "http.disconnect":
            raise ClientGone
        data: bytes = message.get("body", b"")
        self._received += len(data)
        if self._received > self._max_bytes:
            raise too_large(self._max_bytes)
        self._complete = not message.get("more_body", False) or self._received == self.length
        return data


def chunk(data: bytes) -> bytes:
    """`data` in the chunked coding; nothing for nothing, which would be the end."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""
