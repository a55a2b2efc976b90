"""going backwards: who has seen a room at a place never reads it at an earlier one."""

from tests.faults.checkers.verdict import Verdict
from tests.faults.events import Read, Receive, Send
from tests.faults.history import History


def check_backwards(history: History) -> Verdict:
    """No page of history knows less than what the same user had seen before he asked: live, stored, or read."""
    verdict = Verdict("backwards")
    seen: dict[tuple[str, str], int] = {}  # by user and room
    asked: dict[tuple[str, str], int] = {}  # by client and room: what its user had seen when it asked

    def saw(user: str, room: str, seq: int) -> None:
        seen[user, room] = max(seq, seen.get((user, room), 0))

    for event in history:
        if isinstance(event, Receive) or (isinstance(event, Send) and event.type == "ok"):
            saw(event.user, event.room, event.seq)
        elif isinstance(event, Read) and event.type == "invoke":
            asked[event.client, event.room] = seen.get((event.user, event.room), 0)
        elif isinstance(event, Read) and event.type == "ok":
            verdict.looked_at += 1
            known = asked.get((event.client, event.room), 0)
            newest = max((entry.seq for entry in event.entries), default=0)
            if event.count < known or newest < known:
                verdict.bad(
                    f"{event.client} had seen {known} of room {event.room} and read, at {event.t:.3f} s, "
                    f"{event.count} messages up to {newest}"
                )
            saw(event.user, event.room, event.count)
    return verdict
