"""A unit: a process, how one knows that it is ready, and what must be done before each start."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import msgspec

from devstack.errors import ProcessError
from devstack.process import Process, Spec, ending, tail

PROBE_INTERVAL_SECONDS = 0.025
PROBE_SECONDS = 2.0


class Unit(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of what the platform is made of.

    `ready` answers whether it serves, and raises nothing; `prepare` runs before each start, restarts included.
    Units of a lower stage stop later.
    """

    spec: Spec
    url: str
    ready: Callable[[], Awaitable[bool]]
    prepare: Callable[[], Awaitable[None]] | None = None
    stage: int = 0
    start_seconds: float = 30.0

    @property
    def name(self) -> str:
        """Its name, which is also that of its log."""
        return self.spec.name


async def until_ready(unit: Unit, process: Process) -> None:
    """Wait until a started process serves.

    Raises:
        ProcessError: if it ends before, or is not ready after `unit.start_seconds`.
    """
    deadline = time.monotonic() + unit.start_seconds
    while True:
        if (code := process.exit_code()) is not None:
            raise ProcessError(f"{unit.name} did not start: it {ending(code)}.", tail(unit.spec.log))
        if await unit.ready():
            return
        if time.monotonic() > deadline:
            sentence = f"{unit.name} was not ready after {unit.start_seconds:.0f} seconds."
            raise ProcessError(sentence, tail(unit.spec.log))
        await asyncio.sleep(PROBE_INTERVAL_SECONDS)


async def exchange(host: str, port: int, request: bytes, *, lines: int = 0) -> bytes:
    """Send bytes to a TCP server and read the beginning of its answer.

    Arguments:
        lines: read that many lines; 0 reads what comes first.

    Returns:
        what was read; b"" if nobody listens or answers within PROBE_SECONDS.
    """
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(request)
            if lines == 0:
                return await reader.read(4096)
            return b"".join([await reader.readline() for _ in range(lines)])
    except (OSError, ValueError):  # TimeoutError is an OSError; ValueError: a line without an end
        return b""
    finally:
        if writer is not None:
            writer.transport.abort()


async def listens(host: str, port: int) -> bool:
    """Whether somebody accepts connections there."""
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.transport.abort()
    return True


async def answers_ready(host: str, port: int, path: str = "/readyz") -> bool:
    """Whether `GET path` gives 200."""
    request = f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n"
    status = (await exchange(host, port, request.encode(), lines=1)).split(b" ", 2)
    return len(status) > 1 and status[0].startswith(b"HTTP/1.") and status[1] == b"200"
