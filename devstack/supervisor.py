"""Starts units, stops them in reverse order, and starts again what dies."""

import asyncio
import signal
import time
from collections.abc import Callable

from devstack.backoff import Backoff
from devstack.console import shown, silent
from devstack.errors import DevstackError
from devstack.leftovers import Leftovers
from devstack.process import Process, ending
from devstack.units import Unit, until_ready


class Supervisor:
    """The processes of one platform, by name."""

    def __init__(self, say: Callable[[str], None] = silent, *, restarts: bool = False) -> None:
        """
        Arguments:
            say: told, in one line each, of what is started, dies and is back.
            restarts: start again whatever dies once it was ready, by tasks in the event loop that started it.
        """
        self.hurry = asyncio.Event()
        self.leftovers: Leftovers | None = None
        self._say = say
        self._restarts = restarts
        self._units: dict[str, Unit] = {}
        self._processes: dict[str, Process] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._watchers: list[asyncio.Task[None]] = []

    @property
    def pids(self) -> dict[str, int]:
        """The process ids of what runs, by name."""
        return {name: process.pid for name, process in self._processes.items() if process.exit_code() is None}

    async def start(self, unit: Unit) -> None:
        """Start a unit and wait until it is ready.

        Raises:
            DevstackError: if it does not start; its process, if any, is ended by `stop`.
        """
        self._units[unit.name] = unit
        self._locks[unit.name] = asyncio.Lock()
        await self._run(unit)
        if self._restarts:
            self._watchers.append(asyncio.create_task(self._watch(unit.name), name=f"watch {unit.name}"))

    async def _run(self, unit: Unit) -> None:
        began = time.monotonic()
        if unit.prepare is not None:
            await unit.prepare()
        try:
            process = Process(unit.spec)
        except OSError as error:
            raise DevstackError(f"{unit.name} could not be started: {error}.") from error
        self._processes[unit.name] = process
        if self.leftovers is not None:
            self.leftovers.add(unit.name, process.pid)
        await until_ready(unit, process)
        self._say(f"{unit.name:<16} {shown(unit.url):<40} {time.monotonic() - began:5.1f} s")

    async def _watch(self, name: str) -> None:
        unit, backoff = self._units[name], Backoff()
        while True:
            process = self._processes[name]
            code = await process.wait()
            async with self._locks[name]:
                if self._processes[name] is not process:
                    continue  # restarted on purpose
                wait = backoff.after(time.monotonic() - process.started)
                self._say(f"{name} {ending(code or 0)}; it is started again in {wait:.1f} s (log: {unit.spec.log})")
                while True:
                    await asyncio.sleep(wait)
                    try:
                        await self._run(unit)
                    except DevstackError as error:
                        await self._processes[name].stop(self.hurry)
                        wait = backoff.after(0)
                        self._say(f"{error} It is tried again in {wait:.1f} s (log: {unit.spec.log})")
                    else:
                        break

    def kill(self, name: str, number: int = signal.SIGKILL) -> int:
        """Send a signal to a process.

        Returns:
            its process id.
        """
        process = self._processes[name]
        process.signal(number)
        return process.pid

    async def restart(self, name: str) -> None:
        """End a process politely and start it again.

        Raises:
            DevstackError: if it does not start.
        """
        async with self._locks[name]:
            await self._end(name)
            await self._run(self._units[name])

    async def until_ready(self, name: str, other_than: int | None = None) -> int:
        """Wait until a unit serves again.

        Arguments:
            name: of the unit.
            other_than: a process id that does not count, that of the one which was killed.

        Returns:
            the process id of the one that serves.

        Raises:
            DevstackError: if that takes longer than its start may.
        """
        unit = self._units[name]
        deadline = time.monotonic() + unit.start_seconds
        while time.monotonic() < deadline:
            process = self._processes[name]
            if process.pid != other_than and process.exit_code() is None and await unit.ready():
                return process.pid
            await asyncio.sleep(0.05)
        raise DevstackError(f"{name} was not ready after {unit.start_seconds:.0f} seconds.")

    async def stop(self) -> None:
        """End everything, the highest stage first; politely until `hurry` is set."""
        for watcher in self._watchers:
            watcher.cancel()
        await asyncio.gather(*self._watchers, return_exceptions=True)
        self._watchers = []
        for stage in sorted({unit.stage for unit in self._units.values()}, reverse=True):
            names = [name for name, unit in self._units.items() if unit.stage == stage and name in self._processes]
            await asyncio.gather(*(self._end(name) for name in names))

    async def _end(self, name: str) -> None:
        process = self._processes[name]
        if not await process.stop(self.hurry) and not self.hurry.is_set():
            self._say(f"{name} did not end within {process.spec.stop_seconds:.0f} s and was made to.")
