"""Somebody on the WebSocket."""

import contextlib
import random
import time
from collections import deque
from typing import Any

import msgspec

from loadtests.load.wire import Gone, Wire

from .sockets import Pending, SocketUser

PATH = "/api/chat/ws/chat/"


class Frame(msgspec.Struct):
    """Any frame."""

    type: str
    data: msgspec.Raw


class Place(msgspec.Struct):
    """A message, or an acknowledgement, or a position."""

    room: str = ""
    seq: int = 0
    content: str = ""
    client_id: str = ""


class RoomHead(msgspec.Struct):
    """A room in `session.ready`."""

    id: str
    last_seq: int


class Ready(msgspec.Struct):
    """`session.ready`."""

    rooms: list[RoomHead]


class Refusal(msgspec.Struct):
    """`error`."""

    code: str
    client_id: str | None = None
    retry_after: float | None = None


_frame = msgspec.json.Decoder(Frame)
_place = msgspec.json.Decoder(Place)


class WebSocketUser(SocketUser):
    """A client of the WebSocket protocol."""

    abstract = True
    kind = "WebSocket"

    def begin(self) -> None:
        """Connect, and stay so."""
        self._beats: deque[float] = deque()
        super().begin()

    def dial(self) -> Wire:
        """Connect; with positions, resume."""
        self._beats.clear()
        resume = ",".join(f"{room}:{seq}" for room, seq in self.watch.positions.items())
        query = f"?resume={resume}" if resume else ""
        return Wire(self.url(PATH + query), {"Authorization": f"Bearer {self.person.access_token}"})

    def heard(self, text: bytes) -> None:
        """A frame has come."""
        frame = _frame.decode(text)
        if frame.type == "chat.message":
            message = _place.decode(frame.data)
            self.delivered(message.room, message.seq, message.content)
        elif frame.type == "chat.ack":
            ack = _place.decode(frame.data)
            self.acknowledged(ack.client_id, ack.room, ack.seq)
        elif frame.type == "session.ready":
            self.entered({room.id: room.last_seq for room in msgspec.json.decode(frame.data, type=Ready).rooms})
        elif frame.type == "error":
            refusal = msgspec.json.decode(frame.data, type=Refusal)
            self.refused(refusal.client_id, refusal.code, refusal.retry_after)
        elif frame.type == "pong" and self._beats:
            self.fire(self.kind, "pong", (time.perf_counter() - self._beats.popleft()) * 1000)

    def write_message(self, key: str, pending: Pending) -> None:
        """Send a message, or send it again."""
        self._send("chat.message", {"room": pending.room, "content": pending.content, "client_id": key})

    def renewed(self) -> None:
        """Have the socket live on with the new token."""
        self._tell("auth.refresh", {"token": self.person.access_token})

    def type(self, due: float) -> None:
        """Be seen typing."""
        self._tell("friend.typing.start", {"room": random.choice(self.rooms)})

    def read(self, due: float) -> None:
        """Read what there is in some room."""
        room = random.choice(self.rooms)
        if seq := self.watch.positions.get(room):
            self._tell("chat.received", {"room": room, "seq": seq})
            self._tell("chat.read", {"room": room, "seq": seq})

    def beat(self, due: float) -> None:
        """See that somebody is there."""
        if self._up.is_set():
            self._beats.append(time.perf_counter())
            self._tell("ping", {})

    def _tell(self, kind: str, data: dict[str, Any]) -> None:
        with contextlib.suppress(Gone):  # not worth sending again
            self._send(kind, data)

    def _send(self, kind: str, data: dict[str, Any]) -> None:
        if self.wire is None:
            raise Gone(1006)
        self.wire.send(msgspec.json.encode({"type": kind, "data": data}))
