"""changed: what messages say in the end, and the order in which their changes are told."""

from tests.faults.checkers.changes import check_changes
from tests.faults.checkers.leaks import check_leaks
from tests.faults.checkers.verdict import Verdict
from tests.faults.events import DELETED
from tests.unit.faults.story import Story, good


def edited() -> Story:
    """The good one, in which Alice edits `one` and everybody is told."""
    story = good()
    story.change("invoke", "one", 1, 1)
    story.change("ok", "one", 1, 1, rev=1)
    for client in ("alice", "bob"):
        story.changed(client, 1, 1, 1)
    story.restore(1, 1)
    return story


def only(verdict: Verdict, *words: str) -> None:
    """One thing is wrong, and its example says these words."""
    assert verdict.count == 1, verdict
    for word in words:
        assert word in verdict.examples[0]


def test_an_edit_that_reaches_everybody_is_well() -> None:
    verdict = check_changes(edited().end())
    assert verdict.passed
    assert verdict.looked_at


def test_an_acknowledged_edit_that_is_not_there_is_lost() -> None:
    story = good()
    story.change("invoke", "one", 1, 1)
    story.change("ok", "one", 1, 1, rev=1)
    only(check_changes(story.end()), "1 of room r is unchanged", "should be edited 1 times")


def test_an_edit_that_was_not_answered_may_be_there_or_not() -> None:
    for version in (0, 1):
        story = good()
        story.change("invoke", "one", 1, 1)
        story.restore(1, version)
        if version:
            story.changed("alice", 1, 1, 1)
            story.changed("bob", 1, 1, 1)
        assert check_changes(story.end()).passed


def test_an_edit_that_comes_back_after_a_deletion_is_found() -> None:
    story = edited()
    story.change("invoke", "one", 1, DELETED)
    story.change("ok", "one", 1, DELETED, rev=2)
    only(check_changes(story.end()), "is edited 1 times", "should be deleted")


def test_words_that_nobody_has_asked_for_are_found() -> None:
    story = edited()
    story.restore(2, DELETED)
    for client in ("alice", "bob"):
        story.changed(client, 2, DELETED, 2)
    only(check_changes(story.end()), "2 of room r is deleted", "nobody")


def test_a_client_that_was_never_told_of_an_edit_is_found() -> None:
    story = good()
    story.change("invoke", "one", 1, 1)
    story.change("ok", "one", 1, 1, rev=1)
    story.changed("alice", 1, 1, 1)
    story.restore(1, 1)
    only(check_changes(story.end()), "bob has 1 of room r unchanged", "it is edited 1 times")


def test_a_client_that_got_the_message_as_it_is_need_not_be_told() -> None:
    story = edited()
    story.close("bob")
    story.connect("bob", 3, asked=0, connection="d")
    story.receive("bob", 1, "one")
    last = story.events.pop()
    story.events.append(type(last)(**{**{f: getattr(last, f) for f in last.__struct_fields__}, "version": 1, "rev": 1}))
    assert check_changes(story.end()).passed


def test_revs_that_go_back_are_found() -> None:
    story = edited()
    story.change("invoke", "two", 2, 1)
    story.change("ok", "two", 2, 1, rev=2)
    story.restore(2, 1)
    story.changed("bob", 2, 1, 2)
    story.changed("alice", 2, 1, 2)
    story.changed("bob", 1, 1, 1)
    only(check_changes(story.end()), "bob was told of rev 1 of room r after 2")


def test_a_rev_that_means_different_things_is_found() -> None:
    story = edited()
    story.change("invoke", "two", 2, 1)
    story.change("ok", "two", 2, 1, rev=2)
    story.restore(2, 1)
    story.changed("bob", 2, 1, 2)
    story.changed("alice", 2, 1, 3)
    story.changed("bob", 2, 1, 3)
    assert check_changes(story.history()).passed
    story.changed("alice", 3, 0, 4)
    story.changed("bob", 2, 1, 4)
    only(check_changes(story.end()), "bob was told of rev 4", "as a change of 2, others as one of 3")


def test_readers_that_disagree_are_found() -> None:
    story = edited()
    story.read("alice", story.stored, final=True)
    story.restore(1, 0)
    story.read("bob", story.stored, final=True)
    only(check_changes(story.history()), "bob reads 1 of room r unchanged")


def test_a_change_that_was_refused_is_found() -> None:
    story = good()
    story.change("invoke", "one", 1, 1)
    story.change("fail", "one", 1, 1)
    only(check_changes(story.end()), "could not change one")


def test_a_change_that_reaches_somebody_who_was_removed_before_it_is_a_leak() -> None:
    story = good()
    story.member("invoke", "bob", added=False)
    story.member("ok", "bob", added=False)
    story.change("invoke", "one", 1, 1)
    story.changed("bob", 1, 1, 1)
    only(check_leaks(story.end("alice")), "bob got a change of 1")
