"""internal: whatever breaks, nobody is told of an error of ours, nor refused what is his."""

from tests.faults.checkers.verdict import Verdict
from tests.faults.events import Close, Connect, Read, Send
from tests.faults.history import History

# None: the connection broke. 4401 is a token that could not be renewed in time.
CLOSES = frozenset({None, 1000, 1001, 1012, 1013, 4401, 4408})
AWAY = frozenset({"no_answer", "429", "502", "503", "504"})
REFUSALS = frozenset({None, 429, 502, 503, 504})
TOO_LATE = frozenset({"401 token_expired", "401 ticket_invalid"})  # it could not be renewed, or used, in time


def check_internal(history: History) -> Verdict:
    """Close codes, refusals and HTTP statuses are those of something that is away, and never 500 or 1011."""
    verdict = Verdict("internal")
    for event in history:
        if isinstance(event, Close):
            verdict.looked_at += 1
            if event.code not in CLOSES:
                verdict.bad(f"{event.client} was closed with {event.code} {event.reason!r} at {event.t:.3f} s")
        elif isinstance(event, Connect) and event.type == "fail":
            verdict.looked_at += 1
            if event.code not in CLOSES | REFUSALS and event.reason not in TOO_LATE:
                verdict.bad(f"{event.client} was refused with {event.code} {event.reason!r} at {event.t:.3f} s")
        elif isinstance(event, Read) and event.type == "info":
            verdict.looked_at += 1
            if event.code not in AWAY:
                verdict.bad(f"{event.client} could not read room {event.room} at {event.t:.3f} s: {event.code}")
        elif isinstance(event, Send) and event.via == "http" and event.type == "info":
            verdict.looked_at += 1
            if event.code not in AWAY:
                verdict.bad(f"{event.client} could not send {event.key} at {event.t:.3f} s: {event.code}")
    return verdict
