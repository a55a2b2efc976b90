"""What this pod rang while Redis may not have listened, rung again when it is back.

A connection that has died is found out seconds later, and whatever was rung meanwhile is lost; what is committed while
Redis is away is not rung at all. Other pods, whose own connections were well all the time, have no reason to ask:
without another bell in the room they would find out a minute later, by comparing.
"""

import asyncio
from uuid import UUID

from chassis.background import Worker, paused
from contracts import keys

from .bells import Bells
from .broker import Broker
from .feed import Feed
from .heads import Heads

_PREFIX = keys.ROOM_PREFIX.encode()
KEEP_SECONDS = 10.0  # at least, at most twice that: more than it takes to notice that Redis does not hear
RETRY_SECONDS = 0.5


class Again(Worker):
    """Remembers and rings again.

    Arguments:
        broker: tells when Redis is back.
        feed: remembers the rooms that it rang for.
        bells: remember whom they told of a membership.
        heads: rings where rooms are.
    """

    def __init__(self, broker: Broker, feed: Feed, bells: Bells, heads: Heads) -> None:
        self._broker = broker
        self._feed = feed
        self._bells = bells
        self._heads = heads
        self._channels: set[bytes] = set()  # of rooms, of the time before; feed and bells have those of now
        self._memberships: dict[tuple[UUID, UUID], bool] = {}
        self._asked = asyncio.Event()

    def ask(self) -> None:
        """Redis is back: ring again."""
        self._asked.set()

    async def _run(self) -> None:
        while True:
            if await paused(self._asked, KEEP_SECONDS):
                self._asked.clear()
                await self._ring()
            elif self._broker.up:
                self._channels, self._feed.rung = self._feed.rung, set()
                self._memberships, self._bells.told = self._bells.told, {}

    async def _ring(self) -> None:
        """Ring all that is remembered; what is rung from now on belongs to the time that begins."""
        channels, self._channels, self._feed.rung = self._channels | self._feed.rung, set(), set()
        memberships, self._memberships, self._bells.told = self._memberships | self._bells.told, {}, {}
        self._bells.tell_again(memberships)
        rooms = [UUID(channel[len(_PREFIX) :].decode()) for channel in channels]
        while not await self._heads.ring(rooms):
            if not self._broker.up:  # and then it will be asked again
                self._channels |= channels
                self._memberships |= memberships
                return
            await asyncio.sleep(RETRY_SECONDS)
