"""Use cases around messages: pages as a member sees them, sending over HTTP, marking as read."""

from collections.abc import Callable
from uuid import UUID

import msgspec

from chassis import tracing
from chassis.ids import uuid7
from chassis.postgres import Postgres
from chassis.problems import Conflict, Invalid, NotFound, Problem, Unavailable

from . import policy
from .model import Message, PersonRow, RoomRow, user_of
from .realtime.bells import Bells
from .realtime.ledger import Entry, Ledger, Outcome
from .realtime.live import encode_user
from .store import marks as mark_store
from .store import messages as message_store
from .store import rooms as room_store
from .views import Online, view_messages


class MessagePage(msgspec.Struct, frozen=True):
    """Messages and how many the room ever had."""

    count: int
    messages: list[Message]


class Messages:
    """What can be done with messages over HTTP."""

    def __init__(self, database: Postgres, ledger: Ledger, bells: Bells, presence: Online) -> None:
        self._database = database
        self._ledger = ledger
        self._bells = bells
        self._presence = presence

    async def before(self, member_id: UUID, room_id: UUID, seq: int | None, limit: int) -> MessagePage:
        """Messages below `seq` (the newest when None), descending.

        Raises:
            NotFound: the room does not exist, or he is no member.
        """
        return await self._page(member_id, room_id, lambda room: room.last_seq + 1 if seq is None else seq, limit)

    async def after(self, member_id: UUID, room_id: UUID, seq: int, limit: int) -> MessagePage:
        """Messages beyond `seq`, ascending; raises as `before`."""
        async with self._database.connection() as connection:
            room = _room_for(await room_store.select_room(connection, member_id, room_id))
            rows = await message_store.select_messages_after(connection, room_id, seq, limit)
            views = await view_messages(connection, self._presence, member_id, room_id, rows)
        return MessagePage(room.last_seq, views)

    async def page(self, member_id: UUID, room_id: UUID, page: int, page_size: int) -> MessagePage:
        """Page 1 is the newest, descending; by the dense sequence, so that every page costs the same.

        Raises:
            NotFound: as `before`, or there is no such page.
        """

        def start(room: RoomRow) -> int:
            before = room.last_seq - (page - 1) * page_size + 1
            if page > 1 and before <= 1:
                raise NotFound("There is no such page.", code="page_not_found")
            return before

        return await self._page(member_id, room_id, start, page_size)

    async def _page(self, member_id: UUID, room_id: UUID, start: Callable[[RoomRow], int], limit: int) -> MessagePage:
        async with self._database.connection() as connection:
            room = _room_for(await room_store.select_room(connection, member_id, room_id))
            rows = await message_store.select_messages_before(connection, room_id, start(room), limit)
            views = await view_messages(connection, self._presence, member_id, room_id, rows)
        return MessagePage(room.last_seq, views)

    async def one(self, member_id: UUID, room_id: UUID, seq: int) -> Message:
        """A message as a member sees it; that he is one has been checked.

        Raises:
            NotFound: there is no such message.
        """
        async with self._database.connection() as connection:
            rows = await message_store.select_messages_after(connection, room_id, seq - 1, 1)
            views = await view_messages(connection, self._presence, member_id, room_id, rows)
        if not views or views[0].seq != seq:
            raise NotFound("There is no such message.", code="message_not_found")
        return views[0]

    async def mark_read(self, member_id: UUID, room_id: UUID) -> int:
        """Everything in the room is read; the marker.

        Raises:
            NotFound: he is no member.
        """
        async with self._database.connection() as connection:
            marked = await mark_store.update_read_seq(connection, room_id, member_id, None, uuid7())
        if marked is None:
            raise NotFound("There is no such room.", code="room_not_found")
        seq, moved = marked
        if moved:
            self._bells.read(room_id, member_id, seq)
        return seq

    async def send(
        self, sender: PersonRow, room_id: UUID, content: str, client_id: str | None, reply_to: int | None
    ) -> Message:
        """Send to a room; a known client_id gives its first message as it is now, with `duplicate`.

        Raises:
            Invalid: the content or the client_id, or there is no message `reply_to` in the room.
            NotFound: he is no member.
            Conflict: the client_id was used for another message.
            Unavailable: it could not be stored now; outcome unknown, so repeat it with the same client_id.
        """
        check_content(content)
        check_client_id(client_id)
        author = user_of(sender, online=sender.id in await self._presence.online([sender.id]))
        message_id = tracing.message_id()

        def entry(done: Callable[[Entry, Outcome], None]) -> Entry:
            key = client_id or str(message_id)
            return Entry(message_id, room_id, sender.id, key, content, encode_user(author), done, reply_to)

        outcome = await self._ledger.send(entry)
        if outcome.code not in ("stored", "duplicate") or outcome.id is None:
            raise _problem_of(outcome)
        if outcome.code == "duplicate":
            return msgspec.structs.replace(await self.one(sender.id, room_id, outcome.seq), duplicate=True)
        return Message(
            id=outcome.id,
            room=room_id,
            seq=outcome.seq,
            rev=0,
            user=author,
            content=content,
            created_at=outcome.created_at,
            is_delivered=False,
            is_read=False,
            reply_to=msgspec.UNSET if reply_to is None else reply_to,
            direction="sent",
            client_id=client_id or msgspec.UNSET,
        )


def check_content(content: str, field: str = "message") -> None:
    """Raise Invalid unless `content` can be a message."""
    mistake = policy.content_mistake(content)
    if mistake == "too_long":
        raise Invalid((field, f"has at most {policy.MAX_CONTENT_CHARACTERS} characters"), code="too_long")
    if mistake is not None:
        raise Invalid((field, "must not be empty" if mistake == "empty" else "U+0000 is not allowed"))


def check_client_id(client_id: str | None) -> None:
    """Raise Invalid if there is one and it cannot be one."""
    if client_id is not None and not policy.is_client_id(client_id):
        raise Invalid(("client_id", f"must have 1 to {policy.MAX_CLIENT_ID_CHARACTERS} characters"))


def _room_for(row: RoomRow | None) -> RoomRow:
    if row is None:
        raise NotFound("There is no such room.", code="room_not_found")
    return row


def _problem_of(outcome: Outcome) -> Problem:
    if outcome.code == "not_a_member":
        return NotFound("There is no such room.", code="room_not_found")
    if outcome.code == "reply_not_found":
        return Invalid(("reply_to", "there is no such message in this room"), code="reply_not_found")
    if outcome.code == "client_id_reused":
        return Conflict("This client_id was used for another message.", code="client_id_reused")
    if outcome.code == "bad_frame":
        return Invalid(("message", "could not be stored"))
    return Unavailable("The message could not be stored now; send it again with the same client_id.")
