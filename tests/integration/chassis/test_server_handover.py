"""A socket that Hypercorn has let go of: ours alone, whole, and small. Pins the internals that `chassis` rests on."""

import asyncio
import gc
import socket
import tracemalloc
from typing import Any

import pytest

from chassis import handover
from tests.integration.chassis.conftest import BufferedEcho, Echo
from tests.support.serving import Raw, Served, dial, masked, tasks_of, until, upgrade

IDLE_SOCKETS = 300
MAX_IDLE_BYTES = 9_000  # 2,200 on CPython 3.11 and 3,300 on 3.13 were measured; what Hypercorn keeps takes 36 KiB


async def handshake(client: Raw, *headers: str) -> dict[str, str]:
    client.send(upgrade("/ws", *headers))
    status, answer = await client.head()
    assert status == 101
    return answer


async def echoes(client: Raw, data: bytes) -> None:
    """The next bytes that the client gets are its own, and nothing before them."""
    client.send(data)
    assert await client.receive(len(data)) == data


async def test_no_task_outlives_the_handover_and_bytes_flow_both_ways(hall: Any, served: Served) -> None:
    async with dial(served.port) as client:
        await handshake(client)
        await until(lambda: tasks_of(served) == set(), "the end of Hypercorn's and Quart's tasks")
        await echoes(client, b"first")
        hall.echo.transport.write(b"unasked")
        assert await client.receive(7) == b"unasked"
        assert tasks_of(served) == set()


async def test_a_connection_that_is_not_handed_over_has_tasks(served: Served) -> None:
    """The counter-check of the test above: what it looks at is there to be seen."""
    async with dial(served.port) as client:
        client.send(upgrade("/ws/kept"))
        assert (await client.head())[0] == 101
        assert len(tasks_of(served)) >= 3


async def test_hypercorn_writes_nothing_after_the_route_has_returned(hall: Any, served: Served) -> None:
    async with dial(served.port) as client:
        await handshake(client)
        await until(lambda: tasks_of(served) == set())  # by now a close frame or an end of file would be written
        await echoes(client, bytes(100))
        hall.echo.transport.close()
        assert await client.rest() == b""


async def test_the_socket_survives_the_end_of_hypercorns_objects(hall: Any, served: Served) -> None:
    async with dial(served.port) as client:
        await handshake(client)
        await until(lambda: tasks_of(served) == set())
        gc.collect()  # StreamWriter.__del__ closes its transport
        assert not [thing for thing in gc.get_objects() if type(thing) is handover.HandoverServer]
        await echoes(client, b"still here")
        assert hall.echo.lost == []


class Eager(asyncio.Protocol):
    """Sends its first frame from inside the callback that brings the first bytes of the answer."""

    def __init__(self, frame: bytes) -> None:
        self.done: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._frame = frame
        self._data = b""
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        transport.write(upgrade())

    def data_received(self, data: bytes) -> None:
        if not self._data:
            self._transport.write(self._frame)
        self._data += data
        _, end, rest = self._data.partition(b"\r\n\r\n")
        if end and len(rest) >= len(self._frame) and not self.done.done():
            self.done.set_result(rest)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or ConnectionResetError(f"got only {self._data!r}"))


async def test_no_first_frame_is_lost(served: Served) -> None:
    """It comes as early as is allowed, when the answer begins to arrive (RFC 6455, 4.1), 200 times."""

    async def one(number: int) -> None:
        frame = masked(b"frame %03d" % number)
        transport, client = await asyncio.get_running_loop().create_connection(
            lambda: Eager(frame), "127.0.0.1", served.port
        )
        try:
            async with asyncio.timeout(10):
                assert await client.done == frame
        finally:
            transport.abort()

    for start in range(0, 200, 20):
        await asyncio.gather(*(one(start + number) for number in range(20)))


@pytest.mark.parametrize("kind", [Echo, BufferedEcho])
async def test_bytes_that_arrive_between_the_accept_and_the_handover_are_not_lost(
    hall: Any, served: Served, kind: Any
) -> None:
    arrived = asyncio.Event()
    hall.kind = kind
    hall.before_take = lambda handover: arrived.wait()
    async with dial(served.port) as client:
        await handshake(client)
        client.send(masked(b"early"))
        for _ in range(20):  # turns of the loop, in which Hypercorn would read it if it still could
            await asyncio.sleep(0)
        arrived.set()
        assert await client.receive(11) == masked(b"early")


