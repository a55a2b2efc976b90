"""live gap or repeat: on every connection, each room's messages come one after the other from where the client was."""

from tests.faults.checkers.verdict import Verdict
from tests.faults.events import Close, Connect, Left, Mark, Presence, Receive
from tests.faults.history import History


def check_live(history: History) -> Verdict:
    """What comes on a connection continues its positions without a gap and without a repeat, to the very end."""
    verdict = Verdict("live-gap-or-repeat")
    positions: dict[tuple[str, str], int] = {}  # by client and room: as the connection that is open now has it
    open_now: dict[str, str] = {}  # connection by client
    ended = False
    for event in history:
        if isinstance(event, Connect) and event.type == "ok":
            _begin(event, positions, verdict)
            open_now[event.client] = event.connection
        elif isinstance(event, Close):
            if open_now.get(event.client) == event.connection:
                del open_now[event.client]
        elif isinstance(event, Presence):
            _move(event, positions, verdict)
        elif isinstance(event, Receive) and not event.history:
            verdict.looked_at += 1
            place = (event.client, event.room)
            have = positions.get(place)
            if have is not None and event.seq != have + 1:
                what = "again" if event.seq <= have else f"without {have + 1}"
                at = f"room {event.room} at {event.t:.3f} s"
                verdict.bad(f"{event.client} got {event.seq} after {have}, {what}, in {at}")
            positions[place] = event.seq if have is None else max(have, event.seq)
        elif isinstance(event, Mark) and event.name == "end" and not ended:
            ended = True
            _finish(history, positions, open_now, verdict)
    return verdict


def _begin(connect: Connect, positions: dict[tuple[str, str], int], verdict: Verdict) -> None:
    before = {room: positions.pop((client, room)) for client, room in tuple(positions) if client == connect.client}
    for room, seq in connect.rooms.items():
        asked = connect.positions.get(room)
        positions[connect.client, room] = seq if asked is None else asked
        if room in before and asked != before[room]:
            verdict.bad(f"{connect.client} had {before[room]} of room {room} and went on from {asked}")


def _move(event: Presence, positions: dict[tuple[str, str], int], verdict: Verdict) -> None:
    place = (event.client, event.room)
    if event.what == "reset":
        verdict.bad(f"{event.client} was moved from {positions.get(place)} to {event.seq} of {event.room}: room.reset")
        positions[place] = event.seq
    elif event.what == "removed":
        positions.pop(place, None)
    else:
        positions[place] = max(event.seq, positions.get(place, event.seq))


def _finish(
    history: History, positions: dict[tuple[str, str], int], open_now: dict[str, str], verdict: Verdict
) -> None:
    """Long after the last fault, everybody who is connected has everything."""
    last = {room: max(entries, default=0) for room, entries in history.stored().items()}
    left = {event.client for event in history.of(Left)}
    for client in sorted({connect.client for connect in history.of(Connect)} - open_now.keys() - left):
        verdict.bad(f"{client} is not connected in the end")
    for (client, room), seq in positions.items():
        if client in open_now and seq < last.get(room, 0):
            verdict.bad(f"{client} is connected and has {seq} of room {room}, which has {last[room]}")
