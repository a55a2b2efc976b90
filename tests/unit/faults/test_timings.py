"""Percentiles."""

from math import inf

from tests.faults.timings import acknowledging, healing, percentiles, reconnecting, stale_reads
from tests.unit.faults.story import Story, good


def test_percentiles_are_those_of_the_nearest_rank() -> None:
    found = percentiles(number / 100 for number in range(100, 0, -1))
    assert (found.count, found.p50, found.p90, found.p99, found.longest) == (100, 0.5, 0.9, 0.99, 1.0)
    assert percentiles([]).p99 is None


def test_healing_is_timed_for_each_client_and_room() -> None:
    story = Story()
    story.connect("alice", 0)
    story.connect("bob", 0)
    story.invoke("one")
    story.ok("one", 1)
    story.receive("alice", 1, "one")
    story.mark("healed")
    story.receive("bob", 1, "one")
    found = healing(story.history())
    assert (found.count, found.p50, found.longest) == (2, 0.0, 0.1)


def test_who_never_has_everything_waits_for_ever() -> None:
    story = Story()
    story.connect("bob", 0)
    story.ok("one", 1)
    story.mark("healed")
    story.mark("healed")
    found = healing(story.history())
    assert (found.count, found.p50) == (2, inf)


def test_who_is_added_is_waited_for_too() -> None:
    story = good()
    story.presence("eve", "created", 2)
    story.mark("healed")
    found = healing(story.history())
    assert (found.count, found.p50, found.longest) == (3, 0.0, inf)


def test_a_page_without_what_was_acknowledged_before_is_stale() -> None:
    story = good()
    assert (stale_reads(story.history()).reads, stale_reads(story.history()).stale) == (1, 0)
    story.read("bob", story.stored[:2], 2)
    found = stale_reads(story.history())
    assert (found.reads, found.stale, found.by.longest) == (2, 1, 0.1)


def test_only_connections_after_the_first_are_reconnections() -> None:
    assert reconnecting(good().history()).count == 1


def test_acknowledging_lasts_from_the_call_to_the_answer() -> None:
    found = acknowledging(good().history())
    assert (found.count, found.longest) == (3, 0.7)
