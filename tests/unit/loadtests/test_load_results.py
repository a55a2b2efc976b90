"""A run is judged by what it broke and by its thresholds."""

from typing import Any

import msgspec
import pytest

from loadtests.load.profile import profile
from loadtests.load.results import Result, Row, judged, summed, text

LIMITS = profile().thresholds


def row(kind: str, name: str, count: int = 100, failures: int = 0, p99: float = 20.0) -> Row:
    return Row(
        kind=kind,
        name=name,
        count=count,
        failures=failures,
        per_s=10.0,
        p50_ms=5.0,
        p95_ms=10.0,
        p99_ms=p99,
        max_ms=30.0,
    )


def result(*more: Row, **changes: Any) -> Result:
    rows = [row("WebSocket", "ack"), row("Socket.IO", "ack", 10), row("WebSocket", "delivery", 400), *more]
    about = {
        "started_at": "2026-01-01T00:00:00Z",
        "seconds": 10.0,
        "host": "h",
        "shape": "ramp",
        "users": 5,
        "pace": 1.0,
    }
    return msgspec.structs.replace(summed(rows, ["an example"], **about), **changes)


def test_what_keeps_to_everything_passes() -> None:
    good = judged(result(), LIMITS)
    assert good.passed
    assert (good.messages, good.deliveries, good.requests) == (110, 400, 510)
    assert text(good)[-1].startswith("Passed: 110 messages, 400 deliveries")


@pytest.mark.parametrize("kind", ["gap", "repeat", "place", "duplicate", "lost"])
def test_one_broken_promise_fails_it(kind: str) -> None:
    bad = judged(result(row("check", kind, 1, 1)), LIMITS)
    assert bad.breaches == [f"1 x {kind}"]
    assert any("an example" in line for line in text(bad))


def test_too_many_failures_fail_it() -> None:
    bad = judged(result(row("GET", "/", 490, 2)), LIMITS)
    assert bad.breaches == ["0.20% of all requests failed, 0.10% may"]


def test_a_slow_percentile_fails_it() -> None:
    slow = judged(result(row("Socket.IO", "delivery", p99=501.0)), LIMITS)
    assert slow.breaches == ["p99 of Socket.IO delivery is 501 ms, 500 may be"]


def test_a_run_that_delivered_nothing_has_checked_nothing() -> None:
    assert judged(result(deliveries=0), LIMITS).breaches == ["nothing was delivered, so nothing was checked"]
