"""Locust's statistics as a result."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from .results import CHECK, Result, Row, summed


def rows_of(stats: Any, seconds: float) -> list[Row]:
    """A row of each entry.

    Arguments:
        stats: Locust's.
        seconds: how long the run was.
    """
    return [
        Row(
            kind=kind,
            name=name,
            count=entry.num_requests,
            failures=entry.num_failures,
            per_s=entry.num_requests / seconds,
            p50_ms=entry.get_response_time_percentile(0.5),
            p95_ms=entry.get_response_time_percentile(0.95),
            p99_ms=entry.get_response_time_percentile(0.99),
            max_ms=entry.max_response_time,
        )
        for (name, kind), entry in stats.entries.items()
    ]


def result_of(stats: Any, about: Mapping[str, Any]) -> Result:
    """The result of a run that is over.

    Arguments:
        about: `host`, `shape`, `users`, `pace`.
    """
    seconds = max(1.0, (stats.last_request_timestamp or time.time()) - stats.start_time)
    errors = sorted(stats.errors.values(), key=lambda error: error.method != CHECK)
    examples = [f"{error.method} {error.name}: {error.error} ({error.occurrences} x)" for error in errors]
    return summed(rows_of(stats, seconds), examples, started_at=_moment(), seconds=round(seconds, 1), **about)


def _moment() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
