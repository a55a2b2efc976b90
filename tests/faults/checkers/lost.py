"""acked-lost: what was acknowledged is stored."""

from tests.faults.checkers.verdict import Verdict
from tests.faults.events import Send
from tests.faults.history import History


def check_lost(history: History) -> Verdict:
    """Each send that was answered with ok is in its room in the end."""
    verdict = Verdict("acked-lost")
    keys = {room: {entry.key for entry in entries.values()} for room, entries in history.stored().items()}
    for send in history.of(Send):
        if send.type != "ok":
            continue
        verdict.looked_at += 1
        if send.key not in keys.get(send.room, ()):
            verdict.bad(f"{send.key} was acknowledged at {send.t:.3f} s as message {send.seq} and is not stored")
    return verdict
