"""late: ten seconds after everything is mended, everybody has everything."""

from tests.faults.checkers.verdict import Verdict
from tests.faults.history import History
from tests.faults.timings import healing_waits

PATIENCE_SECONDS = 10.0


def check_late(history: History) -> Verdict:
    """No client waits longer for what was acknowledged before."""
    verdict = Verdict("late")
    for client, room, seconds in healing_waits(history):
        verdict.looked_at += 1
        if seconds > PATIENCE_SECONDS:
            verdict.bad(f"{client} had all of room {room} {seconds:.1f} s after everything was mended")
    return verdict
