"""What services send each other comes back as it was, and may grow."""

from typing import Any
from uuid import UUID

import msgspec
import pytest

from contracts import events, internal
from contracts.events import Event
from contracts.internal import SessionRecord, UserRecord, UserRecords

USER = UserRecord(UUID(int=1), "alice", "Alice", "2026-01-31T12:00:00.000000Z")
EVENT = Event(UUID(int=2), events.USER_REGISTERED, 1, "2026-01-31T12:00:00.000000Z", {"user_id": "x"})


@pytest.mark.parametrize("value", [USER, UserRecords([USER, USER]), SessionRecord(alive=False), EVENT])
def test_a_value_comes_back_as_it_was(value: Any) -> None:
    assert msgspec.json.decode(msgspec.json.encode(value), type=type(value)) == value


@pytest.mark.parametrize("value", [USER, SessionRecord(alive=True), EVENT])
def test_a_newer_sender_may_say_more(value: Any) -> None:
    document = {**msgspec.to_builtins(value), "something_new": [1]}
    assert msgspec.json.decode(msgspec.json.encode(document), type=type(value)) == value


@pytest.mark.parametrize("value", [USER, SessionRecord(alive=True), EVENT])
def test_a_field_that_is_missing_is_an_error(value: Any) -> None:
    document = msgspec.to_builtins(value)
    for name in document:
        rest = {key: item for key, item in document.items() if key != name}
        with pytest.raises(msgspec.ValidationError, match=name):
            msgspec.convert(rest, type(value))


def test_an_event_has_the_fields_of_the_contract() -> None:
    assert set(msgspec.to_builtins(EVENT)) == {"id", "type", "version", "occurred_at", "data"}


def test_the_types_of_event_are_those_of_the_contract() -> None:
    names = [name for name in vars(events) if name.isupper() and not name.endswith(("_TOPIC", "UUID"))]
    kinds = {getattr(events, name) for name in names}
    assert kinds == {
        "user.registered",
        "user.updated",
        "user.deleted",
        "device.registered",
        "device.removed",
        "message.created",
        "message.changed",
        "message.read",
        "member.added",
        "member.removed",
        "member.muted",
    }
    assert (events.USER_TOPIC, events.CHAT_TOPIC) == ("user.events", "chat.events")


def test_internal_paths_are_inside() -> None:
    for path in (internal.USERS_PATH, internal.SESSION_PATH):
        assert path.startswith("/internal/")
        assert not path.endswith("/")
