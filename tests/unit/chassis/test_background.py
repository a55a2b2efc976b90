"""Work in the background begins, pauses and ends."""

import asyncio

from chassis.background import Worker, paused


async def test_a_pause_ends_when_the_process_stops() -> None:
    stopping = asyncio.Event()
    assert await paused(stopping, 0.001) is False
    pause = asyncio.create_task(paused(stopping, 60))
    stopping.set()
    assert await pause is True


class Counting(Worker):
    """Counts until it is ended, which takes being told twice."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.told = 0

    async def _run(self) -> None:
        while self.told < 2:
            self.begun.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.told += 1
        raise asyncio.CancelledError


async def test_a_worker_works_until_it_has_ended() -> None:
    worker = Counting()
    await worker.stop()  # before it has begun
    await worker.start()
    await worker.begun.wait()
    await worker.stop()
    assert worker.told == 2
