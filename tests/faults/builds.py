"""Running the builds that are broken on purpose: a checker that has never failed proves nothing."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from tests.faults.cast import Size
from tests.faults.plan import PODS, Round, planned
from tests.faults.report import Report
from tests.faults.rig import Rig
from tests.faults.runner import play

SIZE = Size(talkers=6, rooms=3, members=4, readers=1, socketio=0, mayflies=0)
PATIENCE_SECONDS = 1.0  # what is broken need not be waited for


class Build(msgspec.Struct, frozen=True):
    """A build that is broken: which checker must find it, when what happens."""

    found_by: str
    plan: list[Round]


def _storms(*at: float) -> list[Round]:
    return planned(([("storm", "clients", second, 0.0) for second in at],))


# By the module of `broken` that breaks it.
BUILDS = {
    "ack_before_commit": Build("acked-lost", planned(([("kill", "chat-1", 0.5, 0.5), ("kill", "chat-2", 0.6, 0.5)],))),
    "no_client_id_check": Build("stored-duplicate", _storms(0.5, 1.0, 1.5, 2.0, 2.5, 3.0)),
    "replay_before_subscribe": Build("live-gap-or-repeat", _storms(0.5, 1.5)),
}


async def catch(
    names: Sequence[str], folder: Path, seed: int, say: Callable[[str], None] = lambda line: None
) -> dict[str, Report]:
    """Run these one after the other on one platform, each under a few faults; the reports by name.

    Raises:
        DevstackError: something does not start.
    """
    folder.mkdir(parents=True, exist_ok=True)
    variant = (folder / "variant").resolve()
    variant.write_text(names[0])
    reports = {}
    async with Rig(folder, chat=("{python}", "-m", "tests.faults.broken", str(variant)), say=say) as rig:
        for name in names:
            if name != names[0]:
                variant.write_text(name)
                await asyncio.gather(*(rig.services.restart(pod) for pod in PODS))
            reports[name] = await play(
                rig, folder / name, BUILDS[name].plan, seed=seed, size=SIZE, patience=PATIENCE_SECONDS, say=say
            )
    return reports
