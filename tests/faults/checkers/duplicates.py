"""stored duplicate: one send is stored once."""

from collections import defaultdict

from tests.faults.checkers.verdict import Verdict
from tests.faults.events import Read
from tests.faults.history import History


def check_duplicates(history: History) -> Verdict:
    """No final reader finds a key or an id twice in a room."""
    verdict = Verdict("stored-duplicate")
    reported: set[tuple[str, str]] = set()
    for read in history.of(Read):
        if not read.final or read.type != "ok":
            continue
        places: defaultdict[str, list[int]] = defaultdict(list)
        for entry in read.entries:
            verdict.looked_at += 1
            places[f"message {entry.key}"].append(entry.seq)
            places[f"id {entry.id}"].append(entry.seq)
        for name, seqs in places.items():
            if len(seqs) > 1 and (read.room, name) not in reported:
                reported.add((read.room, name))
                verdict.bad(f"{name} is stored {len(seqs)} times in room {read.room}: as {seqs}")
    return verdict
