"""unread: counts that fit what was sent and read."""

import pytest

from tests.faults.checkers.unread import check_unread
from tests.faults.checkers.verdict import Verdict
from tests.unit.faults.story import Story, good


def only(verdict: Verdict, *words: str) -> None:
    """One thing is wrong, and its example says these words."""
    assert verdict.count == 1, verdict
    for word in words:
        assert word in verdict.examples[0]


def found(story: Story, *, alice: tuple[int, int, int] = (1, 3, 2), bob: tuple[int, int, int] = (0, 3, 3)) -> Verdict:
    """The verdict when the two find these in the end: unread, last, read; by default what is right."""
    story.listing("alice", *alice)
    story.listing("bob", *bob)
    return check_unread(story.end())


def test_counts_that_fit_are_well() -> None:
    assert found(good()).passed


@pytest.mark.parametrize("alice", [(0, 3, 2), (2, 3, 2), (3, 3, 2)])
def test_a_count_that_is_not_what_lies_behind_the_marker_is_found(alice: tuple[int, int, int]) -> None:
    only(found(good(), alice=alice), f"alice finds {alice[0]} unread", "having read 2 of 3")


def test_a_room_whose_end_is_not_known_is_found() -> None:
    only(found(good(), alice=(0, 2, 2)), "of 2; it has 3")


def test_a_marker_that_is_behind_a_message_of_his_own_is_found() -> None:
    only(found(good(), bob=(2, 3, 1)), "bob finds 2 unread", "between 3 and 3")


def test_a_marker_that_is_behind_what_was_acknowledged_is_found() -> None:
    story = good()
    story.marking("invoke", "alice")
    story.marking("ok", "alice", 3)
    only(found(story), "alice finds 1 unread", "between 3 and 3")


def test_a_marker_beyond_what_anybody_has_read_is_found() -> None:
    only(found(good(), alice=(0, 3, 3)), "alice finds 0 unread", "between 2 and 2")


def test_a_marker_whose_answer_was_lost_may_have_moved_or_not() -> None:
    for alice in ((0, 3, 3), (1, 3, 2)):
        story = good()
        story.marking("invoke", "alice", 3)
        assert found(story, alice=alice).passed


def test_what_others_were_told_is_so() -> None:
    story = good()
    story.marking("invoke", "alice", 3)
    story.receipt("bob", "alice", 3)
    only(found(story), "alice finds 1 unread", "between 3 and 3")


def test_a_receipt_for_what_nobody_has_read_is_found() -> None:
    story = good()
    story.receipt("bob", "alice", 3)
    only(found(story), "bob was told that alice has read 3 of r")


def test_a_room_that_is_missing_in_a_list_is_found() -> None:
    story = good()
    story.listing("alice", 1, 3, 2)
    only(check_unread(story.end()), "bob does not find r")


def test_a_newcomer_begins_with_nothing_unread_and_then_counts() -> None:
    for read, well in ((2, False), (3, True), (4, False)):
        story = good()
        story.member("invoke", "carol", added=True)
        story.member("ok", "carol", added=True)
        story.invoke("four")
        story.ok("four", 4)
        story.store("four")
        story.listing("carol", 4 - read, 4, read)
        story.listing("alice", 0, 4, 4)
        story.listing("bob", 1, 4, 3)
        assert check_unread(story.end()).passed is well, read
