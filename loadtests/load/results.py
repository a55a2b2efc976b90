"""What a run came to, and whether that is good enough: pure."""

from collections.abc import Mapping, Sequence

import msgspec

from .checks import KINDS
from .profile import Thresholds

CHECK = "check"  # the kind of rows that count broken promises
ACK, DELIVERY = "ack", "delivery"
EXAMPLES = 20


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of thing that was done; times are milliseconds."""

    kind: str
    name: str
    count: int
    failures: int
    per_s: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """All of it."""

    started_at: str  # RFC 3339
    seconds: float
    host: str
    shape: str
    users: int
    pace: float
    requests: int
    failures: int
    error_ratio: float
    messages: int  # acknowledged to those who sent them over sockets
    deliveries: int  # each of them in its place
    messages_per_s: float
    deliveries_per_s: float
    violations: Mapping[str, int]
    examples: Sequence[str]
    rows: Sequence[Row]
    breaches: Sequence[str] = ()

    @property
    def passed(self) -> bool:
        """Whether it was as it should be."""
        return not self.breaches


def summed(rows: Sequence[Row], examples: Sequence[str], **about: object) -> Result:
    """The result of these rows.

    Arguments:
        about: `started_at`, `seconds`, `host`, `shape`, `users`, `pace`.
    """
    done = [row for row in rows if row.kind != CHECK]
    requests, failures = sum(row.count for row in done), sum(row.failures for row in done)
    broken = {row.name: row.failures for row in rows if row.kind == CHECK}
    acks, deliveries = ([row for row in done if row.name == name] for name in (ACK, DELIVERY))
    return msgspec.convert(
        {
            **about,
            "requests": requests,
            "failures": failures,
            "error_ratio": failures / requests if requests else 0.0,
            "messages": sum(row.count - row.failures for row in acks),
            "deliveries": sum(row.count - row.failures for row in deliveries),
            "messages_per_s": sum(row.per_s for row in acks),
            "deliveries_per_s": sum(row.per_s for row in deliveries),
            "violations": {kind: broken.get(kind, 0) for kind in KINDS},
            "examples": list(examples[:EXAMPLES]),
            "rows": sorted(rows, key=lambda row: (row.kind, row.name)),
        },
        Result,
        from_attributes=True,
    )


def judged(result: Result, limits: Thresholds) -> Result:
    """The same result with everything in which it is not good enough."""
    breaches = [f"{count} x {kind}" for kind, count in result.violations.items() if count]
    if result.error_ratio > limits.error_ratio:
        breaches.append(f"{result.error_ratio:.2%} of all requests failed, {limits.error_ratio:.2%} may")
    if result.deliveries == 0:
        breaches.append("nothing was delivered, so nothing was checked")
    for row in result.rows:
        for name, percentile, is_, may in (
            (ACK, "p95", row.p95_ms, limits.ack_p95_ms),
            (ACK, "p99", row.p99_ms, limits.ack_p99_ms),
            (DELIVERY, "p95", row.p95_ms, limits.delivery_p95_ms),
            (DELIVERY, "p99", row.p99_ms, limits.delivery_p99_ms),
        ):
            if row.name == name and is_ > may:
                breaches.append(f"{percentile} of {row.kind} {name} is {is_:.0f} ms, {may:.0f} may be")
    return msgspec.structs.replace(result, breaches=breaches)


def text(result: Result) -> list[str]:
    """What a person wants to know, in lines."""
    head = ["", "count", "failed", "per s", "p50 ms", "p95 ms", "p99 ms", "max ms"]
    table = [head] + [
        [f"{row.kind} {row.name}", f"{row.count}", f"{row.failures}", f"{row.per_s:.1f}"]
        + [f"{value:.0f}" for value in (row.p50_ms, row.p95_ms, row.p99_ms, row.max_ms)]
        for row in result.rows
    ]
    widths = [max(len(line[column]) for line in table) for column in range(len(head))]
    lines = [
        "  ".join(cell.rjust(width) if column else cell.ljust(width) for column, (cell, width) in enumerate(pairs))
        for pairs in (list(zip(line, widths, strict=True)) for line in table)
    ]
    lines += ["", *(f"  {example}" for example in result.examples)]
    told = f"{result.messages} messages, {result.deliveries} deliveries"
    if result.passed:
        return [*lines, f"Passed: {told}, each once and in its place; {result.failures} of {result.requests} failed."]
    return [*lines, f"FAILED ({told}):", *(f"  {breach}" for breach in result.breaches)]
