"""docs/security.md names for each threat what is there against it, where, and which test shows it; and every event."""

import re

import pytest

from auth_service.audit import EVENTS
from tests.unit.docs.code import ROOT, everything
from tests.unit.docs.documents import codes, rows, section

TEXT = (ROOT / "docs" / "security.md").read_text()
CONTROLS = rows(section(TEXT, "## Threats and controls"))


@pytest.mark.parametrize("row", CONTROLS, ids=lambda row: row[0])
def test_every_control_has_a_place_and_a_test(row: list[str]) -> None:
    threat, control, where, test = row
    assert threat
    assert control
    assert [name for name in codes(where) if not (ROOT / name).exists()] == []
    assert codes(where) or "](" in where
    for name in codes(test):  # those of one test are looked for by test_documents
        is_function = re.fullmatch(r"test_[a-z0-9_]+", name) is not None
        assert is_function or name.startswith(("make ", "-")) or (ROOT / name).is_file(), name
    assert codes(test)


def test_there_are_as_many_controls_as_it_takes() -> None:
    assert len(CONTROLS) > 30


def test_every_security_event_is_told_and_recorded() -> None:
    told = {codes(event)[0]: meaning for event, meaning in rows(section(TEXT, "## Audit log"))}
    assert told == EVENTS
    text = everything()
    recorded = {name for name in EVENTS if text.count(f'"{name}"') > 1}  # beside the list itself
    assert recorded == set(EVENTS)
