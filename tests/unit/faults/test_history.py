"""Histories on disk, and what is read out of them."""

from pathlib import Path

from tests.faults.events import Entry
from tests.faults.history import Writer, load
from tests.unit.faults.story import ROOM, good


def test_a_history_survives_being_written(tmp_path: Path) -> None:
    told = good().end()
    writer = Writer(tmp_path / "history.jsonl")
    for event in told:
        writer.add(event)
    writer.close()
    assert list(load(tmp_path / "history.jsonl")) == list(told) == list(writer.history)


def test_what_is_stored_is_what_the_first_final_reader_saw() -> None:
    story = good()
    history = story.end()
    assert history.stored() == {ROOM: {entry.seq: entry for entry in story.stored}}
    assert history.stored()[ROOM][3] == Entry(3, "id-three", "three", "bob")


def test_the_outcome_of_a_send_is_its_last_word() -> None:
    story = good()
    story.invoke("four")
    story.outcome("info", "four", "unavailable")
    story.invoke("five")
    story.outcome("fail", "five", "too_long")
    outcomes = story.history().outcomes()
    assert {key: send.type for key, send in outcomes.items()} == {
        "one": "ok",
        "two": "ok",
        "three": "ok",
        "four": "invoke",
        "five": "fail",
    }
