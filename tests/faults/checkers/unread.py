"""unread: in the end everybody finds, for each of his rooms, as many unread messages as he has not read."""

from collections import defaultdict

from tests.faults.checkers.verdict import Verdict
from tests.faults.events import Listing, Marking, Member, Receipt, Room, Send
from tests.faults.history import History

Place = tuple[str, str]  # user, room


class Marker:
    """Where a read marker may be."""

    def __init__(self) -> None:
        self.least = 0  # it is known to have come so far
        self.most = 0  # nobody has asked for more


def check_unread(history: History) -> Verdict:
    """Counts, positions and receipts against what was sent, read, and said to be read."""
    verdict = Verdict("unread")
    stored = history.stored()
    last = {room: max(entries, default=0) for room, entries in stored.items()}
    markers = _markers(history, last)
    for event in history.of(Receipt):
        verdict.looked_at += 1
        if event.seq > markers[event.user, event.room].most:
            verdict.bad(f"{event.client} was told that {event.user} has read {event.seq} of {event.room}: he has not")
    seen: set[Place] = set()
    for found in history.of(Listing):
        if found.room not in last:
            continue  # nothing is said there
        seen.add((found.user, found.room))
        verdict.looked_at += 1
        marker = markers[found.user, found.room]
        who = f"{found.user} finds {found.unread} unread messages in {found.room}"
        if found.last_seq != last[found.room]:
            verdict.bad(f"{who}, of {found.last_seq}; it has {last[found.room]}")
        elif found.unread != found.last_seq - found.read_seq:
            verdict.bad(f"{who}, having read {found.read_seq} of {found.last_seq}")
        elif not marker.least <= found.read_seq <= marker.most:
            verdict.bad(f"{who}, having read {found.read_seq}; he has read between {marker.least} and {marker.most}")
    for room in history.of(Room):
        for user in room.members:
            if room.room in last and (user, room.room) not in seen:
                verdict.bad(f"{user} does not find {room.room} among his rooms")
    return verdict


def _markers(history: History, last: dict[str, int]) -> defaultdict[Place, Marker]:
    markers: defaultdict[Place, Marker] = defaultdict(Marker)
    for room, entries in history.stored().items():
        for entry in entries.values():  # sending moves the sender's own marker
            _moved(markers[entry.sender, room], entry.seq)
    acknowledged: defaultdict[str, int] = defaultdict(int)  # newest seq by room, until now
    for event in history:
        if isinstance(event, Send) and event.type == "ok":
            acknowledged[event.room] = max(acknowledged[event.room], event.seq)
        elif isinstance(event, Marking) and event.type == "ok":
            _moved(markers[event.user, event.room], event.seq)
        elif isinstance(event, Marking) and event.type == "invoke":
            marker = markers[event.user, event.room]
            marker.most = max(marker.most, min(event.seq or last.get(event.room, 0), last.get(event.room, 0)))
        elif isinstance(event, Receipt):  # it is told after it is stored
            marker = markers[event.user, event.room]
            marker.least = max(marker.least, min(event.seq, marker.most))
        elif isinstance(event, Member) and event.added:  # he begins with nothing unread
            marker = markers[event.user, event.room]
            if event.type == "invoke":
                marker.least = max(marker.least, acknowledged[event.room])
                marker.most = last.get(event.room, 0)
    _bound_newcomers(history, markers)
    return markers


def _bound_newcomers(history: History, markers: defaultdict[Place, Marker]) -> None:
    """Nothing that was sent after somebody came, and only once, counts as read by him."""
    added: dict[Place, float] = {}
    for member in history.of(Member):
        if member.added and member.type == "ok":
            added[member.user, member.room] = member.t
    sent = {send.key: send.t for send in history.of(Send) if send.type == "invoke"}
    for (user, room), since in added.items():
        later = [entry.seq for entry in history.stored().get(room, {}).values() if sent.get(entry.key, 0.0) > since]
        marker = markers[user, room]
        marker.most = max(marker.least, min([marker.most, *(seq - 1 for seq in later)]))


def _moved(marker: Marker, seq: int) -> None:
    marker.least, marker.most = max(marker.least, seq), max(marker.most, seq)
