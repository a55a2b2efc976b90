"""What goes over Redis and is not a message: notices to a room, to a user, of ended sessions. And who hears which bell.

A notice is lost if Redis is away; nothing that must not be lost is one. A message's bell begins with its seq, that of a
change of one with `*` or `-` before it; `^` is a
position alone; `~` says that the room looks different; `%` that somebody types; `!` is a notice, with the pod that rang
and has delivered it already.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from uuid import UUID

import msgspec

from contracts import keys

from . import events, protocol
from .broker import Broker, BrokerAway
from .feed import Feed
from .hub import Hub
from .live import DELETED, EDITED
from .wire import text_frame

logger = logging.getLogger(__name__)


class MembershipBell(msgspec.Struct, omit_defaults=True):
    """Rung on a user's channel when he has been added to a room, or removed; or, with `anew`, when he is in it as
    before and it looks different to him alone."""

    pod: str
    room: UUID
    added: bool
    anew: bool = False


class PresenceBell(msgspec.Struct, frozen=True):
    """Rung on the channel of somebody whose partner in a direct room has come or gone.

    Arguments:
        user: the partner.
        version: when this was so; what is older counts no longer.
        online: whether he has come.
        event: what the rung for is told, the text of a frame.
    """

    user: UUID
    version: int
    online: bool
    event: bytes


class Bells:
    """Rings and hears.

    Arguments:
        pod: this pod's name, to know its own bells.
        hub: who is here.
        feed: hears messages.
    """

    def __init__(self, pod: str, hub: Hub, feed: Feed) -> None:
        self._pod = pod.encode()
        self._hub = hub
        self._feed = feed
        self._broker: Broker | None = None
        self._control: Broker | None = None
        self.told: dict[tuple[UUID, UUID], bool] = {}  # by user and room: whether he is in it now; see Again
        self._room_prefix = keys.ROOM_PREFIX.encode()
        self._user_prefix = keys.USER_PREFIX.encode()
        self._revocations = keys.REVOCATIONS_CHANNEL.encode()
        self._people = keys.PEOPLE_CHANNEL.encode()
        self._heads = keys.HEADS_CHANNEL.encode()
        self._canary_prefix = keys.CANARY_PREFIX.encode()
        self.on_membership: Callable[[UUID, MembershipBell], None] = lambda user, change: None
        self.on_renamed: Callable[[UUID], None] = lambda room: None
        self.on_typing: Callable[[UUID, UUID, bool], None] = lambda room, user, started: None
        self.on_presence: Callable[[UUID, PresenceBell], None] = lambda recipient, change: None
        self.on_revoked: Callable[[UUID], None] = lambda session: None
        self.on_person: Callable[[UUID], None] = lambda user: None
        self.on_heads: Callable[[bytes], None] = lambda payload: None
        self.on_canary: Callable[[bytes, bytes], None] = lambda channel, payload: None

    def use(self, broker: Broker, control: Broker) -> None:
        """The brokers of rooms and users, and of other services; they need `hear`, so they come second."""
        self._broker = broker
        self._control = control

    async def start(self) -> None:
        """Hear of ended sessions and of people, now or when Redis is there."""
        if self._control is not None:
            try:
                await self._control.subscribe([self._revocations, self._people])
            except BrokerAway:
                logger.warning("ended sessions are heard of when Redis is back")

    async def stop(self) -> None:
        """Nothing to release."""

    def hear(self, channel: bytes, payload: bytes) -> None:
        """A bell; see Broker."""
        if channel.startswith(self._room_prefix):
            mark = payload[:1]
            if mark.isdigit():
                self._feed.on_bell(channel, payload)
            elif mark in (EDITED, DELETED):
                self._feed.on_change(channel, payload)
            elif mark == b"^":
                self._feed.on_head(channel, payload)
            elif mark == b"!":
                self._hear_notice(channel, payload)
            elif mark == b"~":
                self._hear_other_renamed(channel, payload)
            elif mark == b"%":
                self._hear_typing(channel, payload)
            return
        try:
            if channel.startswith(self._user_prefix) and payload[:1] == b"!":
                self._hear_presence(UUID(channel[len(self._user_prefix) :].decode()), payload)
            elif channel.startswith(self._user_prefix):
                change = msgspec.json.decode(payload, type=MembershipBell)
                if change.pod.encode() != self._pod:
                    self.on_membership(UUID(channel[len(self._user_prefix) :].decode()), change)
            elif channel == self._revocations:
                self.on_revoked(UUID(payload.decode()))
            elif channel == self._people:
                self.on_person(UUID(payload.decode()))
            elif channel == self._heads:
                self.on_heads(payload)
            elif channel.startswith(self._canary_prefix):
                self.on_canary(channel, payload)
        except (ValueError, msgspec.DecodeError):
            logger.warning("a bell could not be read", extra={"channel": channel.decode("latin1")})

    def _hear_notice(self, channel: bytes, payload: bytes) -> None:
        head, _, body = payload.partition(b"\n")
        pod, _, without = head[1:].partition(b" ")
        room = self._hub.channels.get(channel)
        if room is not None and pod != self._pod:
            self._hub.frame(room, text_frame(body), without=UUID(without.decode()) if without else None)

    def _hear_typing(self, channel: bytes, payload: bytes) -> None:
        pod, user, started = payload[1:].split(b" ")
        room = self._hub.channels.get(channel)
        if room is not None and pod != self._pod:
            self.on_typing(room.id, UUID(user.decode()), started == b"1")

    def _hear_presence(self, recipient: UUID, payload: bytes) -> None:
        head, _, event = payload[1:].partition(b"\n")
        pod, user, version, online = head.split(b" ")
        if pod != self._pod:
            self.on_presence(recipient, PresenceBell(UUID(user.decode()), int(version), online == b"1", event))

    def _hear_other_renamed(self, channel: bytes, payload: bytes) -> None:
        room = self._hub.channels.get(channel)
        if room is not None and payload[1:] != self._pod:
            self._hear_renamed(room.id)

    def _hear_renamed(self, room_id: UUID) -> None:
        if room_id in self._hub.rooms:
            self.on_renamed(room_id)

    def to_room(self, room_id: UUID, event: events.Event, *, without: UUID | None = None) -> None:
        """Hand an event to everybody in a room, on all pods, except one user."""
        body = protocol.encode_json(event)
        room = self._hub.rooms.get(room_id)
        if room is not None:
            self._hub.frame(room, text_frame(body), without=without)
        if self._broker is not None:
            who = b"" if without is None else str(without).encode()
            self._broker.publish(keys.room_channel(room_id).encode(), b"!%b %b\n%b" % (self._pod, who, body))

    def read(self, room_id: UUID, user_id: UUID, seq: int) -> None:
        """Tell a room how far somebody has read it: the others, and his own devices."""
        self.to_room(room_id, events.ChatRead(events.Receipt(room_id, user_id, seq)))

    def delivered(self, room_id: UUID, user_id: UUID, seq: int) -> None:
        """Tell a room how far its messages have arrived at somebody."""
        self.to_room(room_id, events.ChatDelivered(events.Receipt(room_id, user_id, seq)))

    def changed(self, room_id: UUID, seq: int, rev: int) -> None:
        """A room has changed otherwise than by a message: all pods look at it again."""
        self._feed.changed(room_id, seq, rev)

    def renamed(self, room_id: UUID) -> None:
        """The members of a room should see it anew, each from his side."""
        self._hear_renamed(room_id)
        if self._broker is not None:
            self._broker.publish(keys.room_channel(room_id).encode(), b"~" + self._pod)

    def typing(self, room_id: UUID, user_id: UUID, started: bool) -> None:
        """Tell a room on other pods that somebody has begun to type, or stopped."""
        if self._broker is not None:
            payload = b"%%%b %b %d" % (self._pod, str(user_id).encode(), started)
            self._broker.publish(keys.room_channel(room_id).encode(), payload)

    def ringing(self) -> bool:
        """Whether bells go out now, as far as is known."""
        return self._broker is not None and self._broker.up

    def presence(self, recipient: UUID, bell: PresenceBell) -> None:
        """Tell somebody's sockets on other pods that a partner of his has come or gone."""
        if self._broker is not None:
            head = b"!%b %b %d %d\n" % (self._pod, str(bell.user).encode(), bell.version, bell.online)
            self._broker.publish(keys.user_channel(recipient).encode(), head + bell.event)

    def person(self, user_id: UUID) -> None:
        """Somebody is called otherwise, looks otherwise, or is gone: all pods forget what they knew of him."""
        self.on_person(user_id)
        if self._control is not None:
            self._control.publish(self._people, str(user_id).encode())

    def membership(self, users: Iterable[UUID], room_id: UUID, *, added: bool) -> None:
        """Tell users, on all pods, that they are in a room or no longer."""
        change = MembershipBell(self._pod.decode(), room_id, added)
        payload = msgspec.json.encode(change)
        loop = asyncio.get_running_loop()
        for user_id in users:
            self.told[user_id, room_id] = added
            loop.call_soon(self.on_membership, user_id, change)
            if self._broker is not None:
                self._broker.publish(keys.user_channel(user_id).encode(), payload)

    def seen_anew(self, user_id: UUID, room_id: UUID) -> None:
        """A room looks different to one of its members alone: his connections, on all pods, should see it anew."""
        change = MembershipBell(self._pod.decode(), room_id, added=True, anew=True)
        asyncio.get_running_loop().call_soon(self.on_membership, user_id, change)
        if self._broker is not None:
            self._broker.publish(keys.user_channel(user_id).encode(), msgspec.json.encode(change))

    def tell_again(self, memberships: Mapping[tuple[UUID, UUID], bool]) -> None:
        """Tell other pods what `membership` may have told nobody; who hears it twice looks at Postgres."""
        if self._broker is not None:
            for (user_id, room_id), added in memberships.items():
                payload = msgspec.json.encode(MembershipBell(self._pod.decode(), room_id, added))
                self._broker.publish(keys.user_channel(user_id).encode(), payload)
