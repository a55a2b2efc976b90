"""Frames become events: under names of their own, or their own names; once for all who get the same bytes."""

from typing import Any
from uuid import UUID

import msgspec

from chat_service.model import User
from chat_service.realtime import events, examples, protocol, wire
from chat_service.realtime.codes import ErrorCode
from chat_service.realtime.live import LiveMessage, encode_user, message_body
from chat_service.realtime.socketio.outgoing import Translator, event, without_messages

ROOM, USER, MESSAGE = UUID(int=1), UUID(int=2), UUID(int=3)
OTHER = UUID(int=4)
SOMEBODY = User(USER, "somebody", "Some Body", True, None, "#aabbcc")
TIME = "2026-01-02T03:04:05.000000Z"


def said(seq: int, room: UUID = ROOM, more: bytes = b"", reply_to: int | None = None) -> LiveMessage:
    """A message."""
    ids = str(MESSAGE).encode(), str(room).encode()
    body = message_body(b"chat.message", *ids, seq, 0, encode_user(SOMEBODY), 'é"\n', TIME, reply_to, more)
    return LiveMessage(seq, 0, USER, b'"client"', body)


def heard(data: bytes) -> list[tuple[str, Any]]:
    """Names and data of the events that a write stands for."""
    found = []
    for packet in Translator().translate(data).packets:
        text = packet.encode()
        assert text.startswith("42/chat,")
        name, body = msgspec.json.decode(text.removeprefix("42/chat,"))
        found.append((name, body))
    return found


def test_a_message_is_received_in_either_form() -> None:
    wanted = {"message_id": str(MESSAGE), "chat_id": str(ROOM), "sender_id": str(USER), "message": 'é"\n', "seq": 7}
    for frame in (said(7).received(), said(7).sent()):
        assert heard(frame) == [("receive_message", {**wanted, "created_at": TIME})]


def test_what_has_become_of_a_message_is_told() -> None:
    [(_, body)] = heard(said(7, more=b'"edited_at":"%b","deleted":true,' % TIME.encode(), reply_to=3).received())
    assert (body["reply_to"], body["edited_at"], body["deleted"]) == (3, TIME, True)


def test_receipts_and_new_rooms_have_names_of_their_own() -> None:
    receipt = events.ChatDelivered(events.Receipt(ROOM, USER, 5))
    assert heard(protocol.frame(receipt)) == [
        ("message_delivered", {"chat_id": str(ROOM), "user_id": str(USER), "seq": 5})
    ]
    created = next(frame for frame in examples.EVENTS if isinstance(frame, events.RoomCreated))
    [(name, body)] = heard(protocol.frame(created))
    assert (name, body["chat_id"]) == ("chat_created", str(created.data.id))
    assert body["room"] == msgspec.to_builtins(created.data)
    assert body["user"] == body["room"]["friend"]


def test_all_other_frames_keep_their_names_and_data() -> None:
    frames: list[events.Event] = [
        events.ChatRead(events.Receipt(ROOM, USER, 5)),
        events.RoomRemoved(events.InRoom(ROOM)),
        events.Error(events.Failure(ErrorCode.NOT_A_MEMBER, "no")),
        events.Pong(events.Nothing()),
    ]
    for frame in frames:
        document = msgspec.json.decode(msgspec.json.encode(frame))
        assert heard(protocol.frame(frame)) == [(document["type"], document["data"])]


def test_many_frames_of_one_write_keep_their_order_and_pings_are_nothing() -> None:
    data = said(1).received() + wire.ping_frame() + said(2).received() + protocol.PONG
    assert [name for name, _ in heard(data)] == ["receive_message", "receive_message", "pong"]
    assert [body.get("seq") for _, body in heard(data)] == [1, 2, None]


def test_a_close_is_found_behind_what_was_said_before() -> None:
    written = Translator().translate(said(1).received() + wire.close_frame(4401, "over"))
    assert len(written.packets) == 1
    assert written.close == (4401, "over")
    assert Translator().translate(wire.close_frame()).close == (1000, "")


def test_what_many_get_is_translated_once() -> None:
    translator, frame = Translator(), said(1).received()
    first = translator.translate(frame)
    assert translator.translate(frame) is first
    assert first.packets[0].encode() is first.packets[0].encode()  # and encoded once
    assert translator.translate(said(2).received()) is not first


def test_messages_of_some_rooms_can_be_left_out() -> None:
    data = said(1).received() + protocol.PONG + said(2, OTHER).sent() + said(3).sent()
    assert heard(without_messages(data, {ROOM})) == heard(protocol.PONG + said(2, OTHER).sent())
    assert without_messages(said(1).received(), {ROOM}) == b""


def test_an_event_of_the_connection_itself() -> None:
    assert event("session.closing", {"code": 1012}).encode() == '42/chat,["session.closing",{"code":1012}]'
