"""Looking at messages: who of their recipients is away, and what he is told. Once at once, for those who have no
connection; once when a receipt should have come, for those who have one."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from uuid import UUID

import msgspec

from chassis import metrics
from chassis.ids import uuid7
from chassis.postgres import Postgres
from chassis.times import utc_now
from contracts.internal import RoomRecord, Standing

from . import policy
from .model import Message, Notice
from .neighbours import Away, Neighbours
from .store import messages as store
from .store import notifications as store_notifications
from .store import rooms as store_rooms
from .store import users as store_users

logger = logging.getLogger(__name__)

MESSAGES = 100  # in a turn
RECIPIENTS = 2000  # in a turn, if that is not those of one message
RETRY_SECONDS = 1.0  # while chat does not answer
PATIENCE_SECONDS = 60.0  # for so long; then what is known here has to do
ROOM_SECONDS = 600.0  # a room's name is good for so long


class Looks:
    """Takes messages that are due and makes notifications of them.

    Arguments:
        database: ours.
        neighbours: who is asked.
        away_seconds: after a message, in which its receipt should come.
        claim_seconds: after which another worker looks at what this one has taken.
        on_pushes: called when there is something to send.
    """

    def __init__(
        self,
        database: Postgres,
        neighbours: Neighbours,
        *,
        away_seconds: float,
        claim_seconds: float,
        on_pushes: Callable[[], None],
    ) -> None:
        self._database = database
        self._neighbours = neighbours
        self._away_seconds = away_seconds
        self._claim_seconds = claim_seconds
        self._on_pushes = on_pushes

    async def turn(self) -> bool:
        """Look at some messages. Returns whether more may be due."""
        claim = uuid7()
        async with self._database.transaction() as connection:
            taken = await store.take_messages(connection, claim, MESSAGES, self._claim_seconds)
        if not taken:
            return False
        unknown = await self._learn_rooms({message.room_id for message in taken})
        async with self._database.connection() as connection:
            found = await store.select_candidates(connection, [message.id for message in taken])
        candidates = {message.id: found.get(message.id, {}) for message in taken}
        messages = _portion(taken, candidates)
        rest = [message.id for message in taken[len(messages) :]]
        pairs = [
            (message, user) for message in messages for user, one in candidates[message.id].items() if not one.muted
        ]
        try:
            standings = await self._neighbours.standings(list({(message.room_id, user) for message, user in pairs}))
        except Away:
            standings, unknown = {}, {message.room_id for message in messages}
        waiting = {message.id for message in messages if message.room_id in unknown and _can_wait(message)}
        messages = [message for message in messages if message.id not in waiting]
        pairs = [(message, user_id) for message, user_id in pairs if message.id not in waiting]
        if pairs and not standings and unknown:
            standings = _guessed(pairs)
        verdicts = [
            policy.is_due(message, standings.get((message.room_id, user)), candidates[message.id][user].unsettled_seq)
            for message, user in pairs
        ]
        due = [pair for pair, is_due in zip(pairs, verdicts, strict=True) if is_due]
        settled = {
            message.id: [user for user, one in candidates[message.id].items() if one.muted] for message in messages
        }
        for (message, user), is_due in zip(pairs, verdicts, strict=True):
            if is_due is not None:
                settled[message.id].append(user)
        await self._finish(claim, messages, await self._notices(due), settled)
        async with self._database.connection() as connection:
            await store.put_back(connection, list(waiting), claim, RETRY_SECONDS)
            await store.put_back(connection, rest, claim, 0)
        return bool(rest) or len(taken) == MESSAGES

    async def _learn_rooms(self, room_ids: set[UUID]) -> set[UUID]:
        """Ask chat about the rooms that are not known here, because they are older than the topic, or that may have
        another name by now. Returns those that remain unknown because chat does not answer."""
        async with self._database.connection() as connection:
            known = await store_rooms.select_rooms(connection, list(room_ids))
        fresh = utc_now() - timedelta(seconds=ROOM_SECONDS)
        asked = [room_id for room_id in room_ids if room_id not in known or known[room_id].asked_at < fresh]
        answers = await asyncio.gather(*(self._neighbours.room(room_id) for room_id in asked), return_exceptions=True)
        unknown = set()
        for room_id, answer in zip(asked, answers, strict=True):
            if isinstance(answer, RoomRecord):
                async with self._database.transaction() as connection:
                    await store_rooms.upsert_room(connection, answer)
            elif isinstance(answer, Away):
                unknown |= {room_id} - set(known)
            elif isinstance(answer, BaseException):
                raise answer
        return unknown

    async def _notices(self, pairs: Sequence[tuple[Message, UUID]]) -> list[Notice]:
        if not pairs:
            return []
        users = list({user_id for _, user_id in pairs})
        async with self._database.connection() as connection:
            rooms = await store_rooms.select_rooms(connection, list({message.room_id for message, _ in pairs}))
        names = await self._names({message.sender_id for message, _ in pairs})
        try:
            preferences = await self._neighbours.preferences(users)
        except Away:  # better no preview than one that is not wanted
            metrics.degraded.labels("previews_unknown").inc(len(pairs))
            preferences = {user_id: {"previews": False} for user_id in users}
        return [
            policy.notice_of(
                message,
                user_id,
                rooms.get(message.room_id),
                names.get(message.sender_id),
                previews=policy.shows_previews(preferences.get(user_id, {})),
            )
            for message, user_id in pairs
        ]

    async def _names(self, user_ids: set[UUID]) -> dict[UUID, str]:
        async with self._database.connection() as connection:
            names = await store_users.select_names(connection, list(user_ids))
        if unknown := list(user_ids - set(names)):
            try:
                found = await self._neighbours.names(unknown)
            except Away:
                return names
            async with self._database.connection() as connection:
                await store_users.insert_names(connection, found)
            names |= found
        return names

    async def _finish(
        self, claim: UUID, messages: Sequence[Message], notices: Sequence[Notice], settled: dict[UUID, list[UUID]]
    ) -> None:
        """Store what comes of the looks, for those messages that are still ours.

        Arguments:
            settled: by message, those about whom nothing is left to decide at a second look.
        """
        async with self._database.transaction() as connection:
            said = await store.lock_claimed(connection, [message.id for message in messages], claim)
            told = [_as_said(notice, said) for notice in notices if notice.subject_id in said]
            if told:
                await store_notifications.insert_notices(connection, told)
            first = {
                message.id: settled[message.id] for message in messages if message.id in said and message.looks == 0
            }
            await store.look_again(connection, first, self._away_seconds)
            await store.delete_messages(connection, [message_id for message_id in said if message_id not in first])
        if told:
            self._on_pushes()


def _portion(messages: Sequence[Message], candidates: Mapping[UUID, Mapping[UUID, object]]) -> list[Message]:
    """The first of the messages that have RECIPIENTS together, one at least."""
    portion: list[Message] = []
    total = 0
    for message in messages:
        total += len(candidates[message.id])
        if portion and total > RECIPIENTS:
            break
        portion.append(message)
    return portion


def _can_wait(message: Message) -> bool:
    return message.created_at > utc_now() - timedelta(seconds=PATIENCE_SECONDS)


def _guessed(pairs: Sequence[tuple[Message, UUID]]) -> dict[tuple[UUID, UUID], Standing]:
    """When chat does not say: those who, as far as is known here, have not read it, are away."""
    metrics.degraded.labels("standings_unknown").inc(len(pairs))
    return {
        (message.room_id, user_id): Standing(message.room_id, user_id, 0, 0, muted=False, online=False)
        for message, user_id in pairs
    }


def _as_said(notice: Notice, said: dict[UUID, str]) -> Notice:
    """With the words that the message has by now: it may have been edited meanwhile."""
    if notice.content is None:
        return notice
    return msgspec.structs.replace(notice, content=policy.shortened(said[notice.subject_id], policy.MAX_PREVIEW))
