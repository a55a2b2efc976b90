"""leak: nobody gets what is said in a room that he is not in, nor what is said after his removal was acknowledged."""

from math import inf

from tests.faults.checkers.verdict import Verdict
from tests.faults.events import Change, Changed, Mark, Member, Read, Receive, Room, Send
from tests.faults.history import History

SETTLING_SECONDS = 2.0  # for what was frozen to carry out what it still had


class Outside:
    """When somebody was surely not in a room: `since` that time (-inf: from the beginning) `until` another."""

    def __init__(self, since: float) -> None:
        self.since = since
        self.until = inf


def check_leaks(history: History) -> Verdict:
    """Deliveries and pages of history against who was in the room."""
    verdict = Verdict("leak")
    outside = _absences(history)
    members = {room.room: set(room.members) for room in history.of(Room)}
    sent = {send.key: send.t for send in history.of(Send) if send.type == "invoke"}
    changes = [change for change in history.of(Change) if change.type == "invoke"]
    changed = {(change.room, change.seq, change.version): change.t for change in changes}
    asked: dict[tuple[str, str], float] = {}

    def absent(user: str, room: str, now: float) -> Outside | None:
        spans = outside.get((user, room))
        if spans is None:
            return None if user in members.get(room, ()) else Outside(-inf)
        return next((span for span in spans if span.since < now < span.until), None)

    for event in history:
        if isinstance(event, Receive):
            verdict.looked_at += 1
            span = absent(event.user, event.room, event.t)
            if span is not None and sent.get(event.key, inf) > span.since:
                verdict.bad(f"{event.client} got {event.key}, {event.seq} of room {event.room}, at {event.t:.3f} s")
        elif isinstance(event, Changed):
            verdict.looked_at += 1
            span = absent(event.user, event.room, event.t)
            if span is not None and changed.get((event.room, event.seq, event.version), inf) > span.since:
                verdict.bad(f"{event.client} got a change of {event.seq} of room {event.room}, at {event.t:.3f} s")
        elif isinstance(event, Read) and event.type == "invoke":
            asked[event.client, event.room] = event.t
        elif isinstance(event, Read) and event.type == "ok":
            verdict.looked_at += 1
            span = absent(event.user, event.room, event.t)
            if span is not None and asked.get((event.client, event.room), -inf) > span.since:
                verdict.bad(f"{event.client} read {len(event.entries)} messages of room {event.room}")
    return verdict


def _absences(history: History) -> dict[tuple[str, str], list[Outside]]:
    """For those who come and go: their absences, by user and room.

    An addition that was not answered may be carried out much later, by a gateway that was frozen with it: even after a
    removal that was acknowledged in between. So no absence is sure until one that begins after all has been mended.
    """
    initial = {(user, room.room) for room in history.of(Room) for user in room.members}
    absences: dict[tuple[str, str], list[Outside]] = {}
    in_doubt: dict[tuple[str, str], float] = {}  # until then an addition may still be carried out
    asked = 0.0  # when the removal was asked for that is under way
    for event in history:
        if isinstance(event, Mark) and event.name == "healed":
            in_doubt = {place: min(until, event.t + SETTLING_SECONDS) for place, until in in_doubt.items()}
        if not isinstance(event, Member):
            continue
        place = (event.user, event.room)
        spans = absences.setdefault(place, [] if place in initial else [Outside(-inf)])
        if event.added and event.type == "invoke" and spans:
            spans[-1].until = min(spans[-1].until, event.t)
        elif event.added and event.type == "info":
            in_doubt[place] = inf
        elif not event.added and event.type == "invoke":
            asked = event.t
        elif not event.added and event.type == "ok" and asked > in_doubt.get(place, -inf):
            in_doubt.pop(place, None)
            spans.append(Outside(event.t))
    return absences
