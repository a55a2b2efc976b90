"""What a run has shown, for people and for machines."""

import platform
from collections import Counter
from math import isinf

import msgspec

from tests.faults import timings
from tests.faults.checkers.verdict import Verdict
from tests.faults.events import Close, Connect, Fault, Receive, Send
from tests.faults.history import History
from tests.faults.timings import Percentiles, StaleReads

HEALED_P99_SECONDS = 5.0
RECONNECTED_P99_SECONDS = 10.0


class Report(msgspec.Struct):
    """Arguments:
    seed: of the run.
    seconds: that it took.
    sends: messages by outcome.
    closes: connections by the code that they ended with; "none" broke, or were dropped by their client.
    faults: by kind.
    verdicts: of the checkers.
    """

    seed: int
    python: str
    seconds: float
    acknowledged: int
    sends: dict[str, int]
    deliveries: int
    connections: int
    closes: dict[str, int]
    faults: dict[str, int]
    fault_count: int
    verdicts: list[Verdict]
    healed: Percentiles
    reconnected: Percentiles
    acknowledged_after: Percentiles
    history_reads: StaleReads

    @property
    def violations(self) -> int:
        """How much was wrong."""
        return sum(verdict.count for verdict in self.verdicts)

    @property
    def passed(self) -> bool:
        """Nothing was wrong, and every checker had something to look at."""
        return all(verdict.passed for verdict in self.verdicts)

    def verdict(self, name: str) -> Verdict:
        """One of them."""
        return next(verdict for verdict in self.verdicts if verdict.name == name)


def report_of(history: History, verdicts: list[Verdict], seed: int) -> Report:
    """The report of a history."""
    faults = Counter(f"{fault.kind} {fault.target}" for fault in history.of(Fault) if fault.type == "invoke")
    sends = Counter("unknown" if send.type == "invoke" else send.type for send in history.outcomes().values())
    repeated = Counter(send.code or "unknown" for send in history.of(Send) if send.type == "info")
    return Report(
        seed=seed,
        python=platform.python_version(),
        seconds=round(history[-1].t, 1) if len(history) else 0.0,
        acknowledged=sends["ok"],
        sends={**sends, **{f"attempt: {code}": count for code, count in repeated.items()}},
        deliveries=len(history.of(Receive)),
        connections=sum(connect.type == "ok" for connect in history.of(Connect)),
        closes=dict(sorted(Counter(str(close.code or "none") for close in history.of(Close)).items())),
        faults=dict(sorted(faults.items())),
        fault_count=sum(faults.values()),
        verdicts=verdicts,
        healed=timings.healing(history),
        reconnected=timings.reconnecting(history),
        acknowledged_after=timings.acknowledging(history),
        history_reads=timings.stale_reads(history),
    )


def as_text(report: Report) -> str:
    """For people."""
    lines = [
        f"seed {report.seed}, {report.seconds:.0f} s, Python {report.python}",
        f"{report.acknowledged} acknowledged sends, {report.deliveries} deliveries, {report.connections} connections, "
        f"{report.fault_count} faults",
        "sends: " + ", ".join(f"{name} {count}" for name, count in sorted(report.sends.items())),
        "closes: " + ", ".join(f"{code} x{count}" for code, count in report.closes.items()),
        "faults: " + ", ".join(f"{name} x{count}" for name, count in report.faults.items()),
        "",
        f"{'':22}{'p50':>8}{'p90':>8}{'p99':>8}{'longest':>9}{'count':>9}",
        _line("mended to complete", report.healed, HEALED_P99_SECONDS),
        _line("reconnected", report.reconnected, RECONNECTED_P99_SECONDS),
        _line("acknowledged", report.acknowledged_after),
        _line(f"stale reads of {report.history_reads.reads}", report.history_reads.by),
        "",
    ]
    for verdict in report.verdicts:
        state = "ok" if verdict.passed else "NOTHING TO LOOK AT" if not verdict.looked_at else "WRONG"
        lines.append(f"{verdict.name:22}{verdict.count:8}  of {verdict.looked_at:<9} {state}")
        lines += [f"    {example}" for example in verdict.examples]
    lines += ["", "passed" if report.passed else f"FAILED: {report.violations} violations"]
    return "\n".join(lines)


def as_json(report: Report) -> bytes:
    """For machines; what never came about, which is infinitely late, is null."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2)


def _line(name: str, found: Percentiles, target: float | None = None) -> str:
    values = [found.p50, found.p90, found.p99, found.longest]
    text = "".join(f"{_seconds(value):>{width}}" for value, width in zip(values, (8, 8, 8, 9), strict=True))
    missed = target is not None and found.p99 is not None and found.p99 > target
    return (
        f"{name:22}{text}{found.count:9}"
        + (f"  target p99 {target:.0f} s" if target else "")
        + (" MISSED" if missed else "")
    )


def _seconds(value: float | None) -> str:
    return "-" if value is None else "never" if isinf(value) else f"{value:.3f}"
