"""What others say happened, and what follows from it for those who are to be told. Each event is applied once."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta
from prometheus_client import Counter

from chassis.consumer import DeadLetter
from chassis.postgres import Connection, Postgres
from contracts import events as kinds
from contracts.events import Event

from .model import Device, Message, Notice
from .policy import MAX_PREVIEW, shortened
from .store import devices as store_devices
from .store import events as store_events
from .store import messages as store_messages
from .store import notifications as store_notifications
from .store import rooms as store_rooms
from .store import users as store_users

Moment = Annotated[datetime, Meta(tz=True)]
FOREVER = datetime(9999, 1, 1, tzinfo=UTC)

withdrawn = Counter("parley_push_withdrawn_total", "Pushes dropped before they were sent, by reason", ["reason"])
dead_letters = Counter("parley_dead_letters_total", "Records kept in dead_letters", ["reason"])


class _Registered(msgspec.Struct, frozen=True):
    user_id: UUID
    display_name: str


class _Updated(msgspec.Struct, frozen=True):
    user_id: UUID
    display_name: str | None = None


class _Deleted(msgspec.Struct, frozen=True):
    user_id: UUID


class _Device(msgspec.Struct, frozen=True):
    user_id: UUID
    token: Annotated[str, Meta(min_length=1, max_length=1024)]
    platform: str


class _Created(msgspec.Struct, frozen=True):
    id: UUID
    room: UUID
    seq: int
    user: UUID
    content: str
    created_at: Moment
    deleted: bool = False


class _Changed(msgspec.Struct, frozen=True):
    id: UUID
    content: str | None = None
    deleted_at: str | None = None


class _Read(msgspec.Struct, frozen=True):
    room: UUID
    user: UUID
    seq: int


class _Member(msgspec.Struct, frozen=True):
    room: UUID
    user: UUID


class _Muted(msgspec.Struct, frozen=True):
    room: UUID
    user: UUID
    muted: bool
    until: Moment | None = None


class Welcome(msgspec.Struct, frozen=True):
    """What somebody new is told on his first device."""

    title: str
    text: str
    seconds: float  # after his registration it is too late


class Events:
    """Applies events, as a consumer's handler.

    Arguments:
        database: ours.
        welcome: what new users are told.
        message_seconds: older messages are not news.
        on_messages: called when there is something to look at.
        on_pushes: called when there is something to send.
    """

    def __init__(
        self,
        database: Postgres,
        welcome: Welcome,
        *,
        message_seconds: float,
        on_messages: Callable[[], None],
        on_pushes: Callable[[], None],
    ) -> None:
        self._database = database
        self._welcome = welcome
        self._message_seconds = message_seconds
        self._on_messages = on_messages
        self._on_pushes = on_pushes

    async def apply(self, event: Event) -> None:
        """Apply one. Raises ValueError when its data have another form."""
        await self.apply_all([event])

    async def apply_all(self, events: Sequence[Event]) -> None:
        """Apply events in their order, in one transaction: all or none. Raises ValueError as `apply`."""
        async with self._database.transaction() as connection:
            fresh = await store_events.insert_applied_events(connection, [event.id for event in events])
            todo = []
            for event in events:
                if event.id in fresh:
                    fresh.discard(event.id)  # it may be there twice
                    todo.append(event)
            for is_new, group in groupby(todo, lambda event: event.type == kinds.MESSAGE_CREATED):
                if is_new:
                    await self._messages(connection, group)
                else:
                    for event in group:
                        await self._apply(connection, event)
        self._on_messages()
        self._on_pushes()

    async def keep(self, letter: DeadLetter) -> None:
        """Keep a record that was passed over."""
        async with self._database.connection() as connection:
            await store_events.insert_dead_letter(connection, letter)
        dead_letters.labels(letter.reason).inc()

    async def _messages(self, connection: Connection, events: Iterable[Event]) -> None:
        created = [msgspec.convert(event.data, _Created) for event in events]
        messages = [
            Message(one.id, one.room, one.seq, one.user, one.content, one.created_at)
            for one in created
            if not one.deleted
        ]
        await store_messages.insert_messages(connection, messages, self._message_seconds)
        read: dict[tuple[UUID, UUID], int] = {}  # who writes has read
        for one in created:
            read[one.room, one.user] = max(one.seq, read.get((one.room, one.user), 0))
        await self._read(connection, read)

    async def _read(self, connection: Connection, read: dict[tuple[UUID, UUID], int]) -> None:
        rooms, users = [room for room, _ in read], [user for _, user in read]
        await store_rooms.mark_read(connection, rooms, users, list(read.values()))
        count = await store_notifications.withdraw_read(connection, rooms, users, list(read.values()))
        withdrawn.labels("read").inc(count)

    async def _apply(self, connection: Connection, event: Event) -> None:
        apply = {
            kinds.USER_REGISTERED: self._registered,
            kinds.USER_UPDATED: self._updated,
            kinds.USER_DELETED: self._deleted,
            kinds.DEVICE_REGISTERED: self._device_registered,
            kinds.DEVICE_REMOVED: self._device_removed,
            kinds.MESSAGE_CHANGED: self._changed,
            kinds.MESSAGE_READ: self._was_read,
            kinds.MEMBER_ADDED: self._member_added,
            kinds.MEMBER_REMOVED: self._member_removed,
            kinds.MEMBER_MUTED: self._muted,
        }.get(event.type)
        if apply is not None:
            await apply(connection, event)

    async def _registered(self, connection: Connection, event: Event) -> None:
        user = msgspec.convert(event.data, _Registered)
        until = _moment(event) + timedelta(seconds=self._welcome.seconds)
        await store_users.upsert_user(connection, user.user_id, user.display_name, until)
        await self._welcome_him(connection, event, user.user_id)

    async def _updated(self, connection: Connection, event: Event) -> None:
        user = msgspec.convert(event.data, _Updated)
        if user.display_name is not None:
            await store_users.rename_user(connection, user.user_id, user.display_name)

    async def _deleted(self, connection: Connection, event: Event) -> None:
        user_id = msgspec.convert(event.data, _Deleted).user_id
        await store_devices.remove_devices_of_user(connection, user_id, _moment(event))
        withdrawn.labels("user_deleted").inc(await store_notifications.withdraw_of_user(connection, user_id))
        await store_rooms.delete_memberships(connection, user_id)
        await store_users.delete_user(connection, user_id)

    async def _device_registered(self, connection: Connection, event: Event) -> None:
        said = msgspec.convert(event.data, _Device)
        device = Device(said.token, said.platform, said.user_id)
        await store_devices.upsert_device(connection, device, _moment(event))
        await self._welcome_him(connection, event, said.user_id)

    async def _device_removed(self, connection: Connection, event: Event) -> None:
        said = msgspec.convert(event.data, _Device)
        await store_devices.remove_device(connection, said.token, said.user_id, _moment(event))

    async def _welcome_him(self, connection: Connection, event: Event, user_id: UUID) -> None:
        """Once both his registration and a device of his are known, whichever comes first."""
        if await store_users.take_welcome(connection, user_id):
            notice = Notice(event.id, user_id, self._welcome.title, "", self._welcome.text, _moment(event))
            await store_notifications.insert_notices(connection, [notice])

    async def _changed(self, connection: Connection, event: Event) -> None:
        message = msgspec.convert(event.data, _Changed)
        if message.deleted_at is not None:
            await store_messages.delete_message(connection, message.id)
            withdrawn.labels("deleted").inc(await store_notifications.withdraw_of_subject(connection, message.id))
        elif message.content is not None:
            await store_messages.edit_message(connection, message.id, message.content)
            preview = shortened(message.content, MAX_PREVIEW)
            await store_notifications.edit_notifications(connection, message.id, preview)

    async def _was_read(self, connection: Connection, event: Event) -> None:
        mark = msgspec.convert(event.data, _Read)
        await self._read(connection, {(mark.room, mark.user): mark.seq})

    async def _member_added(self, connection: Connection, event: Event) -> None:
        member = msgspec.convert(event.data, _Member)
        await store_rooms.insert_member(connection, member.room, member.user)

    async def _member_removed(self, connection: Connection, event: Event) -> None:
        member = msgspec.convert(event.data, _Member)
        await store_rooms.delete_member(connection, member.room, member.user)
        await self._withdraw(connection, member.room, member.user, "member_removed")

    async def _muted(self, connection: Connection, event: Event) -> None:
        member = msgspec.convert(event.data, _Muted)
        until = (member.until or FOREVER) if member.muted else None
        await store_rooms.mute_member(connection, member.room, member.user, until)
        if member.muted:
            await self._withdraw(connection, member.room, member.user, "muted")

    async def _withdraw(self, connection: Connection, room_id: UUID, user_id: UUID, reason: str) -> None:
        count = await store_notifications.withdraw_of_room(connection, room_id, user_id)
        withdrawn.labels(reason).inc(count)


def _moment(event: Event) -> datetime:
    """When it happened. Raises ValueError if that cannot be read."""
    return msgspec.convert(event.occurred_at, Moment)
