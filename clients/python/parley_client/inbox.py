"""What has arrived and waits for the iteration."""

import asyncio
from collections import deque
from collections.abc import Mapping

from .errors import SessionOver
from .model import Event, Message, Notice, Position

CHANGES = frozenset({"chat.edited", "chat.deleted"})


class Inbox:
    """A buffer between the socket and one reader.

    Arguments:
        limit: events; beyond it `place` waits.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._events: deque[Event] = deque()
        self._arrived = asyncio.Event()
        self._moved = asyncio.Event()
        self._over: SessionOver | None = None
        self._closed = False
        self.urgent = False  # an answer to a send may be among what is not read yet

    def put(self, event: Event) -> None:
        """Add an event."""
        self._events.append(event)
        self._arrived.set()

    @property
    def full(self) -> bool:
        """Whether nothing more should be read from the socket."""
        return len(self._events) >= self._limit and not self.urgent

    async def place(self) -> None:
        """Wait until there is room again, or something urgent."""
        while self.full:
            self._moved.clear()
            await self._moved.wait()

    def hurry(self, urgent: bool) -> None:
        """There is, or is no longer, somebody who waits for an answer."""
        self.urgent = urgent
        self._moved.set()

    def end(self, over: SessionOver | None) -> None:
        """Nothing more comes: `over` says why, None that the user has left."""
        self._over = over
        self._closed = True
        self._arrived.set()
        self._moved.set()

    async def get(self) -> Event | None:
        """The next event; None if the user has left.

        Raises:
            SessionOver: there will be none.
        """
        while not self._events:
            if self._over is not None:
                raise self._over
            if self._closed:
                return None
            self._arrived.clear()
            await self._arrived.wait()
        self._moved.set()
        return self._events.popleft()

    def before(self, positions: Mapping[str, Position]) -> dict[str, Position]:
        """The positions without what the reader has not taken yet."""
        result = dict(positions)
        for event in reversed(self._events):
            if isinstance(event, Message) and event.room in result:
                result[event.room] = Position(event.seq - 1, result[event.room].rev)
            elif isinstance(event, Notice) and event.type in CHANGES and event.data["room"] in result:
                known = result[event.data["room"]]
                result[event.data["room"]] = Position(known.seq, event.data["rev"] - 1)
        return result
