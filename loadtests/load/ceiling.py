"""`python -m loadtests.load.ceiling`: raise the load until deliveries are late or fail, and draw what happened."""

import argparse
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from chassis.times import rfc3339, utc_now
from devstack.background import Background
from devstack.errors import DevstackError
from devstack.settings import Settings
from loadtests.bench.machine import Cores, describe
from loadtests.bench.plots import HEIGHT, WIDTH, chart
from loadtests.bench.results import Machine

from .__main__ import CACHE, INVALID, ROOT, command, program
from .__main__ import arguments as load_arguments
from .profile import Profile, profile
from .results import DELIVERY, Result
from .usage import Sampler, Used

LATE_MS = 500.0
FAILED = 0.001
STEP = 1.6
MOST_STEPS = 16
PATIENT_MS = "1000000000"  # a stage judges what was right; what was fast enough is judged here
GROUPS = {"gateway": ("gateway",), "chat, 2 pods": ("chat-1", "chat-2"), "engines": ("postgres", "valkey", "kafka")}
GENERATOR = "generator"


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """One load, and what became of it."""

    pace: float
    offered_per_s: float  # messages that people wanted to send
    messages_per_s: float
    deliveries_per_s: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    error_ratio: float
    used: Mapping[str, Used]


class Ceiling(msgspec.Struct, frozen=True, kw_only=True):
    """The curve."""

    started_at: str
    machine: Machine
    users: int
    seconds: float
    late_ms: float  # what p99 may be
    stages: Sequence[Stage]
    why: str  # it ended

    @property
    def best(self) -> Stage | None:
        """The last stage that was good enough."""
        good = [stage for stage in self.stages if not too_much(stage, self.late_ms)]
        return good[-1] if good else None


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="python -m loadtests.load.ceiling", description=__doc__)
    parser.add_argument("--users", type=int, default=200, help="who are there from the beginning (default 200)")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long each load lasts (default 20)")
    parser.add_argument("--pace", type=float, default=1.0, help="the first load, times what is realistic (default 1)")
    parser.add_argument(
        "--late-ms", type=float, default=LATE_MS, help=f"p99 of deliveries, at most (default {LATE_MS:g})"
    )
    parser.add_argument("--steps", type=int, default=MOST_STEPS, help=f"loads, at most (default {MOST_STEPS})")
    parser.add_argument("--into", type=Path, default=CACHE / "ceiling", metavar="FOLDER", help="where it is written")
    return parser.parse_args(words)


def offered(users: int, pace: float, told: Profile) -> float:
    """How many messages a second these users want to send."""
    kinds = {"websocket": told.websocket, "http": told.http, "socketio": told.socketio}
    shares = msgspec.structs.asdict(told.mix)
    each = sum(shares[kind] * actions.get("say", 0.0) for kind, actions in kinds.items()) / sum(shares.values())
    return float(users * each * pace / 60)


def too_much(stage: Stage, late_ms: float = LATE_MS) -> str:
    """Why a load was too much; empty if it was not."""
    if stage.p99_ms > late_ms:
        return f"p99 of deliveries was {stage.p99_ms:.0f} ms, more than {late_ms:.0f}"
    if stage.error_ratio > FAILED:
        return f"{stage.error_ratio:.2%} of requests failed, more than {FAILED:.2%}"
    return ""


def stage_of(result: Result, pace: float, used: Mapping[str, Used]) -> Stage:
    """What a run says of a load."""
    rows = [row for row in result.rows if row.name == DELIVERY]
    return Stage(
        pace=round(pace, 2),
        offered_per_s=round(offered(result.users, pace, profile()), 1),
        messages_per_s=round(result.messages_per_s, 1),
        deliveries_per_s=round(result.deliveries_per_s, 1),
        p50_ms=max((row.p50_ms for row in rows), default=0.0),
        p95_ms=max((row.p95_ms for row in rows), default=0.0),
        p99_ms=max((row.p99_ms for row in rows), default=0.0),
        error_ratio=result.error_ratio,
        used=used,
    )


class Wrong(Exception):
    """A run failed for another reason than being slow; `str()` says what it said."""


