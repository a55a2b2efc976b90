"""Spans of messages: stored, and handed to the sockets of each pod. Put around the callbacks only where traces are on.

One span per message and pod, whatever the number of sockets; none for a frame.
"""

import time
from collections.abc import Callable, Sequence
from uuid import UUID

from chassis import tracing

from .hub import Hub
from .ledger import Committed, Entry, Outcome

_BEFORE_ID = b'{"type":"chat.message","data":{"id":"'  # as live.message_body has it
_ID_LENGTH = 36
OnBell = Callable[[bytes, bytes], None]


def traced_commits(hub: Hub, committed: Committed) -> Committed:
    """The same callback, with a span of each new message, and one of its delivery here."""

    def traced(results: Sequence[tuple[Entry, Outcome]]) -> None:
        began = time.monotonic()
        committed(results)
        traces = tracing.current
        if traces is None:
            return
        ended = time.monotonic()
        for entry, outcome in results:
            if outcome.code == "stored" and traces.sampled(entry.message_id):
                about = {"parley.room": str(entry.room_id), "parley.seq": outcome.seq}
                traces.sent(entry.message_id, ended - entry.queued_at, {**about, "parley.batch": len(results)})
                room = hub.rooms.get(entry.room_id)
                if room is not None:
                    about["parley.sessions"] = len(room.sessions)
                    traces.followed(entry.message_id, "deliver message", ended - began, about)

    return traced


def traced_bells(hub: Hub, hear: OnBell) -> OnBell:
    """The same callback, with a span of each message that somebody else's bell has brought here."""

    def traced(channel: bytes, payload: bytes) -> None:
        room, traces = hub.channels.get(channel), tracing.current
        if room is None or traces is None or not payload[:1].isdigit():
            hear(channel, payload)
            return
        before, began = room.seq, time.monotonic()
        hear(channel, payload)
        message_id = _message_id(payload)
        if room.seq > before and message_id is not None and traces.sampled(message_id):
            about = {"parley.room": str(room.id), "parley.seq": room.seq, "parley.sessions": len(room.sessions)}
            traces.followed(message_id, "deliver message", time.monotonic() - began, about)

    return traced


def _message_id(payload: bytes) -> UUID | None:
    start = payload.find(b"\n") + 1
    if not payload.startswith(_BEFORE_ID, start):
        return None
    start += len(_BEFORE_ID)
    try:
        return UUID(payload[start : start + _ID_LENGTH].decode("ascii"))
    except ValueError:
        return None
