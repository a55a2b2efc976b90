"""The table that people read."""

from typing import Any

import pytest

from loadtests.bench.__main__ import arguments
from loadtests.bench.results import Line
from loadtests.bench.table import table


def line(**changes: Any) -> Line:
    values: dict[str, Any] = {
        "row": "room",
        "what": "room of 200",
        "process": "chat-1",
        "seconds": 5.0,
        "sockets": 200,
        "messages_per_s": 1500.0,
        "deliveries_per_s": 300_000.0,
        "cpu_percent": 40.0,
        "cpu_us_per_delivery": 1.25,
        "cpu_us_per_message": 250.0,
        "latency_mean_ms": 9.0,
        "latency_p50_ms": 8.0,
        "latency_p99_ms": 20.0,
        "latency_max_ms": 30.0,
    }
    return Line(**(values | changes))


def test_every_line_says_what_was_measured_and_for_how_long() -> None:
    head, row = table([line()])
    assert head.split()[:4] == ["what", "was", "measured", "process"]
    assert row.startswith("room of 200")
    assert "5.0" in row and "300,000" in row


def test_a_missed_target_is_marked() -> None:
    met = table([line(targets={"cpu_us_per_delivery": 2.0})])[1]
    missed = table([line(targets={"cpu_us_per_delivery": 1.0})])[1]
    assert "1.25 (≤ 2)" in met
    assert "1.25! (≤ 1)" in missed


def test_columns_are_aligned() -> None:
    head, one, other = table([line(), line(what="a room with a longer name", messages_per_s=7.0)])
    assert head.index("process") == one.index("chat-1") == other.index("chat-1")
    assert len(one) == len(other)


def test_memory_that_was_not_measured_is_empty() -> None:
    assert table([line(idle_kib_per_socket=4.44)])[1].endswith("4.4")
    assert table([line()])[1].endswith("30.00")


def test_an_unknown_row_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        arguments(["pairs", "nonsense"])
    assert "no such row: nonsense" in capsys.readouterr().err
