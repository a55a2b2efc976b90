"""The generator measures only what is right: each message, once, in order, at every member."""

import asyncio
import json
import os
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import websockets

from loadtests.bench.compiler import compiled
from loadtests.bench.generator import Generator, GeneratorError, Load, Socket

pytestmark = pytest.mark.skipif(
    shutil.which("cc") is None or not Path("/proc/self/stat").exists(), reason="needs a C compiler and /proc"
)

Deliver = Callable[[list[Any], Any, str, int], Awaitable[None]]


async def deliver_well(members: list[Any], sender: Any, content: str, number: int) -> None:
    """What a chat service does: an acknowledgement, and the message to everybody."""
    await sender.send('{"type":"chat.ack","data":{}}')
    for member in members:
        await member.send(frame(content))


def frame(content: str) -> str:
    return f'{{"type":"chat.message","data":{json.dumps({"content": content})}}}'


class Rooms:
    """A chat service of twenty lines; `deliver` is how it carries out a send."""

    def __init__(self, deliver: Deliver) -> None:
        self._deliver = deliver
        self._rooms: dict[str, list[Any]] = {}
        self._numbers: dict[str, int] = {}

    async def serve(self, socket: Any) -> None:
        room = socket.request.path.strip("/")
        self._rooms.setdefault(room, []).append(socket)
        await socket.send('{"type":"session.ready","data":{}}')
        async for text in socket:
            data = json.loads(text)["data"]
            assert data["room"] == room
            number = self._numbers[room] = self._numbers.get(room, 0) + 1
            await self._deliver(self._rooms[room], socket, data["content"], number)


async def load(deliver: Deliver = deliver_well, *, rooms: int = 1, members: int = 5, window: int = 4) -> Load:
    """A short load on rooms of that many members."""
    async with websockets.serve(Rooms(deliver).serve, "127.0.0.1", 0, compression=None, ping_interval=0.05) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        sockets = [Socket(port, f"room{room}", f"/room{room}") for room in range(rooms) for _ in range(members)]
        generator = Generator(compiled())
        return await generator.run(sockets, [os.getpid()], room_size=members, window=window, seconds=0.2, warmup=0.05)


async def test_each_message_is_counted_once_and_each_delivery() -> None:
    result = await load(members=5)
    assert result.messages > 0
    assert result.deliveries == pytest.approx(result.messages * 5, abs=4 * 5)  # those in flight when the clocks stop
    assert [(at.sockets, at.deliveries) for at in result.ports] == [(5, result.deliveries)]


async def test_rooms_are_loaded_beside_each_other() -> None:
    result = await load(rooms=20, members=2, window=1)
    assert [at.sockets for at in result.ports] == [40]
    assert result.messages >= 20
    assert result.deliveries == pytest.approx(result.messages * 2, abs=20 * 2)


async def test_latencies_are_in_order_and_the_cpu_time_of_a_process_is_read() -> None:
    result = await load()
    latency, (process,) = result.latency_ms, result.processes
    assert 0 < latency.p50 <= latency.p99 <= latency.max
    assert latency.mean <= latency.max
    assert result.seconds == pytest.approx(0.2, abs=0.15)
    assert process.pid == os.getpid()
    assert 0 < process.cpu_seconds <= result.seconds + 0.2
    assert process.kib_idle >= process.kib_before > 1024


async def test_a_repeated_message_ends_the_run() -> None:
    async def twice(members: list[Any], sender: Any, content: str, number: int) -> None:
        await deliver_well(members, sender, content, number)
        if number == 3:
            await members[-1].send(frame(content))

    with pytest.raises(GeneratorError, match="expected message"):
        await load(twice)


async def test_messages_out_of_order_end_the_run() -> None:
    kept: list[str] = []

    async def swapped(members: list[Any], sender: Any, content: str, number: int) -> None:
        if number == 2:
            kept.append(content)
            return
        await deliver_well(members, sender, content, number)
        if kept:
            await deliver_well(members, sender, kept.pop(), number)

    with pytest.raises(GeneratorError, match="expected message"):
        await load(swapped)


async def test_a_refusal_ends_the_run_with_its_reason() -> None:
    async def refuse(members: list[Any], sender: Any, content: str, number: int) -> None:
        await sender.send('{"type":"error","data":{"code":"rate_limited"}}')

    with pytest.raises(GeneratorError, match="rate_limited"):
        await load(refuse)


async def test_a_closed_socket_ends_the_run() -> None:
    async def close(members: list[Any], sender: Any, content: str, number: int) -> None:
        await members[-1].close(4401)

    with pytest.raises(GeneratorError, match="closed with 4401"):
        await load(close)


async def test_a_refused_handshake_ends_the_run() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(GeneratorError, match="401"):
            await Generator(compiled()).run([Socket(port, "r", "/")], [], room_size=1, window=1, seconds=0.1)
