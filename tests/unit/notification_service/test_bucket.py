"""How fast pushes are sent."""

import pytest

from notification_service.senders.bucket import Bucket


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_second_s_worth_may_be_taken_at_once_and_comes_back_evenly() -> None:
    clock = Clock()
    bucket = Bucket(10, clock)
    assert (bucket.take(100), bucket.take(100)) == (10, 0)
    clock.now += 0.5
    assert (bucket.take(3), bucket.take(100)) == (3, 2)
    bucket.give_back(2)
    assert bucket.take(100) == 2
    clock.now += 100
    assert bucket.take(100) == 10


def test_a_complaint_halves_the_rate_once_a_second_and_it_grows_back() -> None:
    clock = Clock()
    bucket = Bucket(120, clock)
    for _ in range(5):
        bucket.slow_down()  # many devices are told so at the same time
    assert bucket.rate == 60
    clock.now += 1
    bucket.slow_down()
    assert bucket.rate == pytest.approx(31)
    clock.now += 30
    bucket.take(0)
    assert bucket.rate == pytest.approx(91)
    clock.now += 60
    bucket.take(0)
    assert bucket.rate == 120


def test_it_never_stops() -> None:
    clock = Clock()
    bucket = Bucket(4, clock)
    for _ in range(10):
        clock.now += 1.0
        bucket.slow_down()
    assert bucket.rate == 1
    clock.now += 1
    assert bucket.take(10) >= 1
