"""From metrics to figures, and to a page."""

import pytest

from devstack.figures.page import page, shown, sparkline
from devstack.figures.reading import FIGURES, Figure, Reading, level, of_buckets, parsed, per_second, quantile

ONE = 'things_total{kind="a"} 10\nthings_total{kind="b"} 1\nopen 3\n'
OTHER = 'things_total{kind="a"} 20\nopen 4\n'


def reading(at: float, *texts: str) -> Reading:
    return Reading(at, parsed(texts))


def test_processes_are_added_and_kinds_told_apart() -> None:
    now = reading(2.0, ONE, OTHER)
    assert now.total("things_total") == 31
    assert now.total("things_total", kind="a") == 30
    assert now.total("nothing") == 0


def test_a_counter_is_told_by_its_pace_and_a_gauge_as_it_is() -> None:
    before, now = reading(0.0, ONE), reading(2.0, ONE, OTHER)
    assert per_second("things_total", kind="a")(before, now) == 10
    assert level("open")(before, now) == 7


def test_a_process_that_began_anew_counts_as_silent() -> None:
    assert per_second("things_total")(reading(0.0, ONE), reading(2.0, "things_total 1\n")) == 0


def test_a_quantile_is_that_of_what_was_counted_in_between() -> None:
    text = 'lag_bucket{{le="0.1"}} {}\nlag_bucket{{le="1.0"}} {}\nlag_bucket{{le="+Inf"}} {}\nlag_count {}\n'
    before, now = reading(0.0, text.format(100, 100, 100, 100)), reading(1.0, text.format(100, 110, 110, 110))
    assert quantile("lag", 0.5)(before, now) == pytest.approx(550)
    assert quantile("lag", 0.5)(now, now) == 0


@pytest.mark.parametrize(
    ("counts", "value"),
    [
        ({}, 0.0),
        ({1.0: 0.0, float("inf"): 0.0}, 0.0),
        ({1.0: 4.0, float("inf"): 4.0}, 0.5),
        ({1.0: 0.0, float("inf"): 4.0}, 1.0),
    ],
)
def test_quantiles_of_odd_histograms(counts: dict[float, float], value: float) -> None:
    assert of_buckets(counts, 0.5) == value


def test_a_line_ends_at_the_right_and_reaches_from_top_to_bottom() -> None:
    line = sparkline([0.0, 5.0, 10.0], 5, "things")
    assert 'points="120.0,38.0 180.0,20.0 240.0,2.0"' in line
    assert "NaN" not in sparkline([], 5, "nothing") + sparkline([0.0], 1, "zero")


def test_the_page_says_what_is_and_what_was_at_most() -> None:
    figures = (Figure("things <b>", "/s", level("open")),)
    text = page(figures, [[1.0], [1234.5], [3.25]], 150, 2.0)
    assert "things &lt;b&gt;" in text
    assert "<b>3.25 /s</b> at most 1,234" in text
    assert "<script" not in text
    assert "…" in page(figures, [], 150, 2.0)


def test_numbers_are_short() -> None:
    assert [shown(value) for value in (0.0, 3.0, 0.12345, 123.4, 12345.6)] == ["0", "3", "0.123", "123", "12,346"]


def test_each_figure_has_a_name_of_its_own() -> None:
    assert len({figure.title for figure in FIGURES}) == len(FIGURES) > 8
