"""Breaks things as planned, and mends them."""

import asyncio
import contextlib
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg

from auth_service import keys
from devstack.errors import DevstackError
from tests.faults import processes
from tests.faults.events import Fault
from tests.faults.links import Mode
from tests.faults.plan import ENGINES, PODS, Planned, Round
from tests.faults.record import Record
from tests.faults.rig import Rig
from tests.faults.world import World

MODES = {"cut": Mode.CUT, "slow": Mode.SLOW, "frozen": Mode.FROZEN, "deaf": Mode.DEAF, "mute": Mode.MUTE}
SIGNALS = {"kill": signal.SIGKILL, "term": signal.SIGTERM}
SLOW_SECONDS = 0.1
RETRIES = 20
ADMIN_SECONDS = 2.0
KEY_SECONDS = 1.5  # auth looks at its file every second


class Nemesis:
    """Carries out rounds.

    Arguments:
        rig: what is broken.
        world: where it is written down.
        storm: drops all sockets of all clients.
        renew: has all clients take new tokens, and connect with them.
        record: what is in Kafka.
        chance: which backend or room is hit.
    """

    def __init__(
        self,
        rig: Rig,
        world: World,
        storm: Callable[[], None],
        renew: Callable[[], Awaitable[None]],
        record: Record,
        chance: random.Random,
    ) -> None:
        self._rig = rig
        self._world = world
        self._storm = storm
        self._renew = renew
        self._record = record
        self._chance = chance

    async def run(self, plan: Round) -> None:
        """One round: returns when everything is mended and ready."""
        async with asyncio.TaskGroup() as group:
            for fault in plan.faults:
                group.create_task(self._carry_out(fault))
        await self._rig.until_well()

    async def _carry_out(self, fault: Planned) -> None:
        await asyncio.sleep(fault.at)
        self._note(fault, "invoke")
        async with self._broken(fault):
            await asyncio.sleep(fault.seconds)
        self._note(fault, "ok")

    def _note(self, fault: Planned, kind: str) -> None:
        assert kind in ("invoke", "ok")
        self._world.add(Fault(self._world.now(), kind, fault.kind, fault.target, fault.number))  # type: ignore[arg-type]

    def _broken(self, fault: Planned) -> contextlib.AbstractAsyncContextManager[None]:
        if fault.kind in SIGNALS:
            return self._ended(fault.target, SIGNALS[fault.kind])
        if fault.kind in MODES:
            return self._link(fault.target, MODES[fault.kind])
        if fault.kind in ("stop", "stop-postmaster"):
            return self._stopped(fault.target, whole=fault.kind == "stop")
        others = {
            "end-backends": self._ending_backends,
            "kill-backend": self._killed_backend,
            "lock-room": self._locked_room,
            "rolling": self._rolling,
            "storm": self._storming,
            "poison": self._poisoned,
            "rotate": self._rotated,
        }
        return others[fault.kind]()

    @contextlib.asynccontextmanager
    async def _ended(self, name: str, number: int) -> AsyncIterator[None]:
        before = self._rig.signal(name, number)
        yield
        if name in ENGINES:
            await self._restart(name)
        else:
            with contextlib.suppress(DevstackError):  # something else keeps it from starting
                await self._rig.services.until_ready(name, other_than=before)

    @contextlib.asynccontextmanager
    async def _stopped(self, name: str, *, whole: bool) -> AsyncIterator[None]:
        pid = self._rig.pid(name)
        if pid is None:
            yield
            return
        processes.freeze(pid, whole=whole)
        try:
            yield
        finally:
            processes.thaw(pid)

    @contextlib.asynccontextmanager
    async def _link(self, name: str, mode: Mode) -> AsyncIterator[None]:
        link = self._rig.links[name]
        await link.set(mode, SLOW_SECONDS)
        try:
            yield
        finally:
            await link.set(Mode.OPEN)

    @contextlib.asynccontextmanager
    async def _ending_backends(self) -> AsyncIterator[None]:
        """One chat backend after the other is terminated, for as long as the fault lasts."""

        async def end() -> None:
            while True:
                if (pid := await self._backend()) is not None:
                    processes.end(pid, signal.SIGTERM)
                await asyncio.sleep(self._chance.uniform(0.05, 0.3))

        ending = asyncio.create_task(end())
        try:
            yield
        finally:
            ending.cancel()
            await asyncio.gather(ending, return_exceptions=True)

    @contextlib.asynccontextmanager
    async def _killed_backend(self) -> AsyncIterator[None]:
        """A chat backend is killed: PostgreSQL ends all the others and recovers from its log."""
        if (pid := await self._backend()) is not None:
            processes.end(pid, signal.SIGKILL)
        yield

    @contextlib.asynccontextmanager
    async def _locked_room(self) -> AsyncIterator[None]:
        """Somebody holds the lock of a room, as a pod that froze in the middle of a transaction would."""
        async with contextlib.AsyncExitStack() as stack:
            with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                connection = await self._admin("chat")
                stack.callback(connection.terminate)
                room = self._chance.choice(sorted(self._world.room_names))
                await connection.execute("BEGIN")
                await connection.execute("SELECT FROM rooms WHERE id = $1 FOR UPDATE", room)
            yield

    @contextlib.asynccontextmanager
    async def _rolling(self) -> AsyncIterator[None]:
        for pod in PODS:
            with contextlib.suppress(DevstackError):  # something else keeps it from starting: it is tried again
                await self._rig.services.restart(pod)
        yield

    @contextlib.asynccontextmanager
    async def _storming(self) -> AsyncIterator[None]:
        self._storm()
        yield

    @contextlib.asynccontextmanager
    async def _poisoned(self) -> AsyncIterator[None]:
        """The topics get events for a second time, what is no event, and what nobody can use."""
        await self._record.disturb()
        yield

    @contextlib.asynccontextmanager
    async def _rotated(self) -> AsyncIterator[None]:
        """Another key signs from now on, and everybody comes with a token that it has signed."""
        keys.rotate(self._rig.keys_file)
        await asyncio.sleep(KEY_SECONDS)
        await self._renew()
        yield

    async def _backend(self) -> int | None:
        """The process of any backend of chat; None if PostgreSQL cannot be asked."""
        try:
            connection = await self._admin("postgres")
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return None
        try:
            rows = await connection.fetch("SELECT pid FROM pg_stat_activity WHERE datname = 'chat' ORDER BY pid")
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return None
        finally:
            connection.terminate()
        return self._chance.choice([row["pid"] for row in rows]) if rows else None

    async def _admin(self, database: str) -> asyncpg.Connection:
        url = self._rig.engines.postgres_url.rpartition("/")[0] + f"/{database}"
        return await asyncpg.connect(url, timeout=ADMIN_SECONDS, command_timeout=ADMIN_SECONDS)

    async def _restart(self, engine: str) -> None:
        """Start an engine again. A postmaster may find backends of the last one still there, and is tried again.

        Raises:
            DevstackError: it does not start.
        """
        for attempt in range(RETRIES):
            try:
                await self._rig.engines.restart(engine)
                return
            except DevstackError:
                if attempt == RETRIES - 1:
                    raise
                await asyncio.sleep(0.25)
