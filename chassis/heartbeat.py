"""A session of the database that says a word now and then, while what its owner waits for is elsewhere."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

import asyncpg

Result = TypeVar("Result")


async def beside(
    connection: "asyncpg.Connection[asyncpg.Record]", work: Awaitable[Result], heartbeat_seconds: float
) -> Result:
    """Await something that says nothing to the database, and let the database hear all the while that we are here.

    Arguments:
        connection: used by nobody else meanwhile.
        work: what is awaited.
        heartbeat_seconds: between two words.

    Raises:
        Exception: that of the work; or, after the work has ended, that of the connection: its session is lost.
    """
    task = asyncio.ensure_future(work)
    try:
        while not (await asyncio.wait({task}, timeout=heartbeat_seconds))[0]:
            await connection.execute("SELECT")
    except asyncio.CancelledError:
        task.cancel()
        raise
    except Exception:  # half of the work would be worse than all of it
        await asyncio.gather(task, return_exceptions=True)
        raise
    return task.result()
