"""Frames of the server: those that are written by hand have the bytes that their Structs would have."""

from datetime import UTC, datetime
from typing import get_args
from uuid import UUID

import msgspec
import pytest

from chat_service.model import MessageRow, PersonRow, user_of
from chat_service.realtime import codes, events, protocol, wire
from chat_service.realtime.frames import live_change_of_row, live_message, live_message_of_row
from chat_service.realtime.ledger import Entry, Outcome
from chat_service.realtime.live import LiveMessage, encode_user, parse_bell, parse_change
from chat_service.realtime.protocol import encode_json
from chat_service.receipts import NOTHING

ALICE = UUID("01900000-0000-7000-8000-00000000000a")
ROOM = UUID("01900000-0000-7000-8000-0000000000ff")
MESSAGE = UUID("01900000-0000-7000-8000-000000000001")
NOW = datetime(2026, 1, 31, 12, 0, 0, 123456, tzinfo=UTC)
TEXTS = ['Grüße, "Bob"\n\\', "\u2028 \U0001f600 </script> \x7f", "x"]


def text_of(frame: bytes) -> bytes:
    """What is in a frame that is not masked."""
    size = frame[1]
    return frame[{126: 4, 127: 10}.get(size, 2) :]


def is_as_declared(frame: bytes) -> events.Event:
    """Assert that a frame has exactly the bytes of its Struct."""
    event: events.Event = msgspec.json.decode(text_of(frame), type=events.Event)
    assert encode_json(event) == text_of(frame)
    return event


def is_a_message(message: LiveMessage) -> None:
    """Assert that both forms are as declared, also on the other side of a bell."""
    for one in (message, parse_bell(message.bell())):
        for frame, direction in ((one.sent(), "sent"), (one.received(), "received")):
            event = is_as_declared(frame)
            assert isinstance(event, events.ChatMessage)
            assert event.data.direction == direction
            assert (event.data.client_id is not msgspec.UNSET) == (direction == "sent" and message.client_id != b"")


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("client_id", ["mine", 'a"\\ü', None])
@pytest.mark.parametrize("reply_to", [None, 3])
def test_a_fresh_message_is_as_declared(text: str, client_id: str | None, reply_to: int | None) -> None:
    author = encode_user(user_of(PersonRow(ALICE, "alice", 'Al "ice"', NOW), online=True))
    entry = Entry(MESSAGE, ROOM, ALICE, client_id or str(MESSAGE), text, author, lambda entry, outcome: None, reply_to)
    is_a_message(live_message(entry, Outcome("stored", MESSAGE, 7, 3, "2026-01-31T12:00:00.123456Z")))


@pytest.mark.parametrize("client_id", ["mine", str(MESSAGE)])
def test_a_message_from_the_database_is_as_declared(client_id: str) -> None:
    sender = PersonRow(ALICE, "alice", "Alice")
    for more in ({}, {"reply_to": 2}, {"edited_at": NOW}, {"edited_at": NOW, "deleted_at": NOW, "reply_to": 2}):
        row = MessageRow(MESSAGE, ROOM, 7, 3, sender, client_id, TEXTS[0], NOW)
        is_a_message(live_message_of_row(msgspec.structs.replace(row, **more), NOTHING))


@pytest.mark.parametrize("client_id", ["mine", str(MESSAGE)])
def test_a_change_is_as_declared_also_on_the_other_side_of_a_bell(client_id: str) -> None:
    row = MessageRow(MESSAGE, ROOM, 7, 3, PersonRow(ALICE, "alice", "Alice"), client_id, TEXTS[0], NOW, edited_at=NOW)
    edit = live_change_of_row(row, NOTHING)
    for change in (edit, parse_change(edit.bell())):
        assert (change.seq, change.rev, change.sender_id) == (7, 3, ALICE)
        for frame, direction in ((change.sent(), "sent"), (change.received(), "received")):
            event = is_as_declared(frame)
            assert isinstance(event, events.ChatEdited)
            assert (event.data.content, event.data.direction) == (TEXTS[0], direction)
            assert event.data.edited_at == "2026-01-31T12:00:00.123456Z"
            assert (event.data.client_id == "mine") == (direction == "sent" and client_id == "mine")
    deletion = live_change_of_row(msgspec.structs.replace(row, content="", deleted_at=NOW), NOTHING)
    for change in (deletion, parse_change(deletion.bell())):
        assert change.sent() == change.received()
        deleted = events.Deletion(ROOM, 7, MESSAGE, 3, "2026-01-31T12:00:00.123456Z")
        assert is_as_declared(change.sent()) == events.ChatDeleted(deleted)


@pytest.mark.parametrize("client_id", ["mine", 'a"\\ü', None])
@pytest.mark.parametrize("duplicate", [True, False])
def test_an_ack_is_as_declared(client_id: str | None, duplicate: bool) -> None:
    frame = protocol.ack(client_id, str(MESSAGE).encode(), str(ROOM).encode(), 7, "2026-01-31T12:00:00Z", duplicate)
    event = is_as_declared(frame)
    assert event == events.ChatAck(events.Ack(client_id, MESSAGE, ROOM, 7, "2026-01-31T12:00:00Z", duplicate))


def test_type_comes_first_and_frames_are_compact() -> None:
    assert text_of(protocol.PONG) == b'{"type":"pong","data":{}}'
    reset = protocol.frame(events.RoomReset(events.Reset(ROOM, 4, 2)))
    assert text_of(reset) == b'{"type":"room.reset","data":{"room":"%b","last_seq":4,"rev":2}}' % str(ROOM).encode()


def test_an_error_has_only_what_is_known() -> None:
    frame = protocol.error(codes.ErrorCode.TOO_LONG, "too long")
    assert text_of(frame) == b'{"type":"error","data":{"code":"too_long","detail":"too long"}}'
    frame = protocol.error(codes.ErrorCode.RATE_LIMITED, "slow down", client_id="x", retry_after=1.5)
    assert text_of(frame).endswith(b'"detail":"slow down","client_id":"x","retry_after":1.5}}')


def test_every_frame_has_a_type_of_its_own_and_says_what_it_is() -> None:
    frames = get_args(events.Event)
    assert len({frame.__struct_config__.tag for frame in frames}) == len(frames)
    for frame in frames:
        assert frame.__struct_config__.tag_field == "type"
        assert frame.__struct_fields__ == ("data",)
        assert frame.__doc__


def test_the_codec_closes_with_codes_of_the_table() -> None:
    assert {wire.PROTOCOL_ERROR, wire.BAD_PAYLOAD, wire.TOO_BIG} <= {code for code in codes.CloseCode if code.ours}
