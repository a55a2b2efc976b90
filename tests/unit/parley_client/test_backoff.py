"""When to come back."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley_client.backoff import SOON_SECONDS, Backoff, Then, after_close, after_refusal


class Most(random.Random):
    """Always the upper bound."""

    def uniform(self, a: float, b: float) -> float:
        return b


@pytest.mark.parametrize(
    ("code", "then"),
    [
        (None, Then.RETRY),
        (1000, Then.RETRY),
        (1001, Then.SOON),
        (1006, Then.RETRY),
        (1011, Then.RETRY),
        (1012, Then.SOON),
        (1013, Then.WAIT),
        (4400, Then.RETRY),
        (4401, Then.RENEW),
        (4408, Then.WAIT),
        (4429, Then.WAIT),
        (4999, Then.RETRY),
    ],
)
def test_a_close_code_says_what_to_do(code: int | None, then: Then) -> None:
    assert after_close(code) is then


@pytest.mark.parametrize(
    ("status", "then"),
    [(401, Then.RENEW), (403, Then.STOP), (404, Then.STOP), (422, Then.STOP)]
    + [(429, Then.WAIT), (500, Then.RETRY), (502, Then.RETRY), (503, Then.WAIT)],
)
def test_the_status_of_a_refusal_says_what_to_do(status: int, then: Then) -> None:
    assert after_refusal(status) is then


def test_the_bound_doubles_up_to_the_longest_and_begins_anew_when_it_worked() -> None:
    backoff = Backoff(0.25, 3.0, Most())
    assert [backoff.seconds(Then.RETRY) for _ in range(6)] == [0.25, 0.5, 1.0, 2.0, 3.0, 3.0]
    backoff.worked()
    assert backoff.seconds(Then.RETRY) == 0.25
    assert Backoff(0.25, 3.0, Most()).seconds(Then.WAIT) == 1.0


def test_a_server_that_goes_away_in_good_order_says_when_to_come() -> None:
    backoff = Backoff(0.25, 3.0, Most())
    assert [backoff.seconds(Then.SOON, 1.7), backoff.seconds(Then.SOON)] == [1.7, SOON_SECONDS]
    assert backoff.failures == 0


@given(st.integers(), st.integers(min_value=0, max_value=5000), st.sampled_from([None, 0.0, 2.0]))
def test_the_wait_is_jittered_over_the_whole_bound_and_never_shorter_than_asked_for(
    seed: int, failures: int, asked: float | None
) -> None:
    backoff = Backoff(0.25, 10.0, random.Random(seed))
    backoff.failures = failures
    seconds = backoff.seconds(Then.RETRY, asked)
    assert (asked or 0) <= seconds <= (asked or 0) + min(10.0, 0.25 * 2.0 ** min(failures, 30))


def test_clients_that_failed_together_come_back_apart() -> None:
    waits = []
    for seed in range(1000):
        backoff = Backoff(0.25, 10.0, random.Random(seed))
        backoff.failures = 4
        waits.append(backoff.seconds(Then.RETRY))
    for tenth in range(10):
        assert 50 < sum(0.4 * tenth <= wait < 0.4 * (tenth + 1) for wait in waits) < 170
