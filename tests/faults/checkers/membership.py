"""membership: who is added hears of it, and of everything that is said from then on; who is removed, of that."""

from math import inf

from tests.faults.checkers.verdict import Verdict
from tests.faults.events import Close, Connect, Mark, Member, Presence, Receive, Send
from tests.faults.history import History

Place = tuple[str, str]  # client or user, room


def check_membership(history: History) -> Verdict:
    """What clients were told of the rooms that their users were added to and removed from."""
    verdict = Verdict("membership")
    inside: set[Place] = set()  # of clients, as they were told
    open_now: dict[str, tuple[str, str]] = {}  # by client: connection, user
    came: dict[Place, int] = {}  # of clients, until their first message: the last one before they came
    for event in history:
        if isinstance(event, Connect) and event.type == "ok":
            open_now[event.client] = (event.connection, event.user)
            inside = {place for place in inside if place[0] != event.client}
            inside |= {(event.client, room) for room in event.rooms}
        elif isinstance(event, Close):
            if open_now.get(event.client, ("", ""))[0] == event.connection:
                del open_now[event.client]
        elif isinstance(event, Presence):
            place = (event.client, event.room)
            (inside.discard if event.what == "removed" else inside.add)(place)
            came.pop(place, None)
            if event.what == "created":
                came[place] = event.seq
        elif isinstance(event, Receive) and not event.history and (event.client, event.room) in came:
            verdict.looked_at += 1
            first = came.pop((event.client, event.room)) + 1
            if event.seq > first:
                verdict.bad(f"{event.client} came into {event.room} before {first} and got {event.seq} first")
        elif isinstance(event, Mark) and event.name == "end":
            break
    _check_beginnings(history, verdict)
    for (user, room), is_in in _certain(history).items():
        for client, (_, owner) in open_now.items():
            if owner == user:
                verdict.looked_at += 1
                if ((client, room) in inside) is not is_in:
                    word = "added to" if is_in else "removed from"
                    verdict.bad(f"{client} was not told, until the end, that its user was {word} {room}")
    return verdict


def _check_beginnings(history: History, verdict: Verdict) -> None:
    """Whoever is told that he is in a room is in it from before anything that was sent after he was added."""
    sent = {send.key: send.t for send in history.of(Send) if send.type == "invoke"}
    stored = history.stored()
    users = {connect.client: connect.user for connect in history.of(Connect)}
    added: dict[Place, list[tuple[float, float]]] = {}  # by user: when it was asked for, and acknowledged
    asked: dict[Place, float] = {}
    for member in history.of(Member):
        place = (member.user, member.room)
        if member.added and member.type == "invoke":
            asked[place] = member.t
        elif member.added and member.type == "ok":
            added.setdefault(place, []).append((asked[place], member.t))
    for told in history.of(Presence):
        since = [ok for invoke, ok in added.get((users.get(told.client, ""), told.room), ()) if invoke <= told.t]
        if told.what == "created" and since:
            verdict.looked_at += 1
            before = [entry for seq, entry in stored.get(told.room, {}).items() if seq <= told.seq]
            late = [entry.key for entry in before if sent.get(entry.key, -inf) > since[-1]]
            if late:
                verdict.bad(f"{told.client} is in {told.room} after {told.seq} only, since before {late[0]} was sent")


def _certain(history: History) -> dict[Place, bool]:
    """Who is in which room in the end, of those whose last addition or removal was acknowledged.

    An attempt to the contrary that was never answered may be carried out at any time: then nothing is certain.
    """
    last: dict[Place, bool] = {}
    contrary: set[tuple[str, str, bool]] = set()
    for member in history.of(Member):
        place = (member.user, member.room)
        if member.type == "info":
            contrary.add((*place, member.added))
        last.pop(place, None)
        if member.type == "ok":
            last[place] = member.added
    return {place: is_in for place, is_in in last.items() if (*place, not is_in) not in contrary}
