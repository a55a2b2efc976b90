"""Every mistake in every field of every event that a client may emit is found before anything is done."""

import pytest

from chat_service.realtime.asyncapi import document
from chat_service.realtime.codes import ErrorCode
from chat_service.realtime.socketio.events import Refused, read
from chat_service.realtime.socketio.packets import Event
from tests.support.frames import EMITTED, resolved
from tests.support.mistakes import mistakes, with_unknown_fields

DOCUMENT = document()
MESSAGES = {
    name.partition(".")[2]: message
    for name, message in DOCUMENT["components"]["messages"].items()
    if name.startswith(f"{EMITTED}.")
}
every_event = pytest.mark.parametrize("kind", MESSAGES)


@every_event
def test_what_is_not_as_documented_is_refused(kind: str) -> None:
    good = MESSAGES[kind]["examples"][0]["payload"]
    wrong = []
    for mistake in mistakes(resolved(DOCUMENT, MESSAGES[kind]["payload"]), good):
        if (kind == "ping" and mistake.value is None) or (mistake.kind, mistake.path) == ("nul", "token"):
            continue  # an event without an argument; and what can be in a token is for who checks it
        if (
            kind in ("chat.message", "chat.edit", "chat.delete")
            and mistake.path in ("content", "client_id")
            and mistake.kind not in ("type", "missing")
        ):
            continue  # what the texts of a message may be is answered by an `error`, as on a WebSocket
        too_long = mistake.path in ("content", "message") and mistake.detail == "one too many"
        try:
            read(Event(kind, mistake.value, wants_ack=True))
        except Refused as refused:
            if refused.code != (ErrorCode.TOO_LONG if too_long else ErrorCode.BAD_FRAME):
                wrong.append(f"{mistake}: {refused}")
        else:
            wrong.append(f"{mistake}: accepted")
    assert wrong == []


@every_event
def test_fields_that_nobody_knows_are_ignored(kind: str) -> None:
    good = MESSAGES[kind]["examples"][0]["payload"]
    more = with_unknown_fields(good)
    if "rooms" in good:  # whose names are ids
        more["rooms"] = good["rooms"]
    assert read(Event(kind, more, wants_ack=True)) == read(Event(kind, good, wants_ack=True)) or kind == "ping"


@pytest.mark.parametrize("kind", ["", "connect", "disconnect", "message", "chat.explode", "PING", "chat.ack"])
def test_other_events_are_refused(kind: str) -> None:
    with pytest.raises(Refused, match="bad_frame"):
        read(Event(kind, {}, wants_ack=True))
