"""Checkers: pure functions over a history. Each says how often it has seen something wrong, and shows the worst."""

from collections.abc import Callable

from tests.faults.checkers.backwards import check_backwards
from tests.faults.checkers.changes import check_changes
from tests.faults.checkers.duplicates import check_duplicates
from tests.faults.checkers.internal import check_internal
from tests.faults.checkers.late import check_late
from tests.faults.checkers.leaks import check_leaks
from tests.faults.checkers.live import check_live
from tests.faults.checkers.lost import check_lost
from tests.faults.checkers.membership import check_membership
from tests.faults.checkers.order import check_order
from tests.faults.checkers.phantoms import check_phantoms
from tests.faults.checkers.presence import check_gone, check_presence
from tests.faults.checkers.record import check_record
from tests.faults.checkers.rolling import check_rolling
from tests.faults.checkers.stuck import check_stuck
from tests.faults.checkers.unread import check_unread
from tests.faults.checkers.verdict import Verdict
from tests.faults.history import History

CHECKERS: tuple[Callable[[History], Verdict], ...] = (
    check_lost,
    check_phantoms,
    check_duplicates,
    check_order,
    check_live,
    check_backwards,
    check_leaks,
    check_membership,
    check_changes,
    check_unread,
    check_presence,
    check_gone,
    check_late,
    check_stuck,
    check_internal,
    check_record,
    check_rolling,
)


def check(history: History) -> list[Verdict]:
    """What all of them say."""
    return [checker(history) for checker in CHECKERS]
