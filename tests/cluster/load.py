"""People who talk through the gateway while steps are taken, and the fault suite's checkers over all they saw."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.faults.cast import Cast, Size
from tests.faults.checkers import check
from tests.faults.events import Fault, Mark
from tests.faults.history import Writer
from tests.faults.record import Record
from tests.faults.report import Report, report_of
from tests.faults.runner import healed, recorded, seen
from tests.faults.world import World

SIZE = Size(talkers=8, rooms=4, members=4, seconds=2, readers=2, socketio=1, mayflies=0, rate=40.0)
# Pods of a cluster are moved by several programs, each of which takes its time.
PATIENCE_SECONDS = 15.0
RECORD_SECONDS = 60.0


class Load:
    """Talk, while it is entered.

    Arguments:
        url: of the gateway.
        kafka_url: where events are heard.
        folder: for the history.
        seed: of what is said, and by whom.
        say: told what happens.
    """

    def __init__(self, url: str, kafka_url: str, folder: Path, seed: int, say: Callable[[str], None]) -> None:
        self._urls = [url]
        self._seed = seed
        self._say = say
        self._writer = Writer(folder / "history.jsonl")
        self._world = World(self._writer)
        self._record = Record(self._world, kafka_url, random.Random(seed + 2))
        self._stack = AsyncExitStack()
        self._cast: Cast
        self._number = 0

    async def __aenter__(self) -> Self:
        self._stack.callback(self._writer.close)
        try:
            await self._stack.enter_async_context(self._record)
            cast = Cast(self._world, self._urls, SIZE, random.Random(self._seed))
            self._cast = await self._stack.enter_async_context(cast)
        except BaseException:
            await self._stack.aclose()
            raise
        self._cast.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    @property
    def acknowledged(self) -> int:
        """Messages until now."""
        return self._world.acknowledged

    @contextlib.asynccontextmanager
    async def disturbed(self, kind: str, target: str) -> AsyncIterator[None]:
        """What is done inside is a fault; after it everybody must have everything, in time.

        Arguments:
            kind: `rolling` for what must cost a reconnect and no error; `kill` for what may cost more.
            target: in words.
        """
        self._number += 1
        number = self._number
        self._world.add(Fault(self._world.now(), "invoke", kind, target, number))
        yield
        self._world.add(Fault(self._world.now(), "ok", kind, target, number))
        await healed(self._world, PATIENCE_SECONDS, self._say)
        self._cast.welcome(f"newcomer{number}")

    async def report(self) -> Report:
        """Fall silent, read everything, and check."""
        await self._cast.fall_silent(PATIENCE_SECONDS)
        await healed(self._world, PATIENCE_SECONDS, self._say)
        await recorded(self._world, self._cast, RECORD_SECONDS, self._say)
        await seen(self._world, PATIENCE_SECONDS, self._say)
        await self._cast.mark_some()
        await self._cast.read_everything()
        self._world.add(Mark(self._world.now(), "end"))
        history = self._writer.history
        return report_of(history, await asyncio.to_thread(check, history), self._seed)
