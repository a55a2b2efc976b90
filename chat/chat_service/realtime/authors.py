"""Whom open sockets write as: sessions keep their user as JSON for the messages they send, and this keeps that true."""

import asyncio
import logging
from uuid import UUID

from chassis import postgres
from chassis.problems import Problem

from ..model import user_of
from ..people import People
from .hub import Hub
from .live import encode_user
from .session import Session

logger = logging.getLogger(__name__)


class Authors:
    """Hears that somebody is called otherwise or looks otherwise; see Bells.person.

    Arguments:
        people: forgets what it knew of him.
        hub: his sessions on this pod.
    """

    def __init__(self, people: People, hub: Hub) -> None:
        self._people = people
        self._hub = hub
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Nothing to begin."""

    async def stop(self) -> None:
        """End what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def changed(self, user_id: UUID) -> None:
        """What was known of him is no longer true."""
        self._people.forget(user_id)
        if self._hub.listeners_of(user_id):
            task = asyncio.get_running_loop().create_task(self._renew(user_id))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _renew(self, user_id: UUID) -> None:
        try:
            (person,) = await self._people.by_ids([user_id])
        except Problem:
            return  # gone: his sockets are closed for that
        except Exception as error:
            if not postgres.is_away(error):
                logger.exception("the names of a session could not be read")
            return  # as he was called until he connects again
        author = encode_user(user_of(person, online=True))
        for session in self._hub.listeners_of(user_id):
            if isinstance(session, Session):
                session.author = author
