"""One run: everything starts, things break round after round, everything is mended, read and checked."""

import asyncio
import random
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.faults.cast import Cast, Size
from tests.faults.checkers import check
from tests.faults.events import Mark
from tests.faults.history import Writer
from tests.faults.nemesis import Nemesis
from tests.faults.plan import Round
from tests.faults.presence import GONE_SECONDS
from tests.faults.record import Record
from tests.faults.report import Report, report_of
from tests.faults.rig import Rig
from tests.faults.world import World

PATIENCE_SECONDS = 10.0  # after everything is mended, for everybody to have everything
CALM_SECONDS = 2.0
BEGIN_SECONDS = 1.0
RECORD_SECONDS = 30.0  # for everything to be in Kafka


async def run(
    folder: Path,
    plan: Sequence[Round],
    *,
    seed: int,
    size: Size | None = None,
    sends: int = 0,
    say: Callable[[str], None] = lambda line: None,
) -> Report:
    """Start the platform and carry out a plan; see `play`.

    Raises:
        DevstackError: something does not start.
    """
    folder.mkdir(parents=True, exist_ok=True)
    async with Rig(folder, say=say) as rig:
        return await play(rig, folder, plan, seed=seed, size=size, sends=sends, say=say)


async def play(
    rig: Rig,
    folder: Path,
    plan: Sequence[Round],
    *,
    seed: int,
    size: Size | None = None,
    sends: int = 0,
    patience: float = PATIENCE_SECONDS,
    say: Callable[[str], None] = lambda line: None,
) -> Report:
    """Carry out a plan.

    Arguments:
        rig: what is broken.
        folder: for the history; it need not be there.
        plan: when what is broken.
        seed: of everything that is left to chance.
        size: who talks.
        sends: go on, after the last round, until so many messages are acknowledged.
        patience: seconds that everybody has, after everything is mended, to get everything.
        say: told what happens.

    Raises:
        DevstackError: something does not start again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    chance = random.Random(seed)
    writer = Writer(folder / "history.jsonl")
    world = World(writer)
    try:
        async with (
            Record(world, rig.engines.kafka_url, random.Random(seed + 2)) as record,
            Cast(world, rig.gateway_urls, size or Size(), chance) as cast,
        ):
            nemesis = Nemesis(rig, world, cast.storm, cast.renew, record, random.Random(seed + 1))
            cast.start()
            await asyncio.sleep(BEGIN_SECONDS)
            for number, one in enumerate(plan, 1):
                names = ", ".join(f"{fault.kind} {fault.target}" for fault in one.faults)
                say(f"{world.now():7.1f} s  round {number} of {len(plan)}: {names}")
                await nemesis.run(one)
                await healed(world, patience, say)
                cast.welcome(f"newcomer{number}")
                await asyncio.sleep(min(CALM_SECONDS, patience))
            while world.acknowledged < sends:
                await asyncio.sleep(0.1)
            await cast.fall_silent(patience)
            await healed(world, patience, say)
            await recorded(world, cast, RECORD_SECONDS if patience >= PATIENCE_SECONDS else patience, say)
            await seen(world, patience, say)
            await cast.mark_some()
            await cast.read_everything()
            world.add(Mark(world.now(), "end"))
    finally:
        writer.close()
    say(f"{world.now():7.1f} s  checking {len(writer.history)} events")
    return report_of(writer.history, check(writer.history), seed)


async def healed(world: World, patience: float, say: Callable[[str], None]) -> None:
    """Everything is mended: wait until everybody has what was acknowledged until now, but not for ever."""
    world.add(Mark(world.now(), "healed"))
    wanted, began = world.wanted(), world.now()
    while (missing := world.missing(wanted)) and world.now() - began < patience:
        await asyncio.sleep(0.02)
    say(
        f"{world.now():7.1f} s  mended; everybody had everything after {world.now() - began:.2f} s, "
        f"{world.acknowledged} acknowledged" + (f"; {missing} HAVE NOT" if missing else "")
    )


async def recorded(world: World, cast: Cast, patience: float, say: Callable[[str], None]) -> None:
    """Wait until all that was acknowledged has come from Kafka, and all newcomers are known; but not for ever."""
    began = world.now()
    while (world.unrecorded or cast.newcomers) and world.now() - began < patience:
        await asyncio.sleep(0.05)
    say(f"{world.now():7.1f} s  all of it was in the record after {world.now() - began:.2f} s")


async def seen(world: World, patience: float, say: Callable[[str], None]) -> None:
    """Wait until everybody is shown who is there and who is not, but not for ever."""
    began = world.now()
    if patience >= PATIENCE_SECONDS and world.first_gone is not None:  # who went first must be gone for everybody
        await asyncio.sleep(max(0.0, world.first_gone + GONE_SECONDS + 1 - began))
    while (misled := world.misled()) and world.now() - began < patience:
        await asyncio.sleep(0.05)
    say(
        f"{world.now():7.1f} s  everybody was shown who is there after {world.now() - began:.2f} s"
        + (f"; {misled} ARE NOT" if misled else "")
    )
