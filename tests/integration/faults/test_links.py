"""Links, between real sockets."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from devstack.ports import Ports
from tests.faults.links import Link, Mode

PATIENCE_SECONDS = 5
SILENCE_SECONDS = 0.1


class Echo:
    """A server that answers each line with itself, and remembers what it has heard."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.ended = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                self.heard.append(line)
                writer.write(line)
        except OSError:
            pass
        finally:
            writer.close()
            self.ended.set()


@pytest.fixture
async def echo() -> AsyncIterator[tuple[Echo, Link]]:
    """The server, and a link in front of it."""
    echo = Echo()
    server = await asyncio.start_server(echo.serve, "127.0.0.1", 0)
    link = Link(f"redis://user@127.0.0.1:{server.sockets[0].getsockname()[1]}/0", Ports().choose())
    await link.open()
    yield echo, link
    await link.close()
    server.close()


@asynccontextmanager
async def dialled(link: Link) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection through the link."""
    assert link.url.startswith("redis://user@127.0.0.1:")
    port = int(link.url.rpartition(":")[2].partition("/")[0])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def line(reader: asyncio.StreamReader, seconds: float = PATIENCE_SECONDS) -> bytes:
    async with asyncio.timeout(seconds):
        return await reader.readline()


async def test_an_open_link_passes_everything_on(echo: tuple[Echo, Link]) -> None:
    server, link = echo
    async with dialled(link) as (reader, writer):
        for number in range(10):
            writer.write(b"%d\n" % number)
            assert await line(reader) == b"%d\n" % number
    await asyncio.wait_for(server.ended.wait(), PATIENCE_SECONDS)


async def test_a_cut_link_ends_connections_and_refuses_others_until_it_is_mended(echo: tuple[Echo, Link]) -> None:
    _, link = echo
    async with dialled(link) as (reader, writer):
        writer.write(b"before\n")
        assert await line(reader) == b"before\n"
        await link.set(Mode.CUT)
        assert await line(reader) == b""
    with pytest.raises(ConnectionRefusedError):
        async with dialled(link):
            pass
    await link.set(Mode.OPEN)
    async with dialled(link) as (reader, writer):
        writer.write(b"again\n")
        assert await line(reader) == b"again\n"


async def test_a_slow_link_takes_its_time(echo: tuple[Echo, Link]) -> None:
    _, link = echo
    async with dialled(link) as (reader, writer):
        await link.set(Mode.SLOW, 0.1)
        began = asyncio.get_running_loop().time()
        writer.write(b"slow\n")
        assert await line(reader) == b"slow\n"
        assert asyncio.get_running_loop().time() - began >= 0.2  # there and back


@pytest.mark.parametrize(("mode", "heard"), [(Mode.FROZEN, False), (Mode.MUTE, False), (Mode.DEAF, True)])
async def test_what_is_held_comes_when_the_link_is_mended(mode: Mode, heard: bool, echo: tuple[Echo, Link]) -> None:
    server, link = echo
    async with dialled(link) as (reader, writer):
        writer.write(b"before\n")
        assert await line(reader) == b"before\n"
        await link.set(mode)
        writer.write(b"held\n")
        with pytest.raises(TimeoutError):
            await line(reader, SILENCE_SECONDS)
        assert (b"held\n" in server.heard) is heard
        await link.set(Mode.OPEN)
        assert await line(reader) == b"held\n"


async def test_while_bytes_are_held_nobody_learns_that_the_other_end_has_gone(echo: tuple[Echo, Link]) -> None:
    server, link = echo
    async with dialled(link) as (reader, writer):
        writer.write(b"before\n")
        assert await line(reader) == b"before\n"
        await link.set(Mode.FROZEN)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(SILENCE_SECONDS):
            await server.ended.wait()
    await link.set(Mode.OPEN)
    await asyncio.wait_for(server.ended.wait(), PATIENCE_SECONDS)
