"""What events ask for: their fields, and what is wrong with them."""

from typing import Any
from uuid import UUID

import pytest

from chassis.problems import NotFound, Unavailable
from chat_service.realtime import protocol
from chat_service.realtime.socketio.events import (
    AuthResume,
    Mistaken,
    ReceiveMessage,
    Refused,
    SendMessage,
    StartPrivateChat,
    read,
    refusal_of,
)
from chat_service.realtime.socketio.packets import Event

ROOM = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
SAID = {"chat_id": str(ROOM), "message": "hello"}


def asked(name: str, argument: Any) -> Any:
    """The request of an event."""
    return read(Event(name, argument, wants_ack=True))


def test_events_of_their_own_are_read() -> None:
    assert asked("start_private_chat", {"user": "bob"}) == StartPrivateChat("bob")
    assert asked("send_message", {**SAID, "client_id": "1"}) == SendMessage(ROOM, "hello", "1")
    assert asked("receive_message", {"chat_id": str(ROOM), "seq": 3}) == ReceiveMessage(ROOM, 3)


def test_unknown_fields_are_no_mistake() -> None:
    assert asked("send_message", {**SAID, "type": "text", "more": [1]}) == SendMessage(ROOM, "hello")


@pytest.mark.parametrize("position", [4, [4], [4, 9]])
def test_positions_come_with_a_rev_or_without(position: Any) -> None:
    resume = asked("auth.resume", {"rooms": {str(ROOM): position}, "epoch": "e"})
    assert isinstance(resume, AuthResume)
    assert (resume.seqs(), resume.epoch) == ({ROOM: 4}, "e")


def test_what_a_websocket_can_send_is_read_too() -> None:
    command = asked("friend.typing.start", {"room": str(ROOM)})
    assert command == protocol.TypingStart(protocol.RoomData(ROOM))
    assert isinstance(asked("ping", None), protocol.Ping)


@pytest.mark.parametrize(
    ("name", "argument"),
    [
        ("", None),
        ("connect", {}),
        ("disconnect", "reason"),
        ("message", "x"),
        ("event", {}),
        ("__class__", {}),
        ("start_private_chat", None),
        ("start_private_chat", {}),
        ("start_private_chat", {"user": 5}),
        ("start_private_chat", {"user": ""}),
        ("start_private_chat", {"user": "x" * 201}),
        ("start_private_chat", {"user": "a\0b"}),
        ("send_message", None),
        ("send_message", "hello"),
        ("send_message", []),
        ("send_message", {"message": "hello"}),
        ("send_message", {**SAID, "chat_id": "x"}),
        ("send_message", {**SAID, "message": None}),
        ("send_message", {**SAID, "message": " \n"}),
        ("send_message", {**SAID, "message": "a\0b"}),
        ("send_message", {**SAID, "client_id": ""}),
        ("send_message", {**SAID, "client_id": "x" * 65}),
        ("send_message", {**SAID, "client_id": 7}),
        ("send_message", {**SAID, "reply_to": -1}),
        ("receive_message", {"chat_id": str(ROOM)}),
        ("receive_message", {"chat_id": str(ROOM), "seq": -1}),
        ("receive_message", {"chat_id": str(ROOM), "seq": 2**60}),
        ("receive_message", {"chat_id": str(ROOM), "seq": "1"}),
        ("auth.refresh", {}),
        ("auth.refresh", {"token": 1}),
        ("auth.resume", {}),
        ("auth.resume", {"rooms": []}),
        ("auth.resume", {"rooms": {"x": 1}}),
        ("auth.resume", {"rooms": {str(ROOM): "1"}}),
        ("auth.resume", {"rooms": {str(ROOM): []}}),
        ("auth.resume", {"rooms": {str(ROOM): -1}}),
        ("chat.read", None),
        ("chat.read", {"room": 1}),
    ],
)
def test_mistakes(name: str, argument: Any) -> None:
    with pytest.raises(Mistaken) as mistaken:
        asked(name, argument)
    assert mistaken.value.body() == {"code": "bad_frame", "detail": mistaken.value.detail}
    assert mistaken.value.detail


def test_a_mistake_of_the_packet_is_passed_on() -> None:
    with pytest.raises(Mistaken, match="no packet"):
        read(Event("", None, wants_ack=False, mistake="this is no packet"))


def test_a_long_message_is_refused_as_such() -> None:
    with pytest.raises(Refused) as refused:
        asked("send_message", {**SAID, "message": "x" * 4001})
    assert refused.value.code == "too_long"
    assert not isinstance(refused.value, Mistaken)


def test_a_problem_becomes_a_refusal_with_its_code() -> None:
    assert refusal_of(NotFound("No.", code="user_not_found")).body() == {"code": "user_not_found", "detail": "No."}
    assert refusal_of(Unavailable("Later.", retry_after=2)).body()["retry_after"] == 2
