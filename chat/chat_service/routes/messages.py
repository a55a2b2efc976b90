"""Messages over HTTP: reading pages, marking as read, sending."""

from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from quart import Blueprint, Response

from chassis.http import bearer, claims, gives, no_content, reads, reply, takes
from chassis.problems import Invalid

from ..changes import Changes
from ..messages import MessagePage, Messages, check_client_id, check_content
from ..model import Message, PersonRow, Seq
from ..people import People
from ..realtime.protocol import ClientId, Content
from ..rooms import Rooms
from .paging import DEFAULT_PAGE_SIZE, PageNumber, PageSize, envelope, numbered

UserRef = Annotated[str, msgspec.Meta(min_length=1, max_length=50)]


class MessagesQuery(msgspec.Struct):
    """A numbered page, newest first; or by cursor: `after` ascending, `before` descending."""

    page: PageNumber | None = None
    page_size: PageSize = DEFAULT_PAGE_SIZE
    after: Seq | None = None
    before: Seq | None = None
    limit: PageSize = DEFAULT_PAGE_SIZE


class ConversationQuery(msgspec.Struct):
    """The direct conversation with one user, newest first."""

    with_: UserRef | None = msgspec.field(name="with", default=None)
    before: Seq | None = None
    limit: PageSize = DEFAULT_PAGE_SIZE


class NewMessage(msgspec.Struct):
    """To a `receiver` by username, or to a `room`; the text is `message` (or `content`). `reply_to` is a seq there."""

    receiver: UserRef | None = None
    room: UUID | None = None
    message: Content | None = None
    content: Content | None = None
    client_id: ClientId | None = None
    reply_to: Seq | None = None


class NewWords(msgspec.Struct):
    """What a message is to say: `content` (or `message`)."""

    content: Content | None = None
    message: Content | None = None


class Mark(msgspec.Struct):
    """A read marker."""

    room: UUID
    read_seq: int


class Ignored(msgspec.Struct):
    """A body that old clients send and nothing needs."""


class MessageList(msgspec.Struct):
    """A page of messages."""

    count: int
    next: str | None
    previous: str | None
    results: list[Message]


def blueprint(messages: Messages, changes: Changes, rooms: Rooms, people: People) -> Blueprint:
    """The routes of messages."""
    routes = Blueprint("messages", __name__)

    @routes.get("/api/chat/<uuid:room>/messages/")
    @bearer
    @reads(MessagesQuery)
    @gives(MessageList)
    async def list_messages(room: UUID, query: MessagesQuery) -> Response:
        """Messages of a room."""
        if sum(value is not None for value in (query.page, query.after, query.before)) > 1:
            raise Invalid(("page", "use only one of page, after and before"))
        path, me = f"/api/chat/{room}/messages/", claims().user_id
        if query.after is not None:
            return reply(_after(path, query.limit, await messages.after(me, room, query.after, query.limit)))
        if query.before is not None:
            found = await messages.before(me, room, query.before, query.limit)
            return reply(_before(path, {}, query.limit, found))
        number = query.page or 1
        found = await messages.page(me, room, number, query.page_size)
        return reply(numbered(path, {}, number, query.page_size, found.count, found.messages))

    @routes.post("/api/chat/<uuid:room>/messages/")
    @bearer
    @takes(Ignored, optional=True)
    @gives(Mark)
    async def mark_read(room: UUID, data: Ignored) -> Response:
        """Everything in the room is read."""
        return reply(Mark(room, await messages.mark_read(claims().user_id, room)))

    @routes.post("/api/chat/messages/")
    @bearer
    @takes(NewMessage)
    @gives(Message, 200)
    @gives(Message, 201)
    async def send_message(data: NewMessage) -> Response:
        """Send a message; 200 with `duplicate: true` for a known client_id."""
        content = data.message if data.message is not None else data.content
        if content is None:
            raise Invalid(("message", "is required"))
        _check_texts(data.message, data.content)
        check_client_id(data.client_id)  # all of it before a room is opened for it
        me = await people.me(claims())
        room = await _room_of(me, data, rooms)
        message = await messages.send(me, room, content, data.client_id, data.reply_to)
        return reply(message, 200 if message.duplicate is True else 201)

    @routes.patch("/api/chat/<uuid:room>/messages/<int:seq>/")
    @bearer
    @takes(NewWords)
    @gives(Message)
    async def edit_message(room: UUID, seq: int, data: NewWords) -> Response:
        """Give a message of mine other words."""
        content = data.content if data.content is not None else data.message
        if content is None:
            raise Invalid(("content", "is required"))
        _check_texts(data.message, data.content)
        return reply(await changes.edited(claims().user_id, room, seq, content))

    @routes.delete("/api/chat/<uuid:room>/messages/<int:seq>/")
    @bearer
    async def delete_message(room: UUID, seq: int) -> Response:
        """Delete a message of mine, or of a group that I own."""
        await changes.deleted(claims().user_id, room, seq)
        return no_content()

    @routes.get("/api/chat/messages/")
    @bearer
    @reads(ConversationQuery)
    @gives(MessageList)
    async def conversation(query: ConversationQuery) -> Response:
        """The direct conversation with one user."""
        if query.with_ is None:
            raise Invalid(("with", "is required"))
        room = await rooms.direct_with(await people.me(claims()), query.with_)
        if room is None:
            return reply(envelope(0, [], None, None))
        found = await messages.before(claims().user_id, room, query.before, query.limit)
        return reply(_before("/api/chat/messages/", {"with": query.with_}, query.limit, found))

    return routes


async def _room_of(me: PersonRow, data: NewMessage, rooms: Rooms) -> UUID:
    if (data.receiver is None) == (data.room is None):
        raise Invalid(("receiver", "give either a receiver or a room"))
    if data.room is not None:
        return data.room
    if data.reply_to is not None:  # there is nothing to reply to in a room that is not there
        there = await rooms.direct_with(me, data.receiver or "")
        if there is None:
            raise Invalid(("reply_to", "there is no such message in this room"), code="reply_not_found")
        return there
    room, _ = await rooms.open_direct(me, data.receiver or "")
    return room.id


def _before(path: str, kept: dict[str, Any], limit: int, page: MessagePage) -> dict[str, Any]:
    """Descending: what follows is older."""
    following = None
    if page.messages and page.messages[-1].seq > 1:
        following = f"{path}?{urlencode({**kept, 'before': page.messages[-1].seq, 'limit': limit})}"
    return envelope(page.count, page.messages, following, None)


def _after(path: str, limit: int, page: MessagePage) -> dict[str, Any]:
    """Ascending: what follows is newer."""
    following = None
    if page.messages and page.messages[-1].seq < page.count:
        following = f"{path}?{urlencode({'after': page.messages[-1].seq, 'limit': limit})}"
    return envelope(page.count, page.messages, following, None)


def _check_texts(message: str | None, content: str | None) -> None:
    """Refuse what cannot be said, under whichever of the two names it came."""
    for field, text in (("message", message), ("content", content)):
        if text is not None:
            check_content(text, field)
