"""Frames that may be left out for slow readers."""

from uuid import UUID

from prometheus_client import REGISTRY

from chassis.ids import uuid7
from chat_service.realtime.hub import Hub, LiveRoom


class Reader:
    """A session."""

    def __init__(self, *, is_slow: bool) -> None:
        self.user_id, self.connection_id = uuid7(), uuid7()
        self.rooms: set[UUID] = set()
        self.is_slow = is_slow
        self.got: list[bytes] = []
        self.write = self.got.append


def spared() -> float:
    return REGISTRY.get_sample_value("parley_chat_frames_spared_total") or 0.0


def test_slow_readers_miss_only_what_may_be_dropped_and_that_is_counted() -> None:
    hub, room = Hub(), LiveRoom(uuid7(), b"room")
    quick, slow = Reader(is_slow=False), Reader(is_slow=True)
    room.sessions |= {quick, slow}
    before = spared()
    hub.frame(room, b"typing", droppable=True)
    hub.frame(room, b"read")
    assert (quick.got, slow.got) == ([b"typing", b"read"], [b"read"])
    assert spared() == before + 1
