"""Reads the figures all the time, and shows them to whoever comes."""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import httpx

from devstack.ports import LOOPBACK

from .page import CSP, page
from .reading import FIGURES, Reading, read

EVERY_SECONDS = 2.0
PLACES = 150  # five minutes
ASK_SECONDS = 5.0
OURSELVES = (b"127.0.0.1", b"localhost")


class Figures:
    """The page of a running platform, from `open` to `close`.

    Arguments:
        urls: where the processes have their metrics.
        every_seconds: between two readings.
    """

    def __init__(self, urls: Sequence[str], *, every_seconds: float = EVERY_SECONDS) -> None:
        self._urls = urls
        self._every_seconds = every_seconds
        self._history: deque[list[float]] = deque(maxlen=PLACES)
        self._server: asyncio.Server | None = None
        self._reading: asyncio.Task[None] | None = None
        self.url = ""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, LOOPBACK, 0)
        self.url = f"http://{LOOPBACK}:{self._server.sockets[0].getsockname()[1]}"
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    async def _read(self) -> None:
        before: Reading | None = None
        async with httpx.AsyncClient(trust_env=False) as client:
            while True:
                now = await read(client, self._urls, time.monotonic())
                if before is not None and now.at > before.at:
                    self._history.append([figure.value(before, now) for figure in FIGURES])
                before = now
                await asyncio.sleep(self._every_seconds)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            async with asyncio.timeout(ASK_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(self._answer(head))
                await writer.drain()
        writer.close()

    def _answer(self, head: bytes) -> bytes:
        first, *lines = head.split(b"\r\n")
        hosts = [line.split(b":", 1)[1].strip() for line in lines if line.lower().startswith(b"host:")]
        if not first.startswith(b"GET / ") or not all(host.partition(b":")[0] in OURSELVES for host in hosts):
            return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        body = page(FIGURES, self._history, PLACES, self._every_seconds).encode()
        about = f"Content-Type: text/html; charset=utf-8\r\nContent-Security-Policy: {CSP}\r\nCache-Control: no-store"
        return f"HTTP/1.1 200 OK\r\n{about}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body
