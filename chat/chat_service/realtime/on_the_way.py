"""Which sessions are on their way into which rooms, and the task that brings each there: one at a time."""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from .session import Session


class OnTheWay:
    """Remembers the task of each (session, room)."""

    def __init__(self) -> None:
        self._tasks: dict[tuple[Session, UUID], asyncio.Task[Any] | None] = {}
        self._untold: set[tuple[Session, UUID]] = set()  # of these, who does not know of the room yet

    def __contains__(self, place: tuple[Session, UUID]) -> bool:
        return place in self._tasks

    def task(self, session: Session, room_id: UUID) -> asyncio.Task[Any] | None:
        """The task that brings the session there."""
        return self._tasks.get((session, room_id))

    def begin(self, session: Session, room_id: UUID, task: asyncio.Task[Any] | None) -> None:
        """The task brings the session into the room."""
        self._tasks[session, room_id] = task

    def end(self, session: Session, room_id: UUID, task: asyncio.Task[Any] | None) -> None:
        """It does so no more; nothing happens when another one does."""
        if self._tasks.get((session, room_id)) is task:
            self._tasks.pop((session, room_id), None)

    def take(self, session: Session, room_id: UUID) -> asyncio.Task[Any] | None:
        """Nobody brings the session there any more; who did so until now."""
        return self._tasks.pop((session, room_id), None)

    @contextlib.contextmanager
    def here(self, session: Session, room_id: UUID) -> Iterator[None]:
        """In the block the current task brings the session there."""
        task = asyncio.current_task()
        self.begin(session, room_id, task)
        try:
            yield
        finally:
            self.end(session, room_id, task)

    @contextlib.contextmanager
    def untold(self, session: Session, room_id: UUID) -> Iterator[None]:
        """In the block the session does not know of the room yet."""
        self._untold.add((session, room_id))
        try:
            yield
        finally:
            self._untold.discard((session, room_id))

    def coming(self, room_id: UUID) -> list[Session]:
        """Those who know of the room and are on their way into it."""
        return [session for session, room in self._tasks.keys() - self._untold if room == room_id]
