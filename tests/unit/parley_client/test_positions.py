"""Where a reader is."""

from hypothesis import given
from hypothesis import strategies as st

from parley_client.model import Position, Ready, User
from parley_client.positions import Place, Positions

USER = User("u1", "alice", "Alice", True, None, "#abcdef")


def ready(epoch: str = "e1", **rooms: int) -> Ready:
    return Ready("c1", USER, epoch, {room: Position(seq, 7) for room, seq in rooms.items()}, {}, 25.0)


def test_rooms_without_a_position_begin_where_the_server_is() -> None:
    positions = Positions({"a": Position(3)})
    assert positions.ready(ready(a=10, b=20)) == []
    assert positions.snapshot() == {"a": Position(3), "b": Position(20, 7)}


def test_positions_of_another_epoch_are_forgotten() -> None:
    positions = Positions({"a": Position(30), "gone": Position(1)}, "e1")
    assert set(positions.ready(ready("e2", a=10))) == {"a", "gone"}
    assert positions.snapshot() == {"a": Position(10, 7)}
    assert positions.epoch == "e2"
    assert positions.take("a", 11) is Place.NEXT


def test_the_first_message_of_a_room_without_a_position_says_where_it_begins() -> None:
    positions = Positions()
    assert positions.take("new", 41) is Place.NEXT
    assert positions.take("new", 43) is Place.GAP


def test_a_gap_that_is_still_there_after_a_resume_is_passed_over() -> None:
    positions = Positions({"a": Position(1)})
    assert positions.take("a", 3) is Place.GAP
    assert positions.of("a") == Position(1)
    assert positions.take("a", 3) is Place.NEXT
    assert positions.take("a", 5) is Place.GAP


def test_a_reset_and_a_removal() -> None:
    positions = Positions({"a": Position(9, 4)})
    positions.reset("a", 2, 6)
    assert positions.of("a") == Position(2, 6)
    assert positions.take("a", 3) is Place.NEXT
    positions.removed("a")
    assert positions.of("a") is None
    positions.removed("a")


def test_a_room_that_one_is_added_to_begins_where_one_joined() -> None:
    positions = Positions({"again": Position(9, 4), "back": Position(9, 4)})
    for room in ("new", "again", "back"):
        positions.created(room, 12 if room != "back" else 5, 7)
    assert positions.snapshot() == {"again": Position(12, 7), "back": Position(9, 4), "new": Position(12, 7)}
    assert positions.take("new", 13) is Place.NEXT
    assert positions.take("again", 14) is Place.GAP
    assert positions.take("back", 9) is Place.REPEAT


@given(st.lists(st.integers(min_value=1, max_value=30)))
def test_whatever_comes_what_is_next_is_dense_and_ascends(seqs: list[int]) -> None:
    positions = Positions({"a": Position(0)})
    taken: list[int] = []
    for seq in seqs:
        place = positions.take("a", seq)
        if place is Place.NEXT:
            taken.append(seq)
        elif place is Place.REPEAT:
            assert taken
            assert seq <= taken[-1]
        else:  # as the session does: the connection is given up, and the next one goes on where we are
            have = taken[-1] if taken else 0
            assert seq > have + 1
            for missing in range(have + 1, seq + 1):
                assert positions.take("a", missing) is Place.NEXT
                taken.append(missing)
    assert taken == list(range(1, len(taken) + 1))
