"""Builds that are broken on purpose fail a run: a check that has never failed proves nothing."""

from pathlib import Path

import pytest

from devstack.background import Background
from tests.load.conftest import Run, build_as

# How it is broken, and the promise that is seen to be broken.
BUILDS = {
    "loses_deliveries": "gap",
    "delivers_twice": "repeat",
    "replay_before_subscribe": "gap",
    "ack_before_commit": "duplicate",
}


@pytest.mark.timeout(200)
@pytest.mark.parametrize("build", BUILDS)
def test_a_broken_build_fails_the_run(build: str, run: Run, stack: Background, variant: Path) -> None:
    build_as(build, stack, variant)
    code, result, said = run("--users", "20", "--time", "8s", "--shape", "storm", "--pace", "10")
    assert code == 1, said
    assert result.violations[BUILDS[build]] > 0, said
