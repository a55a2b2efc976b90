"""Tasks that run in the background: beginning, pausing, ending."""

import asyncio
import contextlib


class Worker:
    """Something that works in a task of its own from `start` to `stop`."""

    _task: "asyncio.Task[None] | None" = None

    async def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End."""
        await end(self._task)

    async def _run(self) -> None:
        raise NotImplementedError


async def end(task: "asyncio.Task[None] | None") -> None:
    """Cancel a task until it ends.

    Once is not always enough: on Python 3.11 `asyncio.wait_for`, through which redis-py writes, forgets a cancellation
    that arrives in the same turn as its result (cpython#86296).
    """
    while task is not None and not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=0.1)


async def paused(waking: asyncio.Event, seconds: float) -> bool:
    """Wait so long, though not when `waking` is set: at once True then."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await waking.wait()
    return waking.is_set()