async def test_bytes_that_hypercorn_has_read_already_go_to_the_new_owner(hall: Any, served: Served) -> None:
    """It cannot happen while `pause` works; if it did, nothing would be lost, whichever kind of protocol takes over."""

    async def smuggle(handover: Any) -> None:
        handover._server.reader._buffer.extend(b"read before")

    hall.before_take = smuggle
    for kind in (Echo, BufferedEcho):
        hall.kind = kind
        async with dial(served.port) as client:
            await handshake(client)
            assert await client.receive(11) == b"read before"
            await echoes(client, b"and after")


async def test_a_client_that_speaks_before_the_answer_is_refused_and_not_handed_over(hall: Any, served: Served) -> None:
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        reached.set()
        await go_on.wait()

    hall.before_accept = wait
    async with dial(served.port) as client:
        client.send(upgrade())
        await reached.wait()
        client.send(masked(b"too early"))
        status, headers, body = await client.response()
        assert (status, headers["content-type"]) == (400, "application/problem+json"), body
        assert await client.rest() == b""
        go_on.set()
        await until(lambda: tasks_of(served) == set())
        assert hall.protocols == set()


async def test_a_client_that_goes_before_the_handover_leaves_nothing(hall: Any, served: Served) -> None:
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def wait(handover: Any) -> None:
        reached.set()
        await go_on.wait()

    hall.before_take = wait
    async with dial(served.port) as client:
        client.send(upgrade())
        await reached.wait()
    go_on.set()
    await until(lambda: tasks_of(served) == set() and not handover.open_transports())


@pytest.mark.parametrize("who", ["client closes", "client resets", "server closes", "server aborts"])
async def test_an_end_from_either_side_releases_everything(hall: Any, served: Served, who: str) -> None:
    async with dial(served.port) as client:
        await handshake(client)
        await echoes(client, b"x")
        protocol, lost = hall.echo, hall.echo.lost
        if who == "client closes":
            client.writer.close()
        elif who == "client resets":
            client.writer.transport.abort()
        elif who == "server closes":
            protocol.transport.close()
        else:
            protocol.transport.abort()
        del protocol
        await until(lambda: lost, "the end of the connection")
        assert len(lost) == 1
        await until(lambda: gc.collect() >= 0 and len(hall.seen) == 0, "the end of the protocol and its transport")
        await client.closed()


async def test_closing_sends_what_was_written_before(hall: Any, served: Served) -> None:
    async with dial(served.port) as client:
        await handshake(client)
        await until(lambda: hall.protocols)
        transport = hall.echo.transport
        transport.write(b"x" * 5_000_000)
        transport.close()
        assert len(await client.rest()) == 5_000_000


async def test_deflate_is_never_negotiated(hall: Any, served: Served) -> None:
    offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"
    async with dial(served.port) as client:
        assert "sec-websocket-extensions" not in await handshake(client, offer)


async def plain_client(port: int) -> socket.socket:
    """A socket that has had the answer to its handshake; a few hundred bytes of memory."""
    loop = asyncio.get_running_loop()
    client = socket.socket()
    client.setblocking(False)
    await loop.sock_connect(client, ("127.0.0.1", port))
    await loop.sock_sendall(client, upgrade())
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += await loop.sock_recv(client, 1000)
    return client


async def test_an_idle_socket_is_small(hall: Any, served: Served, record_property: Any) -> None:
    clients = [await plain_client(served.port)]  # whatever is made once has been made
    await until(lambda: tasks_of(served) == set())
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        clients += [await plain_client(served.port) for _ in range(IDLE_SOCKETS)]
        await until(lambda: tasks_of(served) == set())
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        for client in clients:
            client.close()
    each = round((after - before) / IDLE_SOCKETS)
    record_property("bytes_per_idle_socket", each)
    assert len(hall.protocols) == IDLE_SOCKETS + 1
    assert each < MAX_IDLE_BYTES, f"{each} bytes for each idle socket"
