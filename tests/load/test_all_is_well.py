"""A platform that keeps its promises passes, and what was measured is written down."""

from pathlib import Path

import pytest

from devstack.background import Background
from tests.load.conftest import Run, build_as

pytestmark = pytest.mark.timeout(150)


@pytest.fixture(autouse=True)
def whole(stack: Background, variant: Path) -> None:
    """Nothing is broken."""
    build_as("none", stack, variant)


def test_all_kinds_of_users_find_nothing_wrong_though_their_sockets_are_cut(run: Run, tmp_path: Path) -> None:
    code, result, said = run("--users", "20", "--time", "12s", "--shape", "storm", "--pace", "5")
    assert code == 0, said
    assert result.deliveries > 100
    assert not any(result.violations.values())
    done = {(row.kind, row.name) for row in result.rows}
    for kind in ("WebSocket", "Socket.IO"):
        assert {(kind, name) for name in ("connect", "ack", "delivery", "resume")} <= done
    assert {("GET", "/api/chat/users/"), ("GET", "/api/chat/{room}/messages/?after=")} <= done
    names = {path.name for path in tmp_path.iterdir()}
    assert {"report.html", "report.json", "report_stats.csv", "report_stats_history.csv"} <= names


def test_several_processes_play_people_of_their_own(run: Run) -> None:
    code, result, said = run("--users", "20", "--time", "8s", "--pace", "5", "--processes", "2")
    assert code == 0, said
    assert result.deliveries > 50


def test_a_threshold_that_is_exceeded_fails_the_run(run: Run) -> None:
    code, result, _ = run("--users", "10", "--time", "4s", "--pace", "10", "--delivery-p95-ms", "0.001")
    assert code == 1
    assert any("p95 of WebSocket delivery" in breach for breach in result.breaches)
