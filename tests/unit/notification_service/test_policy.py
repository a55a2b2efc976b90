"""Who is told, in which words, and when it is tried again."""

from uuid import UUID

import msgspec
import pytest

from chassis.times import utc_now
from contracts.internal import Standing
from notification_service import policy
from notification_service.model import Message, Room

ROOM, BOB, ALICE = UUID(int=1), UUID(int=2), UUID(int=3)
MESSAGE = Message(UUID(int=4), ROOM, 7, ALICE, "Hello", utc_now())
AWAY = Standing(ROOM, BOB, read_seq=3, delivered_seq=5, muted=False, online=False)


def standing(**changes: object) -> Standing:
    return msgspec.structs.replace(AWAY, **changes)


@pytest.mark.parametrize(
    ("what", "how", "first", "second"),
    [
        ("away", AWAY, True, True),
        ("connected", standing(online=True), None, True),
        ("confirmed", standing(online=True, delivered_seq=7), False, False),
        ("confirmed, gone since", standing(delivered_seq=7), False, False),
        ("read", standing(read_seq=7), False, False),
        ("muted", standing(muted=True), False, False),
        ("no member", None, False, False),
    ],
)
def test_who_is_away_is_told(what: str, how: Standing | None, first: bool | None, second: bool) -> None:
    assert policy.is_due(MESSAGE, how) is first, what
    assert policy.is_due(msgspec.structs.replace(MESSAGE, looks=1), how) is second, what


@pytest.mark.parametrize(
    ("preferences", "shown"),
    [({}, True), ({"previews": True}, True), ({"previews": False}, False), ({"previews": 0}, True)],
)
def test_previews_are_shown_unless_somebody_says_no(preferences: dict[str, object], shown: bool) -> None:
    assert policy.shows_previews(preferences) is shown


def room(kind: str, name: str | None) -> Room:
    return Room(ROOM, kind, name, utc_now())


@pytest.mark.parametrize(
    ("where", "sender", "previews", "title", "text"),
    [
        (room("direct", None), "Alice", True, "Alice", "Hello"),
        (room("direct", None), "Alice", False, "Alice", "New message"),
        (room("group", "Team"), "Alice", True, "Team", "Alice: Hello"),
        (room("group", "Team"), "Alice", False, "Team", "Alice: New message"),
        (room("group", None), "Alice", True, "Alice", "Alice: Hello"),
        (None, "Alice", True, "Alice", "Hello"),
        (None, None, False, "Somebody", "New message"),
    ],
)
def test_a_notice_says_who_and_in_a_group_also_where(
    where: Room | None, sender: str | None, previews: bool, title: str, text: str
) -> None:
    notice = policy.notice_of(MESSAGE, BOB, where, sender, previews=previews)
    assert (notice.title, policy.text_of(notice)) == (title, text)
    assert (notice.subject_id, notice.user_id, notice.room_id, notice.seq) == (MESSAGE.id, BOB, ROOM, 7)


@pytest.mark.parametrize(
    ("text", "short"),
    [("abc", "abc"), (" abc ", "abc"), ("abcde", "abcde"), ("abcdef", "abcd…"), ("abc def", "abc…"), ("", "")],
)
def test_a_text_is_shortened(text: str, short: str) -> None:
    assert policy.shortened(text, 5) == short


def test_a_device_is_left_alone_for_longer_and_longer() -> None:
    for failures, least, most in [
        (0, 0.5, 1),
        (1, 1, 2),
        (5, 16, 32),
        (9, 256, 512),
        (10, 300, 600),
        (10_000, 300, 600),
    ]:
        waits = [policy.backoff_seconds(failures, 0) for _ in range(50)]
        assert least <= min(waits) < max(waits) <= most


def test_it_is_left_alone_for_as_long_as_the_push_service_asks() -> None:
    waits = [policy.backoff_seconds(0, 60) for _ in range(50)]
    assert 60 <= min(waits) < max(waits) <= 66
    assert policy.backoff_seconds(10, 1) >= 300
