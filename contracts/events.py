"""Events that services record in Kafka for others. At least once, in order per key; consumers know the `id`."""

from typing import Any
from uuid import UUID

import msgspec

USER_TOPIC = "user.events"  # key: user id
CHAT_TOPIC = "chat.events"  # key: room id

USER_REGISTERED = "user.registered"
USER_UPDATED = "user.updated"
USER_DELETED = "user.deleted"
DEVICE_REGISTERED = "device.registered"
DEVICE_REMOVED = "device.removed"
MESSAGE_CREATED = "message.created"
MESSAGE_CHANGED = "message.changed"
MESSAGE_READ = "message.read"
MEMBER_ADDED = "member.added"
MEMBER_REMOVED = "member.removed"
MEMBER_MUTED = "member.muted"


class Event(msgspec.Struct, frozen=True):
    """The envelope of every event."""

    id: UUID
    type: str
    version: int
    occurred_at: str  # RFC 3339
    data: dict[str, Any]
