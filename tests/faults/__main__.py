"""`python -m tests.faults --minutes 10 --seed 1`: break things for ten minutes and tell what came of it."""

import argparse
import asyncio
import logging
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.faults.builds import BUILDS, catch
from tests.faults.cast import Size
from tests.faults.checkers import check
from tests.faults.history import load
from tests.faults.plan import SECONDS, SHORT, make_plan
from tests.faults.report import Report, as_json, as_text, report_of
from tests.faults.runner import run


def main() -> int:
    """Run; 0 if nothing was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long, about")
    parser.add_argument("--seed", type=int, default=1, help="of the schedule and of what is said")
    parser.add_argument("--rate", type=float, default=400.0, help="messages a second, of all clients together")
    parser.add_argument("--sends", type=int, help="go on until so many are acknowledged; 10,000 a minute by default")
    parser.add_argument("--short", action="store_true", help="the short schedule of the tests")
    parser.add_argument("--only", choices=SECONDS, nargs="+", default=[], help="faults of these kinds")
    parser.add_argument("--check", type=Path, help="check a history that was kept, and do nothing else")
    parser.add_argument("--plan", action="store_true", help="show the schedule and do nothing")
    parser.add_argument("--report", type=Path, help="write the report as JSON there, and as text beside it")
    parser.add_argument("--keep", type=Path, help="data, logs and history go there and stay")
    parser.add_argument("--broken", choices=[*BUILDS, "all"], help="run builds that are broken on purpose instead")
    options = parser.parse_args()
    if options.check:
        history = load(options.check)
        return _tell(report_of(history, check(history), options.seed), options.report)
    plan = SHORT if options.short else make_plan(options.seed, options.minutes * 60, options.only)
    if options.plan:
        for number, one in enumerate(plan, 1):
            for fault in one.faults:
                print(f"{number:3} {fault.at:5.1f} s for {fault.seconds:5.1f} s  {fault.kind} {fault.target}")
        return 0
    logging.getLogger("chassis").setLevel(logging.CRITICAL)  # our own consumer complains of every fault
    folder = options.keep or Path(tempfile.mkdtemp(prefix="parley-faults-"))
    try:
        if options.broken:
            names = list(BUILDS) if options.broken == "all" else [options.broken]
            return _broken(names, folder, options.seed)
        sends = int(10_000 * options.minutes) if options.sends is None else options.sends
        sends = 0 if options.short or options.only else sends
        size = Size(rate=options.rate)
        report = asyncio.run(run(folder, plan, seed=options.seed, size=size, sends=sends, say=_say))
    finally:
        if options.keep is None:
            shutil.rmtree(folder, ignore_errors=True)
    return _tell(report, options.report)


def _tell(report: Report, path: Path | None) -> int:
    text = as_text(report)
    print(text)
    if path is not None:
        path.write_bytes(as_json(report))
        path.with_suffix(".txt").write_text(text + "\n")
    return 0 if report.passed else 1


def _broken(names: list[str], folder: Path, seed: int) -> int:
    missed = []
    for name, report in asyncio.run(catch(names, folder, seed, say=_say)).items():
        verdict = report.verdict(BUILDS[name].found_by)
        print(as_text(report))
        print(f"\n{name}: {verdict.name} found {verdict.count}\n")
        if not verdict.count:
            missed.append(name)
    print(f"NOT CAUGHT: {', '.join(missed)}" if missed else "all were caught")
    return 1 if missed else 0


def _say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
