"""presence and gone: who is shown to be there."""

from tests.faults.checkers.presence import check_gone, check_presence
from tests.faults.checkers.verdict import Verdict
from tests.faults.presence import GONE_SECONDS, GRACE_SECONDS
from tests.unit.faults.story import Story, good


def friends() -> Story:
    """The good one, in which Alice and Bob are friends and both there."""
    story = good()
    story.friends("alice", "bob")
    story.sight("alice", "bob", online=True)
    story.sight("bob", "alice", online=True)
    return story


def only(verdict: Verdict, *words: str) -> None:
    """One thing is wrong, and its example says these words."""
    assert verdict.count == 1, verdict
    for word in words:
        assert word in verdict.examples[0]


def test_friends_who_see_each_other_are_well() -> None:
    verdict = check_presence(friends().end())
    assert verdict.passed
    assert verdict.looked_at == 2


def test_somebody_who_is_there_and_shown_offline_is_found() -> None:
    story = friends()
    story.sight("alice", "bob", online=False)
    only(check_presence(story.end()), "alice is shown bob offline in the end, who is online")


def test_somebody_who_is_there_and_never_shown_is_found() -> None:
    story = friends()
    story.close("alice", connection="d")
    story.connect("alice", 3, asked=3, connection="g")  # what was told before does not count any more
    only(check_presence(story.end()), "alice is shown bob offline in the end, who is online")


def test_somebody_who_is_found_offline_over_http_is_found() -> None:
    story = friends()
    story.finds("alice", "bob", online=False)
    only(check_presence(story.end()), "alice finds bob offline, who is online")


def restarted(away: float, *, back: bool) -> Story:
    """A rolling restart, in which Bob is away for a while and Alice is told that he is gone."""
    story = friends()
    story.mark("healed")
    story.fault("rolling", "chat", 1)
    story.close("bob", 1012)
    story.skip(away)
    if back:
        story.connect("bob", 3, asked=3, connection="g")
        story.sight("bob", "alice", online=True)
    story.sight("alice", "bob", online=False)
    if not back:
        story.connect("bob", 3, asked=3, connection="g")
        story.sight("bob", "alice", online=True)
    story.sight("alice", "bob", online=True)
    return story


def test_nobody_who_is_back_in_time_is_shown_offline_in_a_rolling_restart() -> None:
    only(check_presence(restarted(3, back=True).end()), "alice was told", "that bob is gone", "rolling restart")
    only(check_presence(restarted(GRACE_SECONDS / 2, back=False).end()), "who was away for 10.")


def test_somebody_who_stays_away_longer_than_the_grace_may_be_shown_offline() -> None:
    assert check_presence(restarted(GRACE_SECONDS, back=False).end()).passed


def gone(seconds: float, *, told: bool) -> Story:
    """Dave, a friend of Bob, goes for good."""
    story = friends()
    story.friends("bob", "dave")
    story.connect("dave", 3, connection="e")
    story.sight("bob", "dave", online=True)
    story.leave("dave", connection="e")
    story.skip(seconds)
    if told:
        story.sight("bob", "dave", online=False)
    return story


def test_somebody_who_is_gone_and_shown_so_is_well() -> None:
    history = gone(GONE_SECONDS, told=True).end()
    assert check_presence(history).passed
    assert check_gone(history).looked_at == 1
    assert check_gone(history).passed


def test_somebody_who_is_gone_and_stays_online_is_found() -> None:
    history = gone(GONE_SECONDS, told=False).end()
    only(check_presence(history), "bob is shown dave online in the end, who is offline")
    only(check_gone(history), "dave is gone for", "is shown online to bob")


def test_somebody_who_has_just_gone_may_be_shown_either_way() -> None:
    for told in (True, False):
        history = gone(GONE_SECONDS / 2, told=told).end()
        assert check_presence(history).passed
        assert check_gone(history).looked_at == 0


def test_somebody_who_is_gone_and_found_online_over_http_is_found() -> None:
    story = gone(GONE_SECONDS, told=True)
    story.finds("bob", "dave", online=True)
    only(check_presence(story.end()), "bob finds dave online, who is offline")
