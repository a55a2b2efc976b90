"""Builds that are broken on purpose must be caught."""

from pathlib import Path

import pytest

from tests.faults.builds import BUILDS, catch
from tests.faults.report import as_text


@pytest.mark.timeout(180)
async def test_builds_that_break_a_promise_are_caught(tmp_path: Path) -> None:
    reports = await catch(list(BUILDS), tmp_path, seed=1)
    for name, build in BUILDS.items():
        assert reports[name].verdict(build.found_by).count > 0, f"{name}\n{as_text(reports[name])}"
