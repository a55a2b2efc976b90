"""Tells people in direct rooms that the other one has come or gone.

A change of one user costs one query for his direct rooms, one question to Redis which of those partners are online, and
for each hundred of these a query for the rooms as they see them, and a bell each. Fifty changes share these. What is
not told because a pod dies is claimed by another, see `leases`; what was told while bells got lost is told once more.
"""

import asyncio
import logging
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from uuid import UUID

from prometheus_client import Counter

from chassis.background import Worker
from chassis.postgres import Postgres

from ..model import Room
from ..store import users as store
from . import events, protocol
from .bells import Bells, PresenceBell
from .direct_rooms import DirectRooms, is_away
from .greetings import Greetings
from .hub import Hub
from .leases import MICROSECONDS, RETRY_SECONDS, Leases, News
from .sightings import Sightings
from .wire import text_frame

logger = logging.getLogger(__name__)

USERS = 50  # told of at once
ROOMS = 100  # read, encoded and rung for at once
MADE_UP = 5000  # changes of others that are told once more after bells were lost
UNNOTICED_SECONDS = 5.0  # bells may not have gone out or come in for so long before that was noticed
AWAY_SECONDS = 0.5  # between two tries while an engine is away

changes = Counter("parley_presence_changes_total", "Users whose coming or going this pod told", ["state"])
_online, _offline = changes.labels("online"), changes.labels("offline")


class Partners(Worker):
    """Tells, a slice of the news after the other.

    Arguments:
        database: chat's.
        hub: who is here.
        bells: to other pods.
        leases: whose partners are to be told.
        rooms: who they are.
        greetings: of those who have just come.
        sightings: what was last heard of people.
    """

    def __init__(
        self,
        database: Postgres,
        hub: Hub,
        bells: Bells,
        leases: Leases,
        rooms: DirectRooms,
        greetings: Greetings,
        sightings: Sightings,
    ) -> None:
        self._database = database
        self._hub = hub
        self._bells = bells
        self._leases = leases
        self._rooms = rooms
        self._greetings = greetings
        self._sightings = sightings
        self._news: dict[UUID, tuple[News, float]] = {}  # by user, with when it was claimed (monotonic)
        self._rung: dict[UUID, tuple[News, float]] = {}  # what this pod has told lately, with when
        self._gone_at: int | None = None  # since when bells have been lost, by Redis's clock (microseconds)
        self._missed = False
        self._wake = asyncio.Event()

    def backlog(self) -> int:
        """How many users' news wait here."""
        return len(self._news)

    def tell(self, news: Iterable[News]) -> None:
        """These users have come or gone: their partners should know."""
        now = time.monotonic()
        for item in news:
            self._news[item.user_id] = item, now
            self._wake.set()

    def bells_are_gone(self) -> None:
        """From now on, or a little before, bells are lost: others' do not come here, those rung here do not go out."""
        if self._gone_at is None:
            self._gone_at = self._leases.now
            now = time.monotonic()
            lost = {user: item for user, (item, at) in self._rung.items() if at > now - UNNOTICED_SECONDS}
            self._news = {user: (item, now) for user, item in lost.items()} | self._news  # told once more

    def bells_are_back(self) -> None:
        """What was missed is to be made up for."""
        if self._gone_at is not None:
            self._missed = True
            self._wake.set()

    def hear(self, recipient: UUID, bell: PresenceBell) -> None:
        """This pod, or a bell of another one, says that a partner of `recipient` has come or gone."""
        if self._sightings.change(recipient, bell.user, bell.version, online=bell.online):
            frame = text_frame(bell.event)
            for session in self._hub.listeners_of(recipient):
                if self._greetings.is_news(session.connection_id, bell.user, bell.version):
                    session.write(frame)

    # --- telling ------------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._news or self._missed:
                if not self._bells.ringing():  # nobody would hear: wait, or let a pod tell that can ring
                    await asyncio.sleep(AWAY_SECONDS)
                    continue
                try:
                    await self._make_up()
                    await self._tell_some()
                except Exception as error:
                    if not is_away(error):
                        logger.exception("partners could not be told")
                    await asyncio.sleep(AWAY_SECONDS)

    async def _tell_some(self) -> None:
        part = {user_id: self._news.pop(user_id) for user_id in list(self._news)[:USERS]}
        ours = time.monotonic() - RETRY_SECONDS  # what was claimed before, another pod has claimed again
        news = {user_id: item for user_id, (item, claimed_at) in part.items() if claimed_at > ours}
        if not news:
            return
        try:
            await self._tell(news)
        except Exception as error:
            if is_away(error):
                self._news = part | self._news
            raise
        own = [item for item in news.values() if item.until]
        self._remember(own)
        await self._leases.told(own)

    async def _tell(self, news: dict[UUID, News]) -> None:
        await self._note_absence([item for item in news.values() if item.until and not item.online])
        targets = await self._rooms.concerned(news, self._hub.users.keys())
        for online in (True, False):
            part = [target for target in targets if news[target.user_id].online is online]
            for start in range(0, len(part), ROOMS):
                for recipient, room in await self._rooms.seen(part[start : start + ROOMS], online=online):
                    self._ring(recipient, room, news)

    def _ring(self, recipient: UUID, room: Room, news: dict[UUID, News]) -> None:
        if room.friend is None:
            return
        item = news[room.friend.id]
        event = events.FriendOnline(room) if item.online else events.FriendOffline(room)
        bell = PresenceBell(item.user_id, item.version, item.online, protocol.encode_json(event))
        self.hear(recipient, bell)
        if item.until:
            self._bells.presence(recipient, bell)

    async def _note_absence(self, news: Sequence[News]) -> None:
        """Write down when these were last there."""
        if not news:
            return
        grace = round(self._leases.grace_seconds * MICROSECONDS)
        moments = [item.version - grace if item.left_at is None else item.left_at for item in news]
        async with self._database.connection() as connection:
            await store.update_last_seen(
                connection,
                [item.user_id for item in news],
                [datetime.fromtimestamp(moment / MICROSECONDS, UTC) for moment in moments],
            )

    # --- telling once more --------------------------------------------------------------------------------------------

    def _remember(self, told: Sequence[News]) -> None:
        now = time.monotonic()
        for item in told:
            (_online if item.online else _offline).inc()
            self._rung.pop(item.user_id, None)
            self._rung[item.user_id] = item, now
        while self._rung and next(iter(self._rung.values()))[1] < now - UNNOTICED_SECONDS:
            del self._rung[next(iter(self._rung))]

    async def _make_up(self) -> None:
        """After bells were lost, tell this pod's sockets what others have told meanwhile."""
        if not self._missed or self._gone_at is None:
            return
        since = self._gone_at - round(UNNOTICED_SECONDS * MICROSECONDS)
        now = time.monotonic()
        others = {item.user_id: (item, now) for item in await self._leases.recent(since, MADE_UP)}
        self._news = others | self._news
        self._gone_at, self._missed = None, False
