"""Ending tasks that run in the background."""

import asyncio


async def end(task: "asyncio.Task[None] | None") -> None:
    """Cancel a task until it ends.

    Once is not always enough: on Python 3.11 `asyncio.wait_for`, through which redis-py writes, forgets a cancellation
    that arrives in the same turn as its result (cpython#86296).
    """
    while task is not None and not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=0.1)
