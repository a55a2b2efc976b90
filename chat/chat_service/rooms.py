"""Use cases around rooms: my rooms, opening one with somebody, making a group."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import UNSET

from chassis.ids import uuid7
from chassis.postgres import Postgres
from chassis.problems import Conflict, Forbidden, Invalid, NotFound
from chassis.times import rfc3339, utc_now

from . import policy
from .model import PersonRow, Room
from .people import People
from .realtime.bells import Bells
from .store import members as member_store
from .store import rooms as store
from .views import Online, view_rooms


class RoomPage(msgspec.Struct, frozen=True):
    """Rooms and how many there are."""

    count: int
    rooms: list[Room]


FOREVER = datetime.max.replace(tzinfo=UTC)  # 'infinity' to PostgreSQL


class Muting(msgspec.Struct, frozen=True):
    """Whether a room is muted for me; with `until` it is until then."""

    muted: bool | msgspec.UnsetType = UNSET
    until: Annotated[datetime, msgspec.Meta(tz=True)] | msgspec.UnsetType | None = UNSET


class Muted(msgspec.Struct, frozen=True):
    """How it is now; `until` is null for good, and when it is not muted."""

    room: UUID
    muted: bool
    until: str | None


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

    async def seen_by(self, room_id: UUID, member_ids: Sequence[UUID]) -> dict[UUID, Room]:
        """The room as each of these members sees it; who is none is left out."""
        async with self._database.connection() as connection:
            rows = await store.select_room_for(connection, room_id, member_ids)
        views = await view_rooms(self._presence, [row for _, row in rows])
        return {user_id: view for (user_id, _), view in zip(rows, views, strict=True)}

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
        async with self._database.connection() as connection:
            room_id = await store.select_direct_room(connection, key)
            made = False
            if room_id is None:
                ids = [me.id, friend.id]
                room_id, made = await member_store.make_room(connection, uuid7(), "direct", None, key, ids)
        if made:
            self._bells.membership([me.id, friend.id], room_id, added=True)
        return await self.one(me.id, room_id), made

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
        _check_name(name)
        if len(members) >= policy.MAX_GROUP_MEMBERS:
            raise Invalid(("members", f"a group has at most {policy.MAX_GROUP_MEMBERS} members"))
        others = await self._people.by_names_or_ids(members)
        ids = list(dict.fromkeys([me.id, *(person.id for person in others)]))
        async with self._database.connection() as connection:
            room_id, _ = await member_store.make_room(connection, uuid7(), "group", name, None, ids)
        self._bells.membership(ids, room_id, added=True)
        return await self.one(me.id, room_id)

    async def rename(self, me: UUID, room_id: UUID, name: str) -> Room:
        """Give a group another name; everybody in it gets `room.updated`.

        Raises:
            Invalid: the name.
            NotFound: he is no member.
            Forbidden: he is not an owner, or it is a direct room.
        """
        _check_name(name)
        async with self._database.connection() as connection:
            change = await member_store.rename_room(connection, room_id, me, name)
        _raise_for(change)
        self._bells.changed(room_id, change.seq, change.rev)
        self._bells.renamed(room_id)
        return await self.one(me, room_id)

    async def mute(self, me: UUID, room_id: UUID, wish: Muting) -> Muted:
        """Be notified of nothing that is said in a room, until then or for good; or of everything again. All my
        connections get `room.updated`.

        Raises:
            Invalid: neither or both were said, or that time is over.
            NotFound: he is no member.
        """
        if wish.muted is UNSET and wish.until is UNSET:
            raise Invalid(("muted", "say whether, or until when"))
        until = wish.until if wish.until is not UNSET else None
        if wish.muted is False and until is not None:
            raise Invalid(("until", "a room that is not muted is so for good"))
        if until is not None and until <= utc_now():
            raise Invalid(("until", "must be in the future"))
        muted = wish.muted is True or until is not None
        async with self._database.connection() as connection:
            stored = FOREVER if muted and until is None else until
            outcome = await member_store.mute_room(connection, room_id, me, stored)
        if outcome == "no_room":
            raise NotFound("There is no such room.", code="room_not_found")
        self._bells.seen_anew(me, room_id)
        return Muted(room_id, muted, rfc3339(until))

    async def invite(self, me: UUID, room_id: UUID, other: str) -> Room:
        """Add somebody to a group, by username or id; he sees the history, and nothing of it is unread.

        Raises:
            NotFound: I am no member, or he does not exist.
            Forbidden: it is a direct room.
            Conflict: the group is full.
        """
        await self.one(me, room_id)
        person = await self._people.by_name_or_id(other)
        async with self._database.connection() as connection:
            change = await member_store.add_member(connection, room_id, me, person.id, policy.MAX_GROUP_MEMBERS)
        _raise_for(change)
        if change.outcome == "added":
            self._bells.changed(room_id, change.seq, change.rev)
            self._bells.membership([person.id], room_id, added=True)
        return await self.one(me, room_id)

    async def remove(self, me: UUID, room_id: UUID, user_id: UUID) -> None:
        """Remove somebody from a group, or leave it; the oldest member inherits it from its last owner.

        Raises:
            NotFound: I am no member, or he is none.
            Forbidden: only an owner removes others; a direct room cannot be left.
        """
        async with self._database.connection() as connection:
            change = await member_store.remove_member(connection, room_id, me, user_id)
        _raise_for(change)
        self._bells.changed(room_id, change.seq, change.rev)
        self._bells.membership([user_id], room_id, added=False)


def _check_name(name: str) -> None:
    if not name or name.isspace() or len(name) > policy.MAX_ROOM_NAME_CHARACTERS:
        raise Invalid(("name", f"must have 1 to {policy.MAX_ROOM_NAME_CHARACTERS} characters"))


def _raise_for(change: member_store.Change) -> None:
    problems = {
        "no_room": NotFound("There is no such room.", code="room_not_found"),
        "no_member": NotFound("He is not in this room.", code="member_not_found"),
        "forbidden": Forbidden("Only an owner may do this.", code="not_the_owner"),
        "direct": Forbidden("A direct room has its two members for good.", code="direct_room"),
        "full": Conflict("The group has as many members as it can have.", code="room_full"),
    }
    if change.outcome in problems:
        raise problems[change.outcome]
