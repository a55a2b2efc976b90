"""What is on its way."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley_client.outbox import Entry, Outbox


def entry(client_id: str, room: str = "r") -> Entry:
    loop = asyncio.new_event_loop()
    try:
        return Entry(client_id, room, "chat.message", {"content": f"content of {client_id}"}, loop.create_future())
    finally:
        loop.close()


def outbox(*client_ids: str, window: int = 10) -> Outbox:
    box = Outbox(window)
    for client_id in client_ids:
        box.add(entry(client_id, client_id[0]))
    return box


def ids(entries: list[Entry]) -> list[str]:
    return [one.client_id for one in entries]


def test_what_is_written_is_not_due_again_before_the_connection_is_gone() -> None:
    box = outbox("a1", "a2")
    assert ids(box.due(0)) == ["a1", "a2"]
    assert box.due(0) == []
    box.take("a1")
    box.disconnected()
    [again] = box.due(0)
    assert (again.client_id, again.attempts) == ("a2", 2)


def test_the_window_bounds_what_is_unanswered() -> None:
    box = outbox("a1", "a2", "a3", window=2)
    assert ids(box.due(0)) == ["a1", "a2"]
    assert box.due(0) == []
    box.take("a2")
    assert ids(box.due(0)) == ["a3"]


def test_one_that_must_wait_keeps_those_after_it_in_its_room_and_no_others() -> None:
    box = outbox("a1", "a2", "b1", window=10)
    box.due(0)
    box.again("a1", at=5)
    box.add(entry("a3", "a"))
    box.add(entry("b2", "b"))
    assert ids(box.due(1)) == ["b2"]
    assert box.wait(1) == 4
    assert box.due(6) == []  # a2 may yet be refused too: then it goes after a1
    box.again("a2", at=5)
    assert ids(box.due(6)) == ["a1", "a2", "a3"]
    assert box.wait(6) is None


def test_the_oldest_unanswered_one_is_known() -> None:
    box = outbox("a1", "a2", window=1)
    assert box.oldest() is None
    box.due(3)
    assert box.oldest() == 3
    box.take("a1")
    box.due(4)
    assert box.oldest() == 4
    box.disconnected()
    assert box.oldest() is None


def test_the_same_client_id_twice_is_a_mistake() -> None:
    box = outbox("a1")
    with pytest.raises(ValueError, match="a1"):
        box.add(entry("a1"))
    assert box.take("a1") is not None
    assert box.take("a1") is None
    assert box.again("a1", 0) is None
    assert len(box) == 0


@given(st.data())
def test_everything_is_answered_in_the_end_and_the_first_writes_of_a_room_keep_its_order(data: st.DataObject) -> None:
    """A server that loses connections and asks for repeats, but stores what it takes in the order in which it reads."""
    box = Outbox(data.draw(st.integers(min_value=1, max_value=4)))
    rooms = data.draw(st.lists(st.sampled_from("ab"), max_size=12))
    for number, room in enumerate(rooms):
        box.add(entry(f"{room}{number:02}", room))
    stored: list[str] = []
    wire: list[str] = []
    now, refusals = 0.0, 0
    while len(box):
        wire += ids(box.due(now))
        action = data.draw(st.sampled_from(["store", "store and lose the answer", "lose all", "refuse all"]))
        if action == "lose all":
            wire.clear()
            box.disconnected()
        elif action == "refuse all" and refusals < 5:
            refusals += 1
            for client_id in wire:
                box.again(client_id, now + 1)
            wire.clear()
        elif wire:
            first = wire.pop(0)
            if first not in stored:
                stored.append(first)
            if action == "store and lose the answer":
                wire.clear()
                box.disconnected()
            else:
                box.take(first)
        now += 0.5
    for room in "ab":
        assert [one for one in stored if one[0] == room] == [
            f"{name}{number:02}" for number, name in enumerate(rooms) if name == room
        ]