def measure(stack: Background, locust: str, wanted: argparse.Namespace, pace: float) -> Stage:
    """One load.

    Raises:
        Wrong: a promise was broken, or nothing was measured.
    """
    words: list[Any] = [
        "--own",
        "--users",
        str(wanted.users),
        "--rate",
        str(max(1, wanted.users // 5)),
        "--into",
        str(wanted.into),
    ]
    words += ["--time", f"{wanted.seconds:.0f}s", "--pace", f"{pace:.2f}", "--error-ratio", "1"]
    for name in ("ack-p95", "ack-p99", "delivery-p95", "delivery-p99"):
        words += [f"--{name}-ms", PATIENT_MS]
    parsed, rest = load_arguments(words)
    wanted.into.mkdir(parents=True, exist_ok=True)
    with (
        (wanted.into / "locust.log").open("w") as log,
        subprocess.Popen(
            command(locust, parsed, rest, stack.gateway_url), cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True
        ) as process,
        Sampler(lambda: groups(stack.pids, process.pid)) as sampler,
    ):
        said, _ = process.communicate()
    if process.returncode != 0:
        raise Wrong(said)
    result = msgspec.json.decode((wanted.into / "report.json").read_bytes(), type=Result)
    return stage_of(result, pace, sampler.used())


def groups(pids: Mapping[str, int], generator: int) -> dict[str, list[int]]:
    """The processes of each group."""
    known = {name: [pids[each] for each in names if each in pids] for name, names in GROUPS.items()}
    named = {each for names in GROUPS.values() for each in names}
    return {**known, "all other services": [p for n, p in pids.items() if n not in named], GENERATOR: [generator]}


def climb(stack: Background, locust: str, wanted: argparse.Namespace) -> Ceiling:
    """Raise the load until it is too much.

    Raises:
        Wrong: a run failed for another reason.
    """
    stages: list[Stage] = []
    pace, why = wanted.pace, f"{wanted.steps} loads were measured, none was too much"
    for _ in range(wanted.steps):
        stages.append(measure(stack, locust, wanted, pace))
        print(line(stages[-1]), flush=True)
        if too_much(stages[-1], wanted.late_ms):  # the machine may have had something else to do: once more
            stages[-1] = min(stages[-1], measure(stack, locust, wanted, pace), key=lambda stage: stage.p99_ms)
            print(line(stages[-1]), flush=True)
        if reason := too_much(stages[-1], wanted.late_ms):
            why = reason
            break
        pace *= STEP
    return Ceiling(
        started_at=_moment(),
        machine=describe(Cores()),
        users=wanted.users,
        seconds=wanted.seconds,
        late_ms=wanted.late_ms,
        stages=stages,
        why=why,
    )


def line(stage: Stage) -> str:
    """A stage for a person at a terminal."""
    cores = sum(used.cores for used in stage.used.values())
    return (
        f"{stage.offered_per_s:7.0f} wanted {stage.messages_per_s:7.0f} messages/s "
        f"{stage.deliveries_per_s:8.0f} deliveries/s  "
        f"p50 {stage.p50_ms:5.0f}  p95 {stage.p95_ms:5.0f}  p99 {stage.p99_ms:5.0f} ms  {cores:.1f} cores"
    )


def drawn(ceiling: Ceiling) -> str:
    """Three charts below each other over the same axis: latency, CPU, memory."""
    stages = ceiling.stages
    x_label = f"messages per second that {ceiling.users} people wanted to send"
    xs = [stage.offered_per_s for stage in stages]
    names = list(stages[0].used)
    latency = {name: [getattr(stage, f"{name}_ms") for stage in stages] for name in ("p50", "p95", "p99")}
    limit = {"limit of p99": [ceiling.late_ms] * len(stages)}
    cpu = {name: [stage.used[name].cores for stage in stages] for name in names}
    memory = {name: [stage.used[name].mib for stage in stages] for name in names}
    charts = [
        chart(
            "Delivery, from the wish to send to each member", x_label, "ms", _points(xs, latency | limit), log_y=True
        ),
        chart("CPU", x_label, f"cores in use, of {ceiling.machine.cores}", _points(xs, cpu), log_y=False),
        chart("Memory", x_label, "MiB, without what processes share", _points(xs, memory), log_y=False),
    ]
    placed = [
        each.replace("<svg ", f'<svg y="{HEIGHT * number}" width="{WIDTH}" height="{HEIGHT}" ', 1)
        for number, each in enumerate(charts)
    ]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT * len(charts)}">'
    return "\n".join([head, *placed, "</svg>", ""])


def _points(xs: Sequence[float], series: Mapping[str, Sequence[float]]) -> dict[str, list[tuple[float, float]]]:
    return {name: [(x, max(y, 0.001)) for x, y in zip(xs, ys, strict=True)] for name, ys in series.items()}


def _moment() -> str:
    return rfc3339(utc_now()) or ""


def main(words: Sequence[str] | None = None) -> int:
    """0 when there is a curve, 1 when something was wrong, 2 when nothing was measured."""
    wanted = arguments(words)
    locust = program()
    if locust is None:
        print("Locust is not installed: `make ceiling` installs it.", file=sys.stderr)
        return INVALID
    environment = {**os.environ, "RATE_LIMITS": "off"}
    try:
        with Background(Settings(port=0, data_dir=CACHE / "data"), environment=environment) as stack:
            ceiling = climb(stack, locust, wanted)
    except Wrong as wrong:
        print(f"A run failed:\n{wrong}", file=sys.stderr)
        return 1
    except DevstackError as error:
        print(f"The platform does not start: {error}", file=sys.stderr)
        return INVALID
    (wanted.into / "ceiling.json").write_bytes(msgspec.json.format(msgspec.json.encode(ceiling), indent=2) + b"\n")
    (wanted.into / "ceiling.svg").write_text(drawn(ceiling))
    print(f"It ended because {ceiling.why}.")
    if ceiling.best is not None:
        print(f"The most that was good enough: {line(ceiling.best).strip()}")
    print(f"ceiling.json and ceiling.svg are in {wanted.into}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
