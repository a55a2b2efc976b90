"""How long things took: percentiles over a history."""

from collections import defaultdict
from collections.abc import Iterable
from math import ceil, inf

import msgspec

from tests.faults.events import Close, Connect, Mark, Presence, Read, Receive, Send
from tests.faults.history import History


class Percentiles(msgspec.Struct):
    """Of `count` values in seconds; all None if there are none."""

    count: int = 0
    p50: float | None = None
    p90: float | None = None
    p99: float | None = None
    longest: float | None = None


class StaleReads(msgspec.Struct):
    """Pages of history that lacked what had been acknowledged, to anybody, before they were asked for."""

    reads: int
    stale: int
    by: Percentiles  # how long before it had been acknowledged


def percentiles(values: Iterable[float]) -> Percentiles:
    """By the nearest rank."""
    ordered = sorted(values)
    if not ordered:
        return Percentiles()

    def rank(share: float) -> float:
        return round(ordered[max(0, ceil(share * len(ordered)) - 1)], 3)

    return Percentiles(len(ordered), rank(0.5), rank(0.9), rank(0.99), round(ordered[-1], 3))


def healing(history: History) -> Percentiles:
    """Of `healing_waits`."""
    return percentiles(seconds for _, _, seconds in healing_waits(history))


def healing_waits(history: History) -> list[tuple[str, str, float]]:
    """From each `healed` to a client having all of a room that had been acknowledged by then; inf if it never had.

    Returns:
        client, room, seconds.
    """
    waits: list[tuple[str, str, float]] = []
    newest: dict[str, int] = {}  # acknowledged, by room
    have: dict[tuple[str, str], int] = {}  # by client and room
    wanted: dict[tuple[str, str], list[tuple[float, int]]] = {}
    for event in history:
        if isinstance(event, Send) and event.type == "ok":
            newest[event.room] = max(event.seq, newest.get(event.room, 0))
        elif isinstance(event, Connect) and event.type == "ok":
            for room, seq in event.rooms.items():
                have.setdefault((event.client, room), seq)
        elif isinstance(event, Presence) and event.what == "removed":
            have.pop((event.client, event.room), None)
            wanted.pop((event.client, event.room), None)
        elif isinstance(event, Presence) and event.what == "created":
            have.setdefault((event.client, event.room), event.seq)
        elif isinstance(event, Receive) and not event.history:
            place = (event.client, event.room)
            have[place] = event.seq
            open_now = wanted.get(place, [])
            waits += [(*place, round(event.t - since, 6)) for since, seq in open_now if event.seq >= seq]
            if open_now:
                wanted[place] = [want for want in open_now if event.seq < want[1]]
        elif isinstance(event, Mark) and event.name == "healed":
            for place, seq in have.items():
                if seq >= newest.get(place[1], 0):
                    waits.append((*place, 0.0))
                else:
                    wanted.setdefault(place, []).append((event.t, newest[place[1]]))
    return waits + [(*place, inf) for place, open_now in wanted.items() for _ in open_now]


def stale_reads(history: History) -> StaleReads:
    """Of all pages of the newest messages."""
    acknowledged: defaultdict[str, list[tuple[int, float]]] = defaultdict(list)  # records of (seq, time), ascending
    asked: dict[tuple[str, str], tuple[float, int]] = {}
    reads, late = 0, []
    for event in history:
        if isinstance(event, Send) and event.type == "ok":
            records = acknowledged[event.room]
            if not records or event.seq > records[-1][0]:
                records.append((event.seq, event.t))
        elif isinstance(event, Read) and event.type == "invoke":
            records = acknowledged[event.room]
            asked[event.client, event.room] = (event.t, len(records))
        elif isinstance(event, Read) and event.type == "ok":
            reads += 1
            began, length = asked.get((event.client, event.room), (0.0, 0))
            missing = [t for seq, t in acknowledged[event.room][max(0, length - 50) : length] if seq > event.count]
            if missing:
                late.append(began - missing[0])
    return StaleReads(reads, len(late), percentiles(late))


def reconnecting(history: History) -> Percentiles:
    """From the end of a connection to `session.ready` of the next one."""
    closed = {close.client for close in history.of(Close)}
    seconds: list[float] = []
    first: set[str] = set()
    for connect in history.of(Connect):
        if connect.type == "ok":
            if connect.client in first and connect.client in closed:
                seconds.append(connect.seconds)
            first.add(connect.client)
    return percentiles(seconds)


def acknowledging(history: History) -> Percentiles:
    """From sending to the acknowledgement, however many attempts it took."""
    began = {send.key: send.t for send in history.of(Send) if send.type == "invoke"}
    return percentiles(send.t - began[send.key] for send in history.of(Send) if send.type == "ok")
