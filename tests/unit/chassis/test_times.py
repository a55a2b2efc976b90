"""Times as the contract writes them."""

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.times import rfc3339, utc_now


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 1, 31, 12, 0, 0, 123456, tzinfo=UTC), "2026-01-31T12:00:00.123456Z"),
        (datetime(2026, 1, 31, 12, 0, 0, 0, tzinfo=UTC), "2026-01-31T12:00:00.000000Z"),
        (datetime(2026, 1, 1, 1, 30, tzinfo=timezone(timedelta(hours=2))), "2025-12-31T23:30:00.000000Z"),
        (datetime(2026, 1, 1, 0, 0, tzinfo=timezone(timedelta(0), "GMT")), "2026-01-01T00:00:00.000000Z"),
        (None, None),
    ],
)
def test_a_moment_is_written_in_utc(moment: datetime | None, text: str | None) -> None:
    assert rfc3339(moment) == text


@given(st.datetimes(timezones=st.timezones(), min_value=datetime(1900, 1, 2), max_value=datetime(9990, 1, 1)))  # noqa: DTZ001
def test_every_moment_has_the_same_length_and_comes_back(moment: datetime) -> None:
    text = rfc3339(moment)
    assert text is not None
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", text)
    assert datetime.fromisoformat(text) == moment.astimezone(UTC)


def test_now_is_aware() -> None:
    now = utc_now()
    assert now.utcoffset() == timedelta(0)
    assert abs(now - datetime.now(UTC)) < timedelta(seconds=10)
