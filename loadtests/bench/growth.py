"""`python -m loadtests.bench.growth`: what costs do when rooms grow, and when their history does. Draws it too."""

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
from .compiler import compiled
from .generator import Generator, GeneratorError
from .peer_rows import PEERS, Load, beside
from .plots import draw
from .results import Growth, Line, OfSize, Skipped
from .rig import Rig
from .rows import room
from .stored import fill, measure_stored
from .table import aligned, machine_lines

SIZES = (2, 10, 50, 200, 500)
STORED = (1_000, 10_000, 100_000, 1_000_000)
WINDOW = 16


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="python -m loadtests.bench.growth", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="how long each point is measured (default 3)")
    parser.add_argument("--into", type=Path, metavar="FOLDER", help="write growth.json and the plots there")
    return parser.parse_args(words)


async def measure_sizes(rig: Rig, growth: Growth, seconds: float) -> None:
    """A room of each size on each server, `WINDOW` messages in flight."""
    for members in SIZES:
        _tell(f"a room of {members}")
        lines = await room(rig, "size", seconds, members=members, window=WINDOW, pods=1)
        growth.sizes.append(_of_size("parley", members, lines))
        for peer in PEERS:
            if peer.name == "socketio-any-order":
                continue
            _tell(f"a room of {members}: {peer.name}")
            try:
                lines = await beside(rig, "size", seconds, peer=peer, load=Load(1, members, WINDOW))
            except Skipped as reason:
                growth.missing[f"{peer.name}, a room of {members}"] = str(reason)
            else:
                growth.sizes.append(_of_size(peer.name, members, lines))


async def measure(seconds: float, cores: machine.Cores, program: Path) -> Growth:
    """Everything, telling on the error output what is being done."""
    growth = Growth(rfc3339(utc_now()) or "", machine.describe(cores), [], [], {})
    folder = Path(tempfile.mkdtemp(prefix="parley-bench-"))
    try:
        async with Rig.opened(folder, Generator(program, cores.generator)) as rig:
            await measure_sizes(rig, growth, seconds)
            people = rig.accounts.register(2)
            async with rig.pods() as (pod,):
                for count in (STORED[0], *STORED):  # the first time warms the pod and its connections
                    _tell(f"{count:,} messages stored")
                    room_id = await rig.group(pod, people)
                    await fill(rig, room_id, count)
                    growth.stored.append(await measure_stored(rig, pod, people, room_id, count, seconds))
                del growth.stored[0]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return growth


def size_lines(growth: Growth) -> list[str]:
    """The table of room sizes."""
    sizes = [["server", "members", "µs/deliv", "µs/msg", "msg/s", "p50 ms"]]
    for of in sorted(growth.sizes, key=lambda of: (of.server != "parley", of.server, of.members)):
        cells = [of.server, f"{of.members}", f"{of.cpu_us_per_delivery:.2f}", f"{of.cpu_us_per_message:.1f}"]
        sizes.append([*cells, f"{of.messages_per_s:,.0f}", f"{of.latency_p50_ms:.2f}"])
    return aligned(sizes, left=1)


def stored_lines(growth: Growth) -> list[str]:
    """The table of histories."""
    stored = [["stored", "µs/msg, pod", "µs/msg, Postgres", "µs/page, pod", "buffers/page: newest", "middle", "oldest"]]
    for at in growth.stored:
        cells = [f"{at.messages:,}", f"{at.pod_us_per_message:.1f}", f"{at.postgres_us_per_message:.1f}"]
        cells += [f"{at.pod_us_per_page:.0f}"]
        stored.append([*cells, *(f"{count}" for count in (at.buffers_newest, at.buffers_middle, at.buffers_oldest))])
    return aligned(stored, left=0)


def _of_size(server: str, members: int, lines: Sequence[Line]) -> OfSize:
    (line,) = lines
    return OfSize(
        server=server,
        members=members,
        cpu_us_per_delivery=line.cpu_us_per_delivery,
        cpu_us_per_message=line.cpu_us_per_message,
        messages_per_s=line.messages_per_s,
        latency_p50_ms=line.latency_p50_ms,
    )


def _tell(what: str) -> None:
    print(f"{what} …", file=sys.stderr, flush=True)


def main() -> int:
    """Measure, print and draw."""
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
        growth = asyncio.run(measure(wanted.seconds, cores, program))
    except (DevstackError, GeneratorError) as error:
        print(f"The benchmark failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print("\n".join([*machine_lines(growth.machine), "", *size_lines(growth), "", *stored_lines(growth)]))
    for name, why in growth.missing.items():
        print(f"{name} is missing: {why}.")
    if wanted.into is not None:
        wanted.into.mkdir(parents=True, exist_ok=True)
        (wanted.into / "growth.json").write_bytes(msgspec.json.format(msgspec.json.encode(growth), indent=2) + b"\n")
        draw(growth, wanted.into)
    return 0


if __name__ == "__main__":
    sys.exit(main())
