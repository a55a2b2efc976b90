"""GCRA: the arithmetic, and the limits of one process alone."""

from hypothesis import given
from hypothesis import strategies as st

from gateway_service.limits import MICROSECONDS, Limit, LocalLimits, Verdict, gcra

MINUTE = Limit.per(60, 60)


def test_a_burst_is_admitted_and_then_one_at_a_time() -> None:
    local, now = LocalLimits(), 1_000 * MICROSECONDS
    first = [local.check("a", MINUTE, now) for _ in range(60)]
    assert all(verdict.allowed for verdict in first)
    assert [verdict.remaining for verdict in first] == list(range(59, -1, -1))
    refused = local.check("a", MINUTE, now)
    assert not refused.allowed
    assert refused.retry_seconds == 1
    assert refused.reset_seconds == 60
    assert not local.check("a", MINUTE, now + MICROSECONDS - 1).allowed
    assert local.check("a", MINUTE, now + MICROSECONDS).allowed
    assert not local.check("a", MINUTE, now + MICROSECONDS).allowed


def test_callers_do_not_share() -> None:
    local, limit = LocalLimits(), Limit.per(1, 60)
    assert local.check("a", limit, 1).allowed
    assert local.check("b", limit, 1).allowed
    assert not local.check("a", limit, 2).allowed


def test_the_oldest_callers_are_forgotten() -> None:
    local, limit = LocalLimits(size=2), Limit.per(1, 60)
    for caller in ("a", "b", "c"):
        assert local.check(caller, limit, 1).allowed
    assert local.check("a", limit, 1).allowed
    assert not local.check("c", limit, 1).allowed


def test_a_burst_may_be_larger_than_the_rate() -> None:
    limit = Limit.per(10, 1, 20)
    assert (limit.burst, limit.interval_us) == (20, 100_000)


@given(
    st.integers(1, 20),
    st.integers(1, 1000),
    st.lists(st.integers(0, 3000), min_size=1, max_size=200),
)
def test_never_more_than_the_burst_and_the_rate_allow(burst: int, interval: int, gaps: list[int]) -> None:
    limit, now, arrival = Limit(burst, interval), 10**15, 0
    admitted: list[int] = []
    for gap in gaps:
        now += gap
        arrival, allowed, remaining, wait = gcra(arrival, now, limit)
        assert 0 <= remaining <= burst
        assert (wait == 0) is allowed
        if allowed:
            admitted.append(now)
            assert len(admitted) < burst + 1 or now - admitted[-burst - 1] >= interval
        else:
            assert gcra(arrival, now + wait, limit)[1]
            assert not gcra(arrival, now + wait - 1, limit)[1]


def test_headers_are_whole_seconds_rounded_up() -> None:
    headers = Verdict(True, MINUTE, 3, reset_seconds=0.2, retry_seconds=0).headers()
    assert headers == {"RateLimit-Limit": "60", "RateLimit-Remaining": "3", "RateLimit-Reset": "1"}


def test_without_limits_there_are_no_headers() -> None:
    assert Verdict(allowed=True).headers() == {}
