"""One example of every frame, for the documents; tests hold each against the schema it stands beside."""

from uuid import UUID

import msgspec

from contracts.examples import ACCESS_TOKEN, ALICE_ID, BOB_ID, MESSAGE_ID, ROOM_ID
from contracts.examples import NOW as _NOW

from ..model import Message, Room, User
from . import events, protocol
from .codes import ErrorCode

_ROOM, _MESSAGE = UUID(ROOM_ID), UUID(MESSAGE_ID)
_CLIENT_ID = "b3d1c9"
_ALICE = User(
    id=UUID(ALICE_ID),
    username="alice",
    full_name="Alice Liddell",
    is_online=True,
    last_seen=_NOW,
    bg_color="#a1c9f0",
)
_BOB = User(
    id=UUID(BOB_ID),
    username="bob",
    full_name="Bob",
    is_online=False,
    last_seen=None,
    bg_color="#e0b4cc",
)
_RECEIPT = events.Receipt(_ROOM, _BOB.id, 42)
_TYPING = events.Typing(_ROOM, _BOB.id)
_DIRECT = Room(
    id=_ROOM,
    type="direct",
    name=None,
    friend=_BOB,
    last_message="Hello, Bob!",
    last_message_at=_NOW,
    unread_count=0,
    last_seq=42,
    read_seq=42,
    joined_seq=0,
    rev=0,
    muted=False,
)
_GROUP = Room(
    id=_ROOM,
    type="group",
    name="Tea party",
    friend=None,
    last_message="",
    last_message_at=None,
    unread_count=0,
    last_seq=0,
    read_seq=0,
    joined_seq=0,
    rev=0,
    muted=False,
)
_HELLO = Message(
    id=_MESSAGE,
    room=_ROOM,
    seq=42,
    rev=0,
    user=_ALICE,
    content="Hello, Bob!",
    created_at=_NOW,
    is_delivered=False,
    is_read=False,
    direction="sent",
    client_id=_CLIENT_ID,
)
_EDITED = msgspec.structs.replace(_HELLO, rev=4, content="Hello, Bob.", edited_at=_NOW)

COMMANDS: tuple[protocol.Command, ...] = (
    protocol.Send(protocol.SendData(_ROOM, "Hello, Bob!", _CLIENT_ID)),
    protocol.Edit(protocol.EditData(_ROOM, 42, "Hello, Bob.", "e-1")),
    protocol.Delete(protocol.DeleteData(_ROOM, 42, "d-1")),
    protocol.TypingStart(protocol.RoomData(_ROOM)),
    protocol.TypingStop(protocol.RoomData(_ROOM)),
    protocol.Read(protocol.ReadData(_ROOM, 42)),
    protocol.Received(protocol.ReceivedData(_ROOM, 42)),
    protocol.Join(protocol.JoinData(_ROOM, 40, 3)),
    protocol.Resume(protocol.ResumeData({_ROOM: [42, 3]}, "7431234567890123456-1")),
    protocol.Refresh(protocol.RefreshData(ACCESS_TOKEN)),
    protocol.Ping(),
)
EVENTS: tuple[events.Event, ...] = (
    events.SessionReady(
        events.Ready(
            connection_id=UUID("0197f2c0-5f01-7d2b-8e3c-aa90b1c2d3e4"),
            user=_ALICE,
            epoch="7431234567890123456-1",
            rooms=[events.Position(_ROOM, last_seq=41, rev=3, read_seq=41)],
            heartbeat_s=25,
        )
    ),
    events.ChatMessage(_HELLO),
    events.ChatAck(events.Ack(_CLIENT_ID, _MESSAGE, _ROOM, 42, _NOW, duplicate=False)),
    events.ChatEdited(_EDITED),
    events.ChatDeleted(events.Deletion(_ROOM, 42, _MESSAGE, 5, _NOW)),
    events.ChatChanged(events.Changed("e-1", _ROOM, 42, _MESSAGE, 4)),
    events.ChatHistory(events.History(_ROOM, [_HELLO], has_more=True)),
    events.ChatRead(_RECEIPT),
    events.ChatDelivered(_RECEIPT),
    events.FriendTypingStart(_TYPING),
    events.FriendTypingStop(_TYPING),
    events.FriendOnline(msgspec.structs.replace(_DIRECT, friend=msgspec.structs.replace(_BOB, is_online=True))),
    events.FriendOffline(msgspec.structs.replace(_DIRECT, friend=msgspec.structs.replace(_BOB, last_seen=_NOW))),
    events.RoomCreated(_DIRECT),
    events.RoomUpdated(_GROUP),
    events.RoomRemoved(events.InRoom(_ROOM)),
    events.RoomReset(events.Reset(_ROOM, 40, 3)),
    events.AuthRefreshed(events.Refreshed(_NOW)),
    events.SessionDraining(events.Draining(1250)),
    events.Pong(events.Nothing()),
    events.Error(events.Failure(ErrorCode.RATE_LIMITED, "slow down", _CLIENT_ID, 1.0)),
)
