"""Results as a table for people."""

from collections.abc import Sequence

from .results import Line, Machine

HEADS = ("what was measured", "process", "s", "msg/s", "deliv/s", "CPU %", "µs/deliv", "µs/msg")
LATENCY_HEADS = ("mean", "p50", "p99", "max ms", "KiB/socket")


def machine_lines(machine: Machine) -> list[str]:
    """Where it was measured."""
    return [
        f"{machine.processor}, {machine.cores} cores, {machine.system}, CPython {machine.python}",
        f"{machine.pinned}; load average before: {machine.load_average}",
    ]


def table(lines: Sequence[Line]) -> list[str]:
    """A line each, aligned; a value that has a target is followed by it, `!` if it is missed."""
    return aligned([[*HEADS, *LATENCY_HEADS], *(_cells(line) for line in lines)], left=2)


def aligned(cells: Sequence[Sequence[str]], *, left: int) -> list[str]:
    """Rows of cells as lines; the first `left` columns begin where they begin, the others end where they end."""
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    return [
        "  ".join(
            cell.ljust(width) if column < left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]


def _cells(line: Line) -> list[str]:
    idle = line.idle_kib_per_socket
    return [
        line.what,
        line.process,
        f"{line.seconds:.1f}",
        f"{line.messages_per_s:,.0f}",
        f"{line.deliveries_per_s:,.0f}",
        f"{line.cpu_percent:.0f}",
        _with_target(line, "cpu_us_per_delivery", f"{line.cpu_us_per_delivery:.2f}"),
        _with_target(line, "cpu_us_per_message", f"{line.cpu_us_per_message:.1f}"),
        f"{line.latency_mean_ms:.2f}",
        f"{line.latency_p50_ms:.2f}",
        f"{line.latency_p99_ms:.2f}",
        f"{line.latency_max_ms:.2f}",
        "" if idle is None else _with_target(line, "idle_kib_per_socket", f"{idle:.1f}"),
    ]


def _with_target(line: Line, field: str, shown: str) -> str:
    target = line.targets.get(field)
    if target is None:
        return shown
    missed = "!" if getattr(line, field) > target else ""
    return f"{shown}{missed} (≤ {target:g})"
