"""TCP proxies between a pod and an engine: cut, slow, half-open."""

import asyncio
import contextlib
import enum
from urllib.parse import urlsplit

from devstack.ports import LOOPBACK


class Mode(enum.Enum):
    """What a link does with bytes. While it holds any, it holds the end of a connection too: the other side never
    learns that its peer has gone, as with a cable that was pulled."""

    OPEN = "open"
    CUT = "cut"  # connections are reset and refused
    SLOW = "slow"  # every piece waits
    FROZEN = "frozen"  # nothing passes
    DEAF = "deaf"  # what the pod asks arrives, the answers do not
    MUTE = "mute"  # what the pod asks does not arrive


class Link:
    """A proxy in front of an engine.

    Arguments:
        url: of the engine.
        port: where to listen.
    """

    def __init__(self, url: str, port: int) -> None:
        parts = urlsplit(url)
        self._target = (parts.hostname or "", parts.port or 0)
        self._port = port
        self.url = url.replace(f"{parts.hostname}:{parts.port}", f"{LOOPBACK}:{port}")
        self._mode = Mode.OPEN
        self._delay = 0.0
        self._changed = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._connect, LOOPBACK, self._port)

    async def close(self) -> None:
        """End everything."""
        if self._server is not None:
            self._server.close()
            self._server = None
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def set(self, mode: Mode, delay: float = 0.0) -> None:
        """Be like this from now on.

        Arguments:
            delay: of each piece when SLOW, in seconds.
        """
        before, self._mode, self._delay = self._mode, mode, delay
        self._changed.set()
        self._changed = asyncio.Event()
        if mode is Mode.CUT:
            await self.close()
        elif before is Mode.CUT:
            await self.open()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        there: asyncio.StreamWriter | None = None
        try:
            await self._pass(asked=True)
            back, there = await asyncio.open_connection(*self._target)
            asked = asyncio.create_task(self._pump(reader, there, asked=True))
            answered = asyncio.create_task(self._pump(back, writer, asked=False))
            try:
                await asyncio.wait({asked, answered}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in (asked, answered):
                    pump.cancel()
                await asyncio.gather(asked, answered, return_exceptions=True)
        except OSError:
            pass
        except asyncio.CancelledError:
            pass  # the link is cut; nobody waits for this task
        finally:
            for end in (writer, there):
                if end is not None:
                    end.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, asked: bool) -> None:
        """Pass on until the reader's side has gone, and then until that may be noticed."""
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                await self._pass(asked=asked)
                writer.write(data)
                await writer.drain()
        await self._pass(asked=asked)

    async def _pass(self, *, asked: bool) -> None:
        """Wait as long as what goes in this direction must."""
        if self._mode is Mode.SLOW:
            await asyncio.sleep(self._delay)
        held = {Mode.FROZEN, Mode.MUTE} if asked else {Mode.FROZEN, Mode.DEAF}
        while self._mode in held:
            await self._changed.wait()
