"""Running the builds that are broken on purpose: a checker that has never failed proves nothing."""

from collections.abc import Callable
from pathlib import Path

from tests.faults.cast import Size
from tests.faults.plan import planned
from tests.faults.report import Report
from tests.faults.runner import run

# The variant, which is a module of `broken` that is run in place of chat_service, and the checker that must find it.
VARIANTS = {
    "ack_before_commit": "acked-lost",
    "no_client_id_check": "stored-duplicate",
    "replay_before_subscribe": "live-gap-or-repeat",
}
PLAN = planned(
    (
        (
            ("kill", "chat-1", 0.5, 0.5),
            ("storm", "clients", 3.0, 0.0),
            ("kill", "chat-2", 4.0, 0.5),
            ("storm", "clients", 6.5, 0.0),
        ),
    )
)
SIZE = Size(talkers=6, rooms=3, members=4, readers=1)
PATIENCE_SECONDS = 2.0  # what is broken need not be waited for


async def catch(variant: str, folder: Path, seed: int, say: Callable[[str], None] = lambda line: None) -> Report:
    """Run one of them under a few faults."""
    chat = ("{python}", "-m", f"tests.faults.broken.{variant}")
    return await run(folder, PLAN, seed=seed, size=SIZE, chat=chat, patience=PATIENCE_SECONDS, say=say)
