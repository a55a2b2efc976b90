"""order: one dense sequence per room, the same for everybody, in which every sender finds his own order."""

from collections import defaultdict
from collections.abc import Mapping

from tests.faults.checkers.verdict import Verdict
from tests.faults.events import Entry, Read, Receive, Send
from tests.faults.history import History


def check_order(history: History) -> Verdict:
    """All views of a room agree, and it keeps the order that was promised to those who sent."""
    verdict = Verdict("order")
    _check_views(history, verdict)
    _check_senders(history, verdict)
    return verdict


def _check_views(history: History, verdict: Verdict) -> None:
    """Final readers see 1, 2, 3, …, all the same; deliveries, pages and acknowledgements say the same places."""
    stored = history.stored()
    for read in history.of(Read):
        if read.type != "ok":
            continue
        if read.final:
            verdict.looked_at += 1
            seqs = [entry.seq for entry in read.entries]
            if seqs != list(range(1, len(seqs) + 1)):
                wrong = next(i for i, seq in enumerate(seqs, 1) if seq != i)
                verdict.bad(f"room {read.room} as {read.user} reads it has {seqs[wrong - 1]} in place {wrong}")
            if len(read.entries) != len(stored[read.room]):
                verdict.bad(f"{read.user} reads {len(read.entries)} messages in room {read.room}, others do not")
        for entry in read.entries:
            _compare(stored, read.room, entry, f"{read.user} has read", verdict)
    for seen in history.of(Receive):
        verdict.looked_at += 1
        entry = Entry(seen.seq, seen.id, seen.key, seen.sender)
        _compare(stored, seen.room, entry, f"{seen.client} has got", verdict)
    for send in history.of(Send):
        if send.type == "ok" and send.room in stored:
            place = stored[send.room].get(send.seq)
            if place is None or place.key != send.key or (send.id and send.id != place.id):
                verdict.bad(f"{send.key} was acknowledged as {send.seq} of room {send.room}, where {place} is")


def _compare(stored: Mapping[str, dict[int, Entry]], room: str, entry: Entry, who: str, verdict: Verdict) -> None:
    place = stored.get(room, {}).get(entry.seq)
    if place is not None and (place.id, place.key, place.sender) != (entry.id, entry.key, entry.sender):
        verdict.bad(f"{who} {entry.key} as {entry.seq} of room {room}, where {place.key} is stored")


def _check_senders(history: History, verdict: Verdict) -> None:
    """A message goes after everything that was acknowledged before it was sent, by whomever; and after those that its
    sender put on the same socket session before it, unless the server has asked to repeat one of the two."""
    places = {room: {entry.key: entry.seq for entry in entries.values()} for room, entries in history.stored().items()}
    repeated = {send.key for send in history.of(Send) if send.type == "info" and send.code not in ("", "again")}
    acknowledged: defaultdict[str, tuple[int, str]] = defaultdict(lambda: (0, ""))
    before: defaultdict[tuple[str, str], tuple[int, str]] = defaultdict(lambda: (0, ""))
    for send in history.of(Send):
        seq = places.get(send.room, {}).get(send.key)
        if seq is None:
            continue
        if send.type == "ok":
            acknowledged[send.room] = max(acknowledged[send.room], (seq, send.key))
        elif send.type == "invoke":
            verdict.looked_at += 1
            last, key = acknowledged[send.room]
            if seq <= last:
                verdict.bad(f"{send.key}, sent after {key} was acknowledged as {last} of {send.room}, is {seq}")
            if send.via == "socket" and send.key not in repeated:
                line = (send.client, send.room)
                last, key = before[line]
                if seq < last:
                    verdict.bad(
                        f"{send.key}, sent by {send.client} after {key}, is {seq} of {send.room}; {key} is {last}"
                    )
                before[line] = max(before[line], (seq, send.key))
