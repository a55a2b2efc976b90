"""rolling: a polite restart of the pods, with nothing else broken, costs a reconnect and no error."""

from tests.faults.checkers.verdict import Verdict
from tests.faults.events import Close, Connect, Fault, Mark, Read, Send
from tests.faults.history import History

GOING_AWAY = frozenset({1001, 1012})
RECONNECT_SECONDS = 10.0


def check_rolling(history: History) -> Verdict:
    """From the restart until all is well, sockets end with 1001 or 1012, come back in time, and HTTP is answered."""
    verdict = Verdict("rolling", optional=True)
    spans = rolling_spans(history)
    for event in history:
        if not any(since <= event.t <= until for since, until in spans):
            continue
        at = f"at {event.t:.3f} s"
        if isinstance(event, Close):
            verdict.looked_at += 1
            if event.code not in GOING_AWAY:
                verdict.bad(f"{event.client} was closed with {event.code} {event.reason!r} {at}")
        elif isinstance(event, Connect) and event.type == "fail":
            verdict.bad(f"{event.client} could not connect {at}: {event.code} {event.reason!r}")
        elif isinstance(event, Connect) and event.type == "ok":
            verdict.looked_at += 1
            if event.seconds > RECONNECT_SECONDS:
                verdict.bad(f"{event.client} was back after {event.seconds:.1f} s {at}")
        elif isinstance(event, Read) and event.type in ("ok", "info"):
            verdict.looked_at += 1
            if event.type == "info":
                verdict.bad(f"{event.client} could not read room {event.room} {at}: {event.code}")
        elif isinstance(event, Send) and event.via == "http" and event.type in ("ok", "info"):
            verdict.looked_at += 1
            if event.type == "info":
                verdict.bad(f"{event.client} could not send {event.key} {at}: {event.code}")
    return verdict


def rolling_spans(history: History) -> list[tuple[float, float]]:
    """When pods were being restarted and nothing else was broken: (since, until everything was well)."""
    faults: dict[int, Fault] = {}
    spans: list[tuple[float, float]] = []
    alone: Fault | None = None  # the rolling restart of this round, if there is no other fault in it
    for event in history:
        if isinstance(event, Fault) and event.type == "invoke":
            faults[event.number] = event
            alone = event if event.kind == "rolling" and len(faults) == 1 else None
        elif isinstance(event, Mark) and event.name == "healed":
            if alone is not None:
                spans.append((alone.t, event.t))
            faults.clear()
            alone = None
    return spans
