"""record: what happened is in Kafka: each message at least once, and those of a room in order."""

from tests.faults.checkers.verdict import Verdict
from tests.faults.events import Arrival, Fault, Recorded, Send
from tests.faults.history import History

CREATED = "message.created"


def check_record(history: History) -> Verdict:
    """What was acknowledged is recorded, as it is stored; what was registered is known to those who hear of it.

    A broker that keeps nothing on disk and has been ended gets everything again, behind what it was given before the
    loss was noticed: from then on the order says nothing.
    """
    verdict = Verdict("record")
    stored = history.stored()
    recorded: dict[str, set[int]] = {}
    known: set[str] = set()
    ordered = True
    for event in history:
        if isinstance(event, Fault) and event.target == "kafka" and event.kind in ("kill", "term"):
            ordered = False
        if not isinstance(event, Recorded) or event.type != CREATED or event.event in known:
            continue
        known.add(event.event)
        verdict.looked_at += 1
        place = stored.get(event.room, {}).get(event.seq)
        if place is None or (place.id, place.key) != (event.message, event.key):
            verdict.bad(f"{event.key} is recorded as {event.seq} of room {event.room}, where {place} is")
        before = recorded.setdefault(event.room, set())
        if ordered and event.seq != len(before) + 1:
            verdict.bad(f"{event.seq} of room {event.room} is recorded after {max(before, default=0)}")
        before.add(event.seq)
    for send in history.of(Send):
        if send.type == "ok" and send.seq not in recorded.get(send.room, ()):
            verdict.bad(f"{send.key}, {send.seq} of room {send.room}, was acknowledged and is not recorded")
    _check_arrivals(history, verdict)
    return verdict


def _check_arrivals(history: History, verdict: Verdict) -> None:
    found = {arrival.user for arrival in history.of(Arrival) if arrival.type == "ok"}
    for arrival in history.of(Arrival):
        if arrival.type == "invoke":
            verdict.looked_at += 1
            if arrival.user not in found:
                verdict.bad(f"{arrival.user} registered at {arrival.t:.3f} s and has no profile")
