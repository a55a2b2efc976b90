"""Frames as Socket.IO events: what is written to a session for a WebSocket, as packets for the library. No I/O."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

import msgspec
from engineio import packet as engine

from .. import wire
from ..fallback import frames_in
from .packets import NAMESPACE
from .shapes import MessageDelivered, ReceivedMessage

_HEAD, _MIDDLE = b'{"type":"', b'","data":'
_CLOSE = wire.close_frame()[:1]
_MESSAGES = tuple(_HEAD + kind + _MIDDLE for kind in (b"chat.message", b"chat.edited", b"chat.deleted"))


NAMES = {"chat.message": "receive_message", "chat.delivered": "message_delivered", "room.created": "chat_created"}


class _User(msgspec.Struct, frozen=True, gc=False):
    id: str


class _Message(msgspec.Struct, frozen=True):
    """Of a `chat.message`, what is passed on."""

    id: str
    room: str
    user: _User
    content: str
    seq: int
    created_at: str
    reply_to: int | msgspec.UnsetType = msgspec.UNSET
    edited_at: str | msgspec.UnsetType = msgspec.UNSET
    deleted: bool | msgspec.UnsetType = msgspec.UNSET


class _Receipt(msgspec.Struct, frozen=True, gc=False):
    room: str
    user: str
    seq: int


class _Named(msgspec.Struct, frozen=True, gc=False):
    room: str


class _InRoom(msgspec.Struct, frozen=True, gc=False):
    data: _Named


class _Room(msgspec.Struct, frozen=True, gc=False):
    id: str
    friend: msgspec.Raw


class Written(msgspec.Struct, frozen=True):
    """What became of written bytes: packets, and a close if there was one."""

    packets: list[Any]
    close: tuple[int, str] | None = None


class Translator:
    """Translates; remembers the last bytes, since a room's are written to each of its members."""

    def __init__(self) -> None:
        self._data = b""
        self._written = Written([])

    def translate(self, data: bytes) -> Written:
        """The packets of one write."""
        if data is not self._data:
            self._data, self._written = data, _translate(data)
        return self._written


def _translate(data: bytes) -> Written:
    packets = []
    for opcode, payload in frames_in(data):
        if opcode == wire.TEXT:
            packets.append(message(event_of(payload)))
        elif opcode == wire.CLOSE:
            code = int.from_bytes(payload[:2], "big") if len(payload) >= 2 else 1000
            return Written(packets, (code, payload[2:].decode()))
    return Written(packets)


def is_close(data: bytes) -> bool:
    """Whether a write begins with the session's last frame."""
    return data[:1] == _CLOSE


def without_messages(data: bytes, rooms: Collection[UUID]) -> bytes:
    """The frames without messages of these rooms, and without their changes."""
    names = {str(room) for room in rooms}
    return b"".join(
        wire.text_frame(payload)
        for opcode, payload in frames_in(data)
        if opcode == wire.TEXT and not (payload.startswith(_MESSAGES) and _room_of(payload) in names)
    )


def _room_of(payload: bytes) -> str:
    return _in_room.decode(payload).data.room


def message(text: str) -> Any:
    """An Engine.IO message."""
    return engine.Packet(engine.MESSAGE, text)


def event(name: str, data: object) -> Any:
    """An event, as an Engine.IO message."""
    return message(f'2{NAMESPACE},["{name}",{msgspec.json.encode(data).decode()}]')


def event_of(payload: bytes) -> str:
    """The event that stands for a frame: some have names of their own here, all others keep theirs.

    Arguments:
        payload: `{"type":…,"data":…}`, compact, `type` first.
    """
    end = payload.index(_MIDDLE, len(_HEAD))
    name, data = payload[len(_HEAD) : end], payload[end + len(_MIDDLE) : -1]
    kind = name.decode()
    if kind == "chat.message":
        data = _received(data)
    elif kind == "chat.delivered":
        data = _delivered(data)
    elif kind == "room.created":
        data = _created(data)
    return f'2{NAMESPACE},["{NAMES.get(kind, kind)}",{data.decode()}]'


_messages = msgspec.json.Decoder(_Message)
_receipts = msgspec.json.Decoder(_Receipt)
_rooms = msgspec.json.Decoder(_Room)
_in_room = msgspec.json.Decoder(_InRoom)


def _received(data: bytes) -> bytes:
    found = _messages.decode(data)
    more = found.reply_to, found.edited_at, found.deleted
    received = ReceivedMessage(found.id, found.room, found.user.id, found.content, found.seq, found.created_at, *more)
    return msgspec.json.encode(received)


def _delivered(data: bytes) -> bytes:
    found = _receipts.decode(data)
    return msgspec.json.encode(MessageDelivered(chat_id=found.room, user_id=found.user, seq=found.seq))


def _created(data: bytes) -> bytes:
    room = _rooms.decode(data)
    return msgspec.json.encode({"chat_id": room.id, "user": room.friend, "room": msgspec.Raw(data)})
