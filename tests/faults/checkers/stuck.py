"""stuck: every send is answered in the end, since it is repeated until it is."""

from tests.faults.checkers.verdict import Verdict
from tests.faults.history import History


def check_stuck(history: History) -> Verdict:
    """No send is without an answer."""
    verdict = Verdict("stuck")
    for send in history.outcomes().values():
        verdict.looked_at += 1
        if send.type == "invoke":
            verdict.bad(f"{send.key}, sent by {send.client} at {send.t:.3f} s, was never answered")
    return verdict
