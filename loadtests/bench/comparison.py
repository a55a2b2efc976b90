"""Ours and the peers', below each other, load by load."""

from collections.abc import Sequence

from .peer_rows import LOADS, PEERS
from .results import Compared, Line
from .table import aligned

OURS = "parley"
HEADS = ("load", "server", "µs/deliv", "µs/msg", "ratio", "KiB/socket", "ratio", "msg/s", "p50 ms")


def compared(lines: Sequence[Line]) -> list[Compared]:
    """What was measured of `LOADS`, ours first; without ours there is no ratio."""
    by_row = {line.row: line for line in lines}
    found = []
    for load in LOADS:
        ours = by_row.get(load)
        servers = {OURS: ours} | {peer.name: by_row.get(f"{peer.name}-{load}") for peer in PEERS}
        found += [_beside(load, server, line, ours) for server, line in servers.items() if line is not None]
    return found


def comparison_lines(found: Sequence[Compared]) -> list[str]:
    """They as a table, with what each server is below it; nothing if there is no peer among them."""
    if all(one.server == OURS for one in found):
        return []
    titles = {peer.name: peer.title for peer in PEERS}
    rows = [
        [
            str(LOADS[one.load]),
            one.server,
            f"{one.cpu_us_per_delivery:.2f}",
            f"{one.cpu_us_per_message:.1f}",
            _times(one.cpu_ratio),
            "" if one.idle_kib_per_socket is None else f"{one.idle_kib_per_socket:.1f}",
            _times(one.idle_ratio),
            f"{one.messages_per_s:,.0f}",
            f"{one.latency_p50_ms:.2f}",
        ]
        for one in found
    ]
    present = {one.server for one in found}
    legend = [f"{name}: {title}" for name, title in titles.items() if name in present]
    return ["", "Beside its peers: CPU of the server's process, on the same core, engines and generator", ""] + [
        *aligned([list(HEADS), *rows], left=2),
        "",
        f"{OURS}: everything in Postgres before it is told, in order, acknowledged",
        *legend,
    ]


def _beside(load: str, server: str, line: Line, ours: Line | None) -> Compared:
    return Compared(
        load=load,
        server=server,
        what=line.what,
        cpu_us_per_delivery=line.cpu_us_per_delivery,
        cpu_us_per_message=line.cpu_us_per_message,
        idle_kib_per_socket=line.idle_kib_per_socket,
        messages_per_s=line.messages_per_s,
        latency_p50_ms=line.latency_p50_ms,
        cpu_ratio=_ratio(line.cpu_us_per_message, ours.cpu_us_per_message if ours else None),
        idle_ratio=_ratio(line.idle_kib_per_socket, ours.idle_kib_per_socket if ours else None),
    )


def _ratio(value: float | None, ours: float | None) -> float | None:
    return None if value is None or not ours else round(value / ours, 2)


def _times(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.1f}"
