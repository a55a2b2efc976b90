"""How long to wait before something is started again."""

from devstack.backoff import Backoff


def test_waits_double_up_to_the_last() -> None:
    backoff = Backoff(first=1, last=5, steady=60)
    assert [backoff.after(0) for _ in range(5)] == [1, 2, 4, 5, 5]


def test_what_ran_steadily_begins_anew() -> None:
    backoff = Backoff(first=1, last=5, steady=60)
    assert [backoff.after(ran) for ran in (0, 59, 60, 0)] == [1, 2, 1, 2]
