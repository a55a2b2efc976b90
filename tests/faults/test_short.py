"""The short form: about a minute of faults."""

from pathlib import Path

import pytest

from tests.faults.plan import SHORT
from tests.faults.report import as_text
from tests.faults.runner import run

SENDS = 5000
FAULTS = 6
SECONDS = 90


@pytest.mark.timeout(180)
async def test_nothing_is_lost_doubled_disordered_or_leaked_while_things_break(tmp_path: Path) -> None:
    report = await run(tmp_path, SHORT, seed=1, sends=SENDS)
    assert report.passed, as_text(report)
    assert report.acknowledged >= SENDS
    assert report.fault_count >= FAULTS
    assert report.seconds <= SECONDS
