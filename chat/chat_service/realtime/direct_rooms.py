"""Whom presence concerns: the partners of users in direct rooms, which are online, and how they see the room."""

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

import msgspec

from chassis import postgres
from chassis.postgres import Postgres
from chassis.redis import RedisAway

from ..model import Room, room_of
from ..store import rooms as store
from .leases import Leases, News

ASKED = 500  # users in one question to Redis


class Target(msgspec.Struct, frozen=True):
    """Who is told, in which room, of whom."""

    recipient: UUID
    room_id: UUID
    user_id: UUID


class DirectRooms:
    """Asks Postgres and Redis. All methods raise what these raise when they are away, see `is_away`.

    Arguments:
        database: chat's.
        leases: who is online.
    """

    def __init__(self, database: Postgres, leases: Leases) -> None:
        self._database = database
        self._leases = leases

    async def partners_of(self, user_ids: Sequence[UUID]) -> tuple[int, list[Target]]:
        """(when this was so, of whom these users are told when they come: of partners who are online)."""
        async with self._database.connection() as connection:
            rooms = await store.select_direct_partners(connection, user_ids)
        version, online = await self._shown({partner for _, _, partner in rooms})
        targets = [Target(user, room, partner) for user, room, partner in rooms if partner in online]
        return version, targets

    async def concerned(self, news: Mapping[UUID, News], here: Collection[UUID]) -> list[Target]:
        """Who is told of these users: partners who are online, or who are `here` if the others are told elsewhere."""
        async with self._database.connection() as connection:
            rooms = await store.select_direct_partners(connection, list(news))
        if self._leases.settled():
            _, online = await self._shown({partner for user, _, partner in rooms if news[user].until})
        else:  # Redis does not know of everybody: it is told to all, to be sure
            online = {partner for _, _, partner in rooms}
        return [
            Target(partner, room, user)
            for user, room, partner in rooms
            if partner in here or (news[user].until and partner in online)
        ]

    async def seen(self, targets: Sequence[Target], *, online: bool) -> list[tuple[UUID, Room]]:
        """(recipient, the room as he sees it, his partner being online or not) of each."""
        members, rooms = [target.recipient for target in targets], [target.room_id for target in targets]
        async with self._database.connection() as connection:
            rows = await store.select_rooms_seen(connection, members, rooms)
        return [(member_id, room_of(row, friend_online=online)) for member_id, row in rows]

    async def _shown(self, user_ids: set[UUID]) -> tuple[int, set[UUID]]:
        asked = list(user_ids)
        version, shown = await self._leases.shown(asked[:ASKED])
        for start in range(ASKED, len(asked), ASKED):
            _, more = await self._leases.shown(asked[start : start + ASKED])
            shown |= more
        return version, shown


def is_away(error: Exception) -> bool:
    """Whether an engine is away, so that it makes sense to try again."""
    return isinstance(error, RedisAway) or postgres.is_away(error)
