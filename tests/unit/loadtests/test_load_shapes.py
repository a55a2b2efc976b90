"""Shapes are data."""

from pathlib import Path

import pytest

from loadtests.load.shapes import Shape, Stage, shapes


def test_the_shapes_that_are_promised_are_there() -> None:
    assert set(shapes()) == {"steady", "ramp", "spike", "storm", "soak"}


@pytest.mark.parametrize("name", ["ramp", "spike", "storm", "soak"])
def test_a_shape_reaches_all_users_and_ends_in_time(name: str) -> None:
    shape = shapes()[name]
    counts = [shape.users(second, total=100, rate=5, time=600) for second in range(600)]
    assert max(count or 0 for count in counts) >= 99
    assert min(count or 0 for count in counts) >= 1
    assert shape.users(600, total=100, rate=5, time=600) is None


def test_users_change_in_a_straight_line() -> None:
    shape = Shape("", [Stage(0.5, 1.0), Stage(1.0, 0.0)])
    assert [shape.users(second, total=100, rate=1, time=100) for second in (25, 50, 75)] == [50, 100, 50]


def test_a_steady_shape_grows_by_the_rate() -> None:
    steady = shapes()["steady"]
    assert [steady.users(second, total=30, rate=10, time=60) for second in (0, 1, 2, 50)] == [10, 20, 30, 30]


def test_cuts_are_counted_as_they_become_due() -> None:
    shape = Shape("", [], cuts=[0.25, 0.75])
    assert [shape.cuts_until(second, time=100) for second in (0, 25, 74, 75)] == [0, 1, 1, 2]


@pytest.mark.parametrize(
    "text",
    [
        '[x]\nabout = ""\nstages = [{until = 0.5, users = 1.0}]',
        '[x]\nabout = ""\nstages = [{until = 0.5, users = 1}, {until = 0.5, users = 1}, {until = 1.0, users = 1}]',
        '[x]\nabout = ""\nstages = []\ncuts = [2.0]',
    ],
    ids=["ends early", "does not ascend", "too late"],
)
def test_a_shape_that_cannot_be_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "shapes.toml").write_text(text)
    with pytest.raises(ValueError, match="of x must"):
        shapes(tmp_path / "shapes.toml")
