"""How long something may take, on a machine that has other things to do as well."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

TICK_SECONDS = 0.005


@asynccontextmanager
async def within(seconds: float) -> AsyncIterator[None]:
    """Fail if the block takes longer, not counting the time in which this process was not let to run."""
    lost = 0.0

    async def watch() -> None:
        nonlocal lost
        while True:
            before = time.monotonic()
            await asyncio.sleep(TICK_SECONDS)
            lost += max(0.0, time.monotonic() - before - 2 * TICK_SECONDS)

    watcher = asyncio.create_task(watch())
    began = time.monotonic()
    try:
        yield
        took = time.monotonic() - began
    finally:
        await asyncio.sleep(0)  # what was lost last is counted, too
        watcher.cancel()
    assert took - lost < seconds, f"it took {took:.3f} s, of which {lost:.3f} s were not ours, and not {seconds} s"
