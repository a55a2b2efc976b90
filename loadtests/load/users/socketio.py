"""Somebody on Socket.IO, over its WebSocket transport.

The packets are written here, and not by a client library: the ones for Python hand each event to a thread of its own,
which may reorder what is checked for its order.
"""

import contextlib
import itertools
import random
import re
from typing import Any

import msgspec

from loadtests.load.wire import Gone, Wire

from .sockets import Pending, SocketUser

PATH = "/socket.io/?EIO=4&transport=websocket"
_PACKET = re.compile(rb"4([0-4])(?:/chat,)?(\d*)(.*)", re.DOTALL)
CONNECT, DISCONNECT, EVENT, ACK, CONNECT_ERROR = b"0", b"1", b"2", b"3", b"4"


class Message(msgspec.Struct):
    """`receive_message`, or the acknowledgement of `send_message`."""

    chat_id: str = ""
    seq: int = 0
    message: str = ""
    error: dict[str, Any] | None = None


class SocketIOUser(SocketUser):
    """A client of Socket.IO."""

    abstract = True
    kind = "Socket.IO"

    def begin(self) -> None:
        """Connect, and stay so."""
        self._numbers = itertools.count(1)
        self._asked: dict[int, str] = {}
        super().begin()

    def dial(self) -> Wire:
        """Connect; the namespace is asked for when the transport is open."""
        self._asked.clear()
        return Wire(self.url(PATH), {})

    def heard(self, text: bytes) -> None:
        """A packet has come."""
        if text.startswith(b"2"):
            self._write_packet(b"3")
        elif text.startswith(b"0"):
            auth = {"token": self.person.access_token, "resume": self.watch.positions}
            self._write_packet(b"40/chat," + msgspec.json.encode(auth))
        elif text.startswith(b"1"):
            raise Gone(1001)
        elif match := _PACKET.fullmatch(text):
            self._packet(match[1], int(match[2] or 0), match[3])

    def _packet(self, kind: bytes, number: int, body: bytes) -> None:
        if kind == EVENT:
            name, *arguments = msgspec.json.decode(body, type=list[msgspec.Raw])
            self._event(msgspec.json.decode(name), arguments[0] if arguments else msgspec.Raw(b"null"))
        elif kind == ACK:
            key = self._asked.pop(number, None)
            (answer,) = msgspec.json.decode(body, type=list[Message])
            if key is not None and answer.error is not None:
                self.refused(key, answer.error.get("code", ""), answer.error.get("retry_after"))
            elif key is not None:
                self.acknowledged(key, answer.chat_id, answer.seq)
        elif kind in (DISCONNECT, CONNECT_ERROR):
            if kind == CONNECT_ERROR:
                self._expires_at = 0.0
            raise Gone(4401 if kind == CONNECT_ERROR else 1012)

    def _event(self, name: str, data: msgspec.Raw) -> None:
        if name == "receive_message":
            message = msgspec.json.decode(data, type=Message)
            self.delivered(message.chat_id, message.seq, message.message)
        elif name == "session.ready":
            rooms = msgspec.json.decode(data)["rooms"]
            self.entered({room["id"]: room["last_seq"] for room in rooms})
        elif name == "error":
            self.refused(None, msgspec.json.decode(data)["code"], None)

    def write_message(self, key: str, pending: Pending) -> None:
        """Send a message, or send it again."""
        number = next(self._numbers)
        self._asked[number] = key
        body = {"chat_id": pending.room, "message": pending.content, "client_id": key}
        self._emit("send_message", body, number)

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
            self._tell("receive_message", {"chat_id": room, "seq": seq})
            self._tell("chat.read", {"room": room, "seq": seq})

    def _tell(self, name: str, data: dict[str, Any]) -> None:
        with contextlib.suppress(Gone):  # not worth sending again
            self._emit(name, data)

    def _emit(self, name: str, data: dict[str, Any], number: int | None = None) -> None:
        words = b"" if number is None else str(number).encode()
        self._write_packet(b"42/chat," + words + msgspec.json.encode([name, data]))

    def _write_packet(self, packet: bytes) -> None:
        if self.wire is None:
            raise Gone(1006)
        self.wire.send(packet)
