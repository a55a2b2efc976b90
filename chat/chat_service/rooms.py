"""Use cases around rooms: my rooms, opening one with somebody, making a group."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from chassis.ids import uuid7
from chassis.postgres import Postgres
from chassis.problems import Invalid, NotFound
from chassis.times import rfc3339, utc_now
from contracts import events

from . import policy
from .model import PersonRow, Room
from .people import People
from .realtime.bells import Bells
from .store import rooms as store
from .views import Online, view_rooms


class RoomPage(msgspec.Struct, frozen=True):
    """Rooms and how many there are."""

    count: int
    rooms: list[Room]


class Rooms:
    """What can be done with rooms over HTTP."""

    def __init__(self, database: Postgres, people: People, bells: Bells, presence: Online) -> None:
        self._database = database
        self._people = people
        self._bells = bells
        self._presence = presence

    async def mine(self, member_id: UUID, page: int, page_size: int, *, online_only: bool) -> RoomPage:
        """A page of the member's rooms, latest activity first; with `online_only` those whose friend is online.

        Raises:
            NotFound: there is no such page.
        """
        async with self._database.connection() as connection:
            if online_only:
                rows = await store.select_rooms(connection, member_id, limit=policy.MAX_ROOMS_FILTERED, offset=0)
                rooms = [
                    room for room in await view_rooms(self._presence, rows) if room.friend and room.friend.is_online
                ]
                count = len(rooms)
                rooms = rooms[(page - 1) * page_size : page * page_size]
            else:
                count = await store.count_rooms(connection, member_id)
                rows = await store.select_rooms(connection, member_id, limit=page_size, offset=(page - 1) * page_size)
                rooms = await view_rooms(self._presence, rows)
        if page > 1 and not rooms:
            raise NotFound("There is no such page.", code="page_not_found")
        return RoomPage(count, rooms)

    async def one(self, member_id: UUID, room_id: UUID) -> Room:
        """The room as its member sees it.

        Raises:
            NotFound: unknown, or he is no member.
        """
        async with self._database.connection() as connection:
            row = await store.select_room(connection, member_id, room_id)
        if row is None:
            raise NotFound("There is no such room.", code="room_not_found")
        return (await view_rooms(self._presence, [row]))[0]

    async def open_direct(self, me: PersonRow, other: str) -> tuple[Room, bool]:
        """The one room with somebody, by his username or id: (room, whether it is new).

        Raises:
            Invalid: with oneself.
            NotFound: there is no such user.
            Unavailable: he is not known here and auth is away.
        """
        friend = await self._people.by_name_or_id(other)
        if friend.id == me.id:
            raise Invalid(("user", "must be somebody else"), code="self_room")
        return await self._open_direct(me, friend)

    async def _open_direct(self, me: PersonRow, friend: PersonRow) -> tuple[Room, bool]:
        key = policy.direct_key(me.id, friend.id)
        async with self._database.transaction() as connection:
            room_id = await store.select_direct_room(connection, key)
            made = None
            if room_id is None:
                made = await store.insert_direct_room(connection, uuid7(), key, [me.id, friend.id])
                if made is not None:
                    await _record_members(connection, made, [me.id, friend.id])
                room_id = made or await store.select_direct_room(connection, key)
        if room_id is None:
            raise NotFound("There is no such room.", code="room_not_found")
        if made is not None:
            self._bells.membership([me.id, friend.id], made, added=True)
        return await self.one(me.id, room_id), made is not None

    async def direct_with(self, me: PersonRow, other: str) -> UUID | None:
        """The id of the direct room with somebody, None when there is none yet; raises as `open_direct`."""
        friend = await self._people.by_name_or_id(other)
        async with self._database.connection() as connection:
            return await store.select_direct_room(connection, policy.direct_key(me.id, friend.id))

    async def make_group(self, me: PersonRow, name: str, members: Sequence[str]) -> Room:
        """A group of me, its owner, and others by username or id.

        Raises:
            Invalid: the name or the number of members.
            NotFound: one of them does not exist.
        """
        if not name or name.isspace() or len(name) > policy.MAX_ROOM_NAME_CHARACTERS:
            raise Invalid(("name", f"must have 1 to {policy.MAX_ROOM_NAME_CHARACTERS} characters"))
        if len(members) >= policy.MAX_GROUP_MEMBERS:
            raise Invalid(("members", f"a group has at most {policy.MAX_GROUP_MEMBERS} members"))
        others = await self._people.by_names_or_ids(members)
        ids = list(dict.fromkeys([me.id, *(person.id for person in others)]))
        room_id = uuid7()
        async with self._database.transaction() as connection:
            await store.insert_group(connection, room_id, name, me.id, ids)
            await _record_members(connection, room_id, ids)
        self._bells.membership(ids, room_id, added=True)
        return await self.one(me.id, room_id)


async def _record_members(connection: Any, room_id: UUID, user_ids: Sequence[UUID]) -> None:
    now = rfc3339(utc_now()) or ""
    facts = [
        events.Event(uuid7(), events.MEMBER_ADDED, 1, now, {"room": str(room_id), "user": str(user_id)})
        for user_id in user_ids
    ]
    await store.insert_member_events(
        connection, [(room_id, events.MEMBER_ADDED, msgspec.to_builtins(fact)) for fact in facts]
    )
