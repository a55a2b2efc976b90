"""My rooms, and making new ones."""

from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from quart import Blueprint, Response

from chassis.http import bearer, claims, gives, no_content, reads, reply, takes
from chassis.problems import Invalid

from ..model import Room
from ..people import People
from ..rooms import Muted, Muting, Rooms
from .paging import DEFAULT_PAGE_SIZE, PageNumber, PageSize, numbered

Name = Annotated[str, msgspec.Meta(max_length=100)]
UserRef = Annotated[str, msgspec.Meta(min_length=1, max_length=50)]


class RoomsQuery(msgspec.Struct):
    """Which of my rooms."""

    page: PageNumber = 1
    page_size: PageSize = DEFAULT_PAGE_SIZE
    filter: Literal["online"] | None = None


class NewRoom(msgspec.Struct):
    """A direct room with `user`, or a group called `name` of `members`; both by username or id."""

    type: Literal["direct", "group"]
    user: UserRef | None = None
    name: Name | None = None
    members: Annotated[list[UserRef], msgspec.Meta(max_length=1000)] = []


class NewName(msgspec.Struct):
    """What the group is called from now on."""

    name: Name


class Invitation(msgspec.Struct):
    """Whom to add, by username or id."""

    user: UserRef


class RoomList(msgspec.Struct):
    """A page of rooms."""

    count: int
    next: str | None
    previous: str | None
    results: list[Room]


def blueprint(rooms: Rooms, people: People) -> Blueprint:
    """The routes of rooms."""
    routes = Blueprint("rooms", __name__)

    @routes.get("/api/chat/users/")
    @bearer
    @reads(RoomsQuery)
    @gives(RoomList)
    async def list_rooms(query: RoomsQuery) -> Response:
        """My rooms, latest activity first."""
        page = await rooms.mine(claims().user_id, query.page, query.page_size, online_only=query.filter == "online")
        kept: dict[str, Any] = {"filter": query.filter} if query.filter else {}
        return reply(numbered("/api/chat/users/", kept, query.page, query.page_size, page.count, page.rooms))

    @routes.get("/api/chat/users/<uuid:room>/")
    @bearer
    @gives(Room)
    async def get_room(room: UUID) -> Response:
        """One room."""
        return reply(await rooms.one(claims().user_id, room))

    @routes.post("/api/chat/rooms/")
    @bearer
    @takes(NewRoom)
    @gives(Room, 200)
    @gives(Room, 201)
    async def make_room(data: NewRoom) -> Response:
        """The direct room with somebody (200 if it exists), or a new group."""
        me = await people.me(claims())
        if data.type == "direct":
            if data.user is None:
                raise Invalid(("user", "is required"))
            room, made = await rooms.open_direct(me, data.user)
            return reply(room, 201 if made else 200)
        if data.name is None:
            raise Invalid(("name", "is required"))
        return reply(await rooms.make_group(me, data.name, data.members), 201)

    @routes.patch("/api/chat/rooms/<uuid:room>/")
    @bearer
    @takes(NewName)
    @gives(Room)
    async def rename_room(room: UUID, data: NewName) -> Response:
        """Rename a group, as its owner."""
        return reply(await rooms.rename(claims().user_id, room, data.name))

    @routes.put("/api/chat/rooms/<uuid:room>/mute/")
    @bearer
    @takes(Muting)
    @gives(Muted)
    async def mute_room(room: UUID, data: Muting) -> Response:
        """Be notified of nothing that is said there (`muted: true`), until some time (`until`), or of it again."""
        return reply(await rooms.mute(claims().user_id, room, data))

    @routes.post("/api/chat/rooms/<uuid:room>/members/")
    @bearer
    @takes(Invitation)
    @gives(Room, 201)
    async def invite(room: UUID, data: Invitation) -> Response:
        """Add somebody to a group; whoever is in it may."""
        return reply(await rooms.invite(claims().user_id, room, data.user), 201)

    @routes.delete("/api/chat/rooms/<uuid:room>/members/<uuid:user>/")
    @bearer
    async def remove_member(room: UUID, user: UUID) -> Response:
        """Leave a group, or remove somebody as its owner."""
        await rooms.remove(claims().user_id, room, user)
        return no_content()

    return routes
