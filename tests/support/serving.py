"""An ASGI application on a real socket under `chassis.server`, and a client that says exactly the bytes it is told."""

import asyncio
import base64
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from chassis import server
from chassis.handover import open_transports

PATIENCE_SECONDS = 30


class Served:
    """A running server; `stop()` is its shutdown signal."""

    def __init__(self, port: int, ops_port: int, task: "asyncio.Task[None]", ended: asyncio.Event) -> None:
        self.port = port
        self.ops_port = ops_port
        self.task = task
        self._ended = ended
        self.tasks: set[asyncio.Task[Any]] = set()  # those of the server itself, without any connection

    def stop(self) -> None:
        """Let the shutdown trigger return."""
        self._ended.set()


@asynccontextmanager
async def serving(app: Any, ports: list[int] | None = None, **options: Any) -> AsyncIterator[Served]:
    """`app` served on two ports until the end of the block; `options` as of `chassis.server.serve`."""
    port, ops_port = ports or free_ports(2)
    ended = asyncio.Event()

    async def shutdown() -> None:
        await ended.wait()

    options.setdefault("grace_seconds", 0.2)
    task = asyncio.create_task(server.serve(app, [f"127.0.0.1:{port}", f"127.0.0.1:{ops_port}"], shutdown, **options))
    try:
        await until_listening(ops_port)
        await until(lambda: not open_transports(), "the end of the first connection")
        served = Served(port, ops_port, task, ended)
        served.tasks = asyncio.all_tasks()
        yield served
    finally:
        ended.set()
        await task


def tasks_of(served: Served) -> set[Any]:
    """The tasks of the server's connections and requests."""
    return asyncio.all_tasks() - served.tasks - {asyncio.current_task()}


class Raw:
    """One connection, without any protocol."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        """Write, all at once."""
        self.writer.write(data)

    async def receive(self, count: int) -> bytes:
        """Exactly that many bytes."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self.reader.readexactly(count)

    async def head(self) -> tuple[int, dict[str, str]]:
        """The status and the headers of a response; a header that comes twice is joined by ` | `."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers: dict[str, str] = {}
        for line in lines[1:-2]:
            name, _, value = line.partition(": ")
            headers[name.lower()] = f"{headers[name.lower()]} | {value}" if name.lower() in headers else value
        return int(lines[0].split(" ")[1]), headers

    async def response(self) -> tuple[int, dict[str, str], bytes]:
        """A response whose length is told."""
        status, headers = await self.head()
        return status, headers, await self.receive(int(headers.get("content-length", 0)))

    async def rest(self) -> bytes:
        """Everything until the other side closes."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self.reader.read()

    async def closed(self) -> None:
        """Wait until the other side has closed or reset, whatever it says before."""
        with suppress(ConnectionError):
            await self.rest()


@asynccontextmanager
async def dial(port: int) -> AsyncIterator[Raw]:
    """A connection; it is reset at the end of the block."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Raw(reader, writer)
    finally:
        writer.transport.abort()


def get(path: str, *headers: str, method: str = "GET") -> bytes:
    """A request without a body."""
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: test", *headers, "", ""]).encode("latin-1")


def upgrade(path: str = "/ws", *headers: str) -> bytes:
    """A good WebSocket handshake."""
    key = base64.b64encode(os.urandom(16)).decode()
    wanted = ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}"]
    return get(path, *wanted, *headers)


def masked(payload: bytes, opcode: int = 0x1) -> bytes:
    """A short frame as a client sends it."""
    assert len(payload) < 126
    key = b"\x01\x02\x03\x04"
    body = bytes(byte ^ key[index % 4] for index, byte in enumerate(payload))
    return bytes((0x80 | opcode, 0x80 | len(payload))) + key + body


def free_ports(count: int) -> list[int]:
    """Ports that are free now."""
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports


async def until_listening(port: int) -> None:
    """Wait until somebody accepts connections there."""

    async def accepts() -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return False
        writer.transport.abort()
        return True

    await until(accepts, f"listening on port {port}")


async def until(condition: Callable[[], Any], what: str = "the condition") -> None:
    """Wait until `condition()` is true, awaiting it if it is a coroutine."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                result = condition()
                if asyncio.iscoroutine(result):
                    result = await result
                if result:
                    return
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"{what} did not come about in {PATIENCE_SECONDS} s") from None
