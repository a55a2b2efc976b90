"""Changes of messages: where a session goes on, and what an iteration has not taken yet."""

from parley_client.inbox import Inbox
from parley_client.model import Notice, Position
from parley_client.positions import Positions


def test_a_change_moves_the_rev_and_never_back() -> None:
    positions = Positions({"r": Position(5, 2)})
    positions.moved("r", 4)
    positions.moved("r", 3)
    assert positions.of("r") == Position(5, 4)


def test_a_change_that_was_not_taken_comes_again_in_another_life() -> None:
    inbox = Inbox(10)
    inbox.put(Notice("chat.edited", {"room": "r", "seq": 1, "rev": 3}))
    inbox.put(Notice("chat.deleted", {"room": "r", "seq": 2, "rev": 4}))
    inbox.put(Notice("chat.read", {"room": "r", "user": "u", "seq": 2}))
    assert inbox.before({"r": Position(5, 4), "s": Position(1)}) == {"r": Position(5, 2), "s": Position(1)}
