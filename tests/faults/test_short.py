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
async def test_every_promise_is_kept_while_things_break(tmp_path: Path) -> None:
    report = await run(tmp_path, SHORT, seed=1, sends=SENDS)
    assert report.passed, as_text(report)
    assert report.acknowledged >= SENDS
    assert report.fault_count >= FAULTS
    assert report.verdict("gone").looked_at > 0
    assert report.seconds <= SECONDS
