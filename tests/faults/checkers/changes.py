"""changed: an acknowledged edit or deletion stays, and everybody ends with the same words, by ascending revs."""

from collections import defaultdict

from tests.faults.checkers.verdict import Verdict
from tests.faults.events import DELETED, Change, Changed, Close, Connect, Mark, Presence, Read, Receive
from tests.faults.history import History

Place = tuple[str, int]  # room, seq


def check_changes(history: History) -> Verdict:
    """What messages say in the end, to those who read them and to those who were told; and the order of the changes."""
    verdict = Verdict("changed")
    stored = {
        (room, seq): entry.version for room, entries in history.stored().items() for seq, entry in entries.items()
    }
    _check_stored(history, stored, verdict)
    _check_told(history, stored, verdict)
    return verdict


def _check_stored(history: History, stored: dict[Place, int], verdict: Verdict) -> None:
    """The last change of each message is there, or one that was asked for later and never answered."""
    possible: defaultdict[Place, set[int]] = defaultdict(lambda: {0})
    for change in history.of(Change):
        place = (change.room, change.seq)
        if change.type == "invoke":
            possible[place].add(change.version)
        elif change.type == "ok":
            verdict.looked_at += 1
            possible[place] = {change.version}  # of one message one change is made after the other
        elif change.type == "fail":
            possible[place].discard(change.version)
            verdict.bad(f"{change.client} could not change {change.key}, a message of its own: {change.code}")
    for place, versions in possible.items():
        if place in stored and stored[place] not in versions:
            said = " or ".join(map(_word, sorted(versions)))
            verdict.bad(f"{place[1]} of room {place[0]} is {_word(stored[place])} in the end; it should be {said}")
    for place, version in stored.items():
        if version != 0 and place not in possible:
            verdict.bad(f"{place[1]} of room {place[0]} is {_word(version)}, which nobody has asked for")
    for read in history.of(Read):
        if read.final and read.type == "ok":
            for entry in read.entries:
                if stored.get((read.room, entry.seq), entry.version) != entry.version:
                    verdict.bad(f"{read.user} reads {entry.seq} of room {read.room} {_word(entry.version)}")


def _check_told(history: History, stored: dict[Place, int], verdict: Verdict) -> None:
    views: defaultdict[tuple[str, str], dict[int, tuple[int, int]]] = defaultdict(dict)  # (version, rev) by seq
    revs: dict[tuple[str, str], int] = {}  # by client and room: of the last change
    meanings: dict[tuple[str, int], tuple[int, int]] = {}  # by room and rev: (seq, version)
    open_now: dict[str, str] = {}
    for event in history:
        if isinstance(event, Receive) and not event.history:
            views[event.client, event.room][event.seq] = (event.version, event.rev)
        elif isinstance(event, Changed):
            verdict.looked_at += 1
            where = (event.client, event.room)
            what = f"{event.client} was told of rev {event.rev} of room {event.room}"
            if event.rev <= revs.get(where, 0):
                verdict.bad(f"{what} after {revs[where]}")
            elif event.rev < views[where].get(event.seq, (0, 0))[1]:
                verdict.bad(f"{what}, and had {event.seq} of a later one")
            if meanings.setdefault((event.room, event.rev), (event.seq, event.version)) != (event.seq, event.version):
                verdict.bad(f"{what} as a change of {event.seq}, others as one of {meanings[event.room, event.rev][0]}")
            revs[where] = max(event.rev, revs.get(where, 0))
            views[where][event.seq] = (event.version, event.rev)
        elif isinstance(event, Presence) and event.what != "created":
            views.pop((event.client, event.room), None)
            revs.pop((event.client, event.room), None)
        elif isinstance(event, Connect) and event.type == "ok":
            open_now[event.client] = event.connection
            for where in [where for where in views if where[0] == event.client and where[1] not in event.rooms]:
                del views[where]
        elif isinstance(event, Close) and open_now.get(event.client) == event.connection:
            del open_now[event.client]
        elif isinstance(event, Mark) and event.name == "end":
            break
    for (client, room), view in views.items():
        for seq, (version, _) in view.items() if client in open_now else ():
            verdict.looked_at += 1
            if stored.get((room, seq), version) != version:
                is_so = _word(stored[room, seq])
                verdict.bad(f"{client} has {seq} of room {room} {_word(version)} in the end; it is {is_so}")


def _word(version: int) -> str:
    return "deleted" if version == DELETED else f"edited {version} times" if version else "unchanged"
