"""Reports."""

import msgspec

from tests.faults.checkers import check
from tests.faults.events import Fault
from tests.faults.report import as_json, as_text, report_of
from tests.unit.faults.story import eventful, good


def test_a_good_history_gives_a_report_that_says_so() -> None:
    story = eventful().record_all()
    story.events.append(Fault(story.now(), "invoke", "kill", "chat-1", 1))
    history = story.end()
    report = report_of(history, check(history), seed=7)
    assert report.passed
    assert (report.acknowledged, report.violations, report.fault_count) == (3, 0, 1)
    assert report.closes == {"none": 2}
    text = as_text(report)
    assert "seed 7" in text
    assert "kill chat-1 x1" in text
    assert text.endswith("\npassed")


def test_a_bad_one_gives_a_report_with_examples() -> None:
    story = good()
    story.invoke("four")
    story.ok("four", 4)
    story.mark("healed")
    history = story.end()
    report = report_of(history, check(history), seed=7)
    assert not report.passed
    assert report.verdict("acked-lost").count == 1
    text = as_text(report)
    assert "four was acknowledged" in text
    assert "never" in text  # nobody has had all of the room since
    assert f"FAILED: {report.violations} violations" in text


def test_a_report_is_valid_json() -> None:
    story = good()
    story.invoke("four")
    story.ok("four", 4)
    story.mark("healed")
    history = story.end()
    body = msgspec.json.decode(as_json(report_of(history, check(history), seed=7)))
    assert body["healed"]["p99"] is None
    assert body["verdicts"][0]["name"] == "acked-lost"
