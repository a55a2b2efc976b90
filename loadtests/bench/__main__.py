"""`python -m loadtests.bench`: measure, and print a table."""

import argparse
import asyncio
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

from chassis.times import rfc3339, utc_now
from devstack.errors import DevstackError

from . import machine
from .comparison import compared, comparison_lines
from .compiler import compiled
from .generator import Generator, GeneratorError
from .peer_rows import side_by_side
from .results import Report, Skipped
from .rig import Rig
from .rows import ROWS as OURS
from .table import machine_lines, table

ROWS = side_by_side(OURS)
QUICK_SECONDS = 1.5


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="python -m loadtests.bench", description="CPU per delivery and per message.")
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"which rows, all by default: {', '.join(ROWS)}")
    parser.add_argument("--seconds", type=float, default=5.0, help="how long each row is measured (default 5)")
    parser.add_argument("--quick", action="store_true", help=f"the same with {QUICK_SECONDS:g} seconds a row")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything there too")
    parsed = parser.parse_args(words)
    if unknown := [name for name in parsed.rows if name not in ROWS]:
        parser.error(f"no such row: {', '.join(unknown)}; there are {', '.join(ROWS)}")
    if parsed.seconds <= 0:
        parser.error("--seconds is more than 0")
    if parsed.quick:
        parsed.seconds = QUICK_SECONDS
    return parsed


async def measure(rows: Sequence[str], seconds: float, cores: machine.Cores, program: Path) -> Report:
    """Run rows one after the other, telling each on the error output."""
    report = Report(rfc3339(utc_now()) or "", machine.describe(cores), [], {}, [])
    folder = Path(tempfile.mkdtemp(prefix="parley-bench-"))
    try:
        async with Rig.opened(folder, Generator(program, cores.generator)) as rig:
            for name in rows:
                print(f"{name} …", file=sys.stderr, flush=True)
                try:
                    report.lines.extend(await ROWS[name](rig, name, seconds))
                except Skipped as reason:
                    report.skipped[name] = str(reason)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    report.comparison.extend(compared(report.lines))
    return report


def main() -> int:
    """Measure and print; 0, also when nothing can be measured here, and 1 when something went wrong."""
    wanted = arguments()
    try:
        machine.check()
        program = compiled()
    except Skipped as reason:
        print(f"Nothing is measured: {reason}.")
        return 0
    cores = machine.Cores()
    cores.take()
    machine.raise_file_limit()
    try:
        report = asyncio.run(measure(wanted.rows or list(ROWS), wanted.seconds, cores, program))
    except (DevstackError, GeneratorError) as error:
        print(getattr(error, "tail", ""), f"The benchmark failed: {error}", sep="\n", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print("\n".join([*machine_lines(report.machine), "", *table(report.lines), *comparison_lines(report.comparison)]))
    for name, why in report.skipped.items():
        print(f"{name} is missing: {why}.")
    if wanted.json is not None:
        wanted.json.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
