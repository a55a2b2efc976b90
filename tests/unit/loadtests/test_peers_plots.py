"""The plots: they are well-formed, and every point is where its value belongs."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from loadtests.bench.plots import apart, chart, decades, draw, steps
from loadtests.bench.results import Growth, Machine, OfSize, OfStored

SVG = "{http://www.w3.org/2000/svg}"


def circles(svg: str) -> list[tuple[float, float]]:
    """The centres of the points, in order."""
    found = ElementTree.fromstring(svg).iter(f"{SVG}circle")
    return [(float(circle.attrib["cx"]), float(circle.attrib["cy"])) for circle in found]


def test_a_tenfold_x_is_always_as_far_to_the_right() -> None:
    points = circles(chart("t", "x", "y", {"a": [(1, 1), (10, 2), (100, 3)]}, log_y=False))

    assert points[1][0] - points[0][0] == pytest.approx(points[2][0] - points[1][0], abs=0.2)


def test_a_linear_y_begins_at_nought() -> None:
    (_, one), (_, two) = circles(chart("t", "x", "y", {"a": [(1, 50), (10, 100)]}, log_y=False))
    floor = 2 * one - two

    assert floor == pytest.approx(400 - 52, abs=0.2)


def test_a_tenfold_y_is_always_as_far_up_on_a_logarithmic_axis() -> None:
    points = circles(chart("t", "x", "y", {"a": [(1, 1), (2, 10), (4, 100)]}, log_y=True))

    assert points[0][1] - points[1][1] == pytest.approx(points[1][1] - points[2][1], abs=0.2)
    assert points[0][1] > points[1][1]


def test_names_are_escaped() -> None:
    svg = chart("a < b & c", "x", "y", {"<s>": [(1, 1), (2, 2)]}, log_y=False)

    assert ElementTree.fromstring(svg).findtext(f"{SVG}title") == "a < b & c"


@pytest.mark.parametrize(("low", "high", "ticks"), [(2, 30, [1, 10, 100]), (1, 10, [1, 10]), (5, 5, [1, 10])])
def test_decades_surround_what_is_shown(low: float, high: float, ticks: list[float]) -> None:
    assert decades(low, high) == ticks


@pytest.mark.parametrize("high", [0.7, 1, 7, 9, 42, 149, 1000])
def test_steps_are_few_and_reach_the_highest(high: float) -> None:
    ticks = steps(high)

    assert ticks[0] == 0
    assert ticks[-1] >= high > ticks[-2]
    assert 4 <= len(ticks) <= 10


def test_labels_keep_their_order_and_their_distance() -> None:
    assert apart({"low": 30.0, "high": 10.0, "near": 12.0}, 15) == {"high": 10, "near": 25, "low": 40}


def test_all_that_was_measured_is_drawn(tmp_path: Path) -> None:
    machine = Machine("Linux", "a processor", 2, "3.11", "", 0.0)
    sizes = [
        OfSize(
            server=server,
            members=members,
            cpu_us_per_delivery=members * 1.5,
            cpu_us_per_message=1,
            messages_per_s=1,
            latency_p50_ms=1,
        )
        for server in ("parley", "socketio")
        for members in (2, 10)
    ]
    stored = [
        OfStored(
            messages=count,
            pod_us_per_message=100,
            postgres_us_per_message=90,
            pod_us_per_page=1,
            buffers_newest=5,
            buffers_middle=6,
            buffers_oldest=7,
            messages_per_s=1,
        )
        for count in (1000, 10_000)
    ]

    files = draw(Growth("", machine, sizes, stored, {}), tmp_path)

    assert {file.name: len(circles(file.read_text())) for file in files} == {
        "room-size.svg": 4,
        "stored-messages.svg": 4,
        "history-pages.svg": 6,
    }
