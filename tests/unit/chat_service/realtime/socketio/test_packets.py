"""Packets of clients: events with what they say, or mistakes; whatever is sent, nothing raises."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from socketio import packet as library

from chat_service.realtime.socketio.packets import EVENT, NAMESPACE, Event, Packet, is_binary, is_packet


def event_in(text: str | bytes) -> tuple[Packet, Event]:
    """The packet, which must be an event, and that."""
    packet = Packet(encoded_packet=text)
    assert packet.packet_type == library.EVENT
    name, event = packet.data
    assert name == EVENT
    assert isinstance(event, Event)
    return packet, event


@pytest.mark.parametrize(
    ("text", "namespace", "number", "event"),
    [
        ('2/chat,["a",{"b":1}]', "/chat", None, Event("a", {"b": 1}, wants_ack=False)),
        ('2/chat,12["a","b"]', "/chat", 12, Event("a", "b", wants_ack=True)),
        ('2/chat,0["a"]', "/chat", 0, Event("a", None, wants_ack=True)),
        ('2/chat?token=x,["a"]', "/chat", None, Event("a", None, wants_ack=False)),
        ('2["a"]', None, None, Event("a", None, wants_ack=False)),
        ('2/chat,["connect",{}]', "/chat", None, Event("connect", {}, wants_ack=False)),
    ],
)
def test_an_event_is_read(text: str, namespace: str | None, number: int | None, event: Event) -> None:
    packet, found = event_in(text)
    assert (packet.namespace, packet.id, found) == (namespace, number, event)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("", None),
        ("x", None),
        ("9/chat,[]", None),
        ("2", None),
        ("2/chat", None),
        ("2/chat,", None),
        ("2/chat,7", 7),
        ("2/chat,7[", 7),
        ("2/chat,7{}", 7),
        ("2/chat,7[]", 7),
        ("2/chat,7[1]", 7),
        ('2/chat,7["a",1,2]', 7),
        ("2/chat,7" + "[" * 60_000, 7),
        ('2/chat,7["a",' + "9" * 60_000 + "e9999]", 7),
        ('51-/chat,7["a",{"_placeholder":true,"num":0}]', 7),
        ('5999999999-/chat,7["a"]', 7),
        ('4/chat,{"message":"x"}', None),
        (b"\x00\x01", None),
    ],
)
def test_what_is_no_event_is_a_mistake_that_can_be_answered(text: str | bytes, number: int | None) -> None:
    packet, event = event_in(text)
    assert event.mistake
    assert packet.namespace == NAMESPACE
    assert packet.id == number
    assert event.wants_ack == (number is not None)


@pytest.mark.parametrize(
    ("text", "data"), [('0/chat,{"token":"t"}', {"token": "t"}), ("0/chat,", None), ("0/chat,[", None)]
)
def test_what_comes_with_a_connect_is_an_object_or_nothing(text: str, data: Any) -> None:
    packet = Packet(encoded_packet=text)
    assert (packet.packet_type, packet.namespace, packet.data) == (library.CONNECT, "/chat", data)


@pytest.mark.parametrize("text", ["3/chat,1[]", "3/chat,1[[[", '61-/chat,1[{"_placeholder":true,"num":0}]'])
def test_acknowledgements_that_nobody_asked_for_are_empty(text: str) -> None:
    packet = Packet(encoded_packet=text)
    assert (packet.packet_type, packet.data, packet.attachment_count) == (library.ACK, [], 0)


@given(
    st.text() | st.binary() | st.from_regex(r"[0-9][0-9]{0,3}-?/?[a-z]{0,4}[?,]?[0-9]{0,30}[\[{\"].*", fullmatch=True)
)
def test_nothing_raises_and_nothing_else_comes_out(text: str | bytes) -> None:
    packet = Packet(encoded_packet=text)
    if packet.packet_type == library.EVENT:
        assert packet.data[0] == EVENT
        assert len(packet.data) == 2
    else:
        assert packet.packet_type in (library.CONNECT, library.DISCONNECT, library.ACK)
    assert packet.attachment_count == 0


def test_what_is_sent_is_what_the_library_sends() -> None:
    for kind, data, number in ((library.ACK, [{"a": "é"}], 3), (library.CONNECT, {"sid": "s"}, None)):
        ours = Packet(kind, data, "/chat", number)
        theirs = library.Packet(kind, data, "/chat", number)
        head, _, body = ours.encode().partition(",")
        assert theirs.encode().startswith(head + ",")
        assert msgspec.json.decode(body.lstrip("0123456789")) == data


@pytest.mark.parametrize("text", ['42/chat,["a"]', "40/chat,", "41/chat,", "2probe", "3", "5", "1", "46-x"])
def test_packets_of_engine_io_pass(text: str) -> None:
    assert is_packet(text)


@pytest.mark.parametrize(
    "text", ["", "4", "4[", '4{"a":1}', "4" + "[" * 9999, "47", "0{}", "2", "6", "9", "x", "²", "٣", "3x", "1\n"]
)
def test_what_would_raise_in_the_library_does_not_pass(text: str) -> None:
    assert not is_packet(text)


def test_binary_data_in_a_body_is_known() -> None:
    assert is_binary("bAQID")
    assert not is_binary("42b")
