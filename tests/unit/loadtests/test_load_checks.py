"""What users are told is held against what was sent and acknowledged."""

from loadtests.load.checks import Book, Violation, Watch


def kinds(violations: object) -> list[str]:
    assert hasattr(violations, "__iter__")
    return [violation.kind for violation in violations]


def received(watch: Watch, *seqs: int) -> list[str]:
    found = [watch.received("room", seq) for seq in seqs]
    return [violation.kind for violation in found if isinstance(violation, Violation)]


def test_messages_that_follow_each_other_are_as_they_should_be() -> None:
    watch = Watch()
    watch.begin({"room": 4})
    assert received(watch, 5, 6, 7) == []


def test_a_hole_is_told_once_and_what_follows_it_is_fine() -> None:
    watch = Watch()
    watch.begin({"room": 4})
    assert received(watch, 5, 7, 8) == ["gap"]


def test_what_has_come_before_is_a_repeat() -> None:
    watch = Watch()
    watch.begin({"room": 4})
    assert received(watch, 5, 5, 4, 6) == ["repeat", "repeat"]


def test_a_position_survives_another_ready() -> None:
    watch = Watch()
    watch.begin({"room": 4})
    received(watch, 5)
    watch.begin({"room": 9, "other": 1})
    assert watch.positions == {"room": 5, "other": 1}
    assert received(watch, 6) == []


def test_acknowledged_and_delivered_at_the_same_place_is_as_it_should_be() -> None:
    book = Book("p")
    key = book.write("room", 0.0)
    sent, violations = book.delivered(key, "room", 5)
    assert sent is not None
    assert kinds(violations) == []
    assert kinds(book.acknowledged(key, "room", 5)) == []
    assert book.newest(["room", "other"]) == {"room": 5}


def test_two_places_of_one_message_are_a_duplicate() -> None:
    book = Book("p")
    key = book.write("room", 0.0)
    assert kinds(book.acknowledged(key, "room", 5)) == []
    _, violations = book.delivered(key, "room", 6)
    assert kinds(violations) == ["duplicate"]


def test_a_message_in_another_room_is_in_the_wrong_place() -> None:
    book = Book("p")
    key = book.write("room", 0.0)
    _, violations = book.delivered(key, "other", 1)
    assert kinds(violations) == ["place"]


def test_a_message_of_another_process_says_nothing() -> None:
    sent, violations = Book("p").delivered("q-1", "room", 5)
    assert sent is None
    assert kinds(violations) == []


def test_what_was_acknowledged_and_has_not_come_is_lost() -> None:
    watch = Watch()
    watch.begin({"room": 4, "other": 3})
    received(watch, 5)
    assert kinds(watch.lacks({"room": 5, "other": 4})) == ["lost"]
