"""phantom: what is stored or delivered was sent, by him, to that room, and not refused."""

from tests.faults.checkers.verdict import Verdict
from tests.faults.events import Receive, Send
from tests.faults.history import History


def check_phantoms(history: History) -> Verdict:
    """Each message, stored or delivered, has a send; each delivered one is stored."""
    verdict = Verdict("phantom")
    sent: dict[str, Send] = {}
    refused: set[str] = set()
    for send in history.of(Send):
        if send.type == "invoke":
            sent[send.key] = send
        elif send.type == "fail":
            refused.add(send.key)

    def why(key: str, room: str, sender: str) -> str | None:
        origin = sent.get(key)
        if origin is None:
            return "was never sent"
        if origin.room != room:
            return f"was sent to room {origin.room}"
        if origin.user != sender:
            return f"was sent by {origin.user}"
        return "was refused" if key in refused else None

    stored: set[tuple[str, int, str]] = set()
    for room, entries in history.stored().items():
        for entry in entries.values():
            verdict.looked_at += 1
            stored.add((room, entry.seq, entry.key))
            if (reason := why(entry.key, room, entry.sender)) is not None:
                verdict.bad(f"{entry.key!r}, stored in room {room} as {entry.seq} of {entry.sender}, {reason}")
    for seen in history.of(Receive):
        verdict.looked_at += 1
        if (reason := why(seen.key, seen.room, seen.sender)) is not None:
            verdict.bad(f"{seen.key!r}, delivered to {seen.client} in room {seen.room} as {seen.seq}, {reason}")
        elif (seen.room, seen.seq, seen.key) not in stored:
            verdict.bad(f"{seen.key!r}, delivered to {seen.client} in room {seen.room} as {seen.seq}, is not stored")
    return verdict
