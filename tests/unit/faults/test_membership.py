"""membership: who is added hears of it, and of everything from then on."""

from tests.faults.checkers.membership import check_membership
from tests.faults.checkers.verdict import Verdict
from tests.unit.faults.story import Story, good


def only(verdict: Verdict, *words: str) -> None:
    """One thing is wrong, and its example says these words."""
    assert verdict.count == 1, verdict
    for word in words:
        assert word in verdict.examples[0]


def coming(*, told: bool = True, after: int = 3) -> Story:
    """The good one; Carol, who is connected, is added. She is told, or not, that she is in the room after a message."""
    story = good()
    story.connect("carol", None, connection="f")
    story.member("invoke", "carol", added=True)
    story.member("ok", "carol", added=True)
    story.invoke("four")
    story.ok("four", 4)
    story.store("four")
    if told:
        story.presence("carol", "created", after)
    return story


def test_somebody_who_is_added_and_told_is_well() -> None:
    story = coming()
    story.receive("carol", 4, "four")
    verdict = check_membership(story.end())
    assert verdict.passed
    assert verdict.looked_at == 3


def test_somebody_who_is_never_told_is_found() -> None:
    only(check_membership(coming(told=False).end()), "carol was not told", "added to r")


def test_whoever_connects_later_is_told_by_that() -> None:
    story = coming(told=False)
    story.close("carol", connection="f")
    story.connect("carol", 4, connection="g")
    assert check_membership(story.end()).passed


def test_somebody_who_is_in_the_room_too_late_is_found() -> None:
    only(check_membership(coming(after=4).end()), "carol is in r after 4 only, since before four was sent")


def test_somebody_whose_first_message_is_not_the_next_is_found() -> None:
    story = coming()
    story.invoke("five")
    story.ok("five", 5)
    story.store("five")
    story.receive("carol", 5, "five")
    only(check_membership(story.end()), "carol came into r before 4 and got 5 first")


def removed(*, told: bool) -> Story:
    """Carol is removed again."""
    story = coming()
    story.member("invoke", "carol", added=False)
    story.member("ok", "carol", added=False)
    if told:
        story.presence("carol", "removed")
    return story


def test_somebody_who_is_removed_and_told_is_well() -> None:
    assert check_membership(removed(told=True).end()).passed


def test_somebody_who_is_not_told_of_his_removal_is_found() -> None:
    only(check_membership(removed(told=False).end()), "carol was not told", "removed from r")


def test_an_addition_that_was_never_answered_leaves_it_open() -> None:
    story = coming()
    story.member("info", "carol", added=True)
    story.member("invoke", "carol", added=False)
    story.member("ok", "carol", added=False)
    assert check_membership(story.end()).passed


def test_whoever_is_not_connected_cannot_be_told() -> None:
    story = coming(told=False)
    story.close("carol", connection="f")
    verdict = check_membership(story.end())
    assert (verdict.count, verdict.looked_at) == (0, 0)
