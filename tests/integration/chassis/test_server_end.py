"""How serving begins and ends: bounded, whatever is open (hypercorn#308), and with one clear sentence if it cannot."""

import asyncio
import logging
import socket
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from chassis import handover, server
from chassis.lifecycle import Fatal
from tests.support.serving import Raw, Served, dial, free_ports, get, serving, until, upgrade
from tests.support.timing import within

GRACE_SECONDS = 0.3


@asynccontextmanager
async def busy(hall: Any, served: Served) -> AsyncIterator[dict[str, Raw]]:
    """One connection of each kind that can be open when a server is told to end."""
    async with AsyncExitStack() as stack:
        clients = {
            name: await stack.enter_async_context(dial(served.port))
            for name in ("handed over", "kept", "idle", "never used", "half a head", "hanging", "half a body")
        }
        clients["handed over"].send(upgrade())
        clients["kept"].send(upgrade("/ws/kept"))
        clients["idle"].send(get("/"))
        clients["half a head"].send(b"GET / HTTP/1.1\r\nHo")
        clients["hanging"].send(get("/hang"))
        clients["half a body"].send(b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc")
        assert (await clients["handed over"].head())[0] == 101
        assert (await clients["kept"].head())[0] == 101
        assert (await clients["idle"].response())[0] == 200
        await hall.hanging.wait()
        await until(lambda: len(handover.open_transports()) == len(clients))
        yield clients


async def test_it_ends_within_the_grace_although_everything_is_open(hall: Any) -> None:
    async with serving(hall.app, grace_seconds=GRACE_SECONDS) as served, busy(hall, served) as clients:
        lost = hall.echo.lost
        async with within(GRACE_SECONDS + 0.3):
            served.stop()
            await served.task
        for client in clients.values():
            await client.closed()
        assert len(lost) == 1
        assert hall.released.is_set()
        assert handover.open_transports() == []


async def test_it_ends_at_once_when_only_idle_connections_are_open(hall: Any) -> None:
    async with serving(hall.app, grace_seconds=30) as served, dial(served.port) as one, dial(served.port):
        one.send(get("/"))
        assert (await one.response())[0] == 200
        async with within(0.5):
            served.stop()
            await served.task


async def test_a_request_is_finished_within_the_grace(hall: Any) -> None:
    async with serving(hall.app, grace_seconds=10) as served, dial(served.port) as client:
        client.send(get("/slow"))
        await hall.hanging.wait()
        served.stop()
        await until(lambda: not accepts(served.port), "the end of listening")
        hall.released.set()
        status, _, body = await client.response()
        assert (status, body) == (200, b'{"slow":"but sure"}')
        assert await client.rest() == b""
        await served.task


def accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


async def test_a_request_that_does_not_listen_for_its_client_is_cancelled(hall: Any) -> None:
    async def deaf(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await hall.app(scope, receive, send)
            return
        hall.hanging.set()
        try:
            await asyncio.Event().wait()
        finally:
            hall.released.set()

    async with serving(deaf, grace_seconds=GRACE_SECONDS) as served, dial(served.port) as client:
        client.send(get("/"))
        await hall.hanging.wait()
        async with within(GRACE_SECONDS + server.UNWIND_SECONDS + 0.3):
            served.stop()
            await served.task
        assert hall.released.is_set()


async def test_one_server_does_not_end_the_connections_of_another(hall: Any) -> None:
    async with serving(hall.app) as one, serving(hall.app, grace_seconds=0.05) as other, dial(one.port) as client:
        client.send(upgrade())
        assert (await client.head())[0] == 101
        async with dial(other.port) as held:
            held.send(get("/hang"))
            await hall.hanging.wait()
            other.stop()
            await other.task
            await held.closed()
        client.send(b"still here")
        assert await client.receive(10) == b"still here"


async def test_connections_that_outlive_the_drain_are_told_of(hall: Any, caplog: pytest.LogCaptureFixture) -> None:
    async with serving(hall.app, grace_seconds=0.05) as served, dial(served.port) as client:
        client.send(upgrade())
        assert (await client.head())[0] == 101
        served.stop()
        await served.task
    assert [record.__dict__["connections"] for record in caplog.records if "outlived" in record.message] == [1]


@pytest.mark.parametrize("which", [0, 1])
async def test_a_taken_port_is_one_sentence(hall: Any, which: int) -> None:
    ports = free_ports(2)
    binds = [f"127.0.0.1:{port}" for port in ports]
    before = asyncio.all_tasks()
    with socket.create_server(("127.0.0.1", ports[which])):
        with pytest.raises(Fatal) as caught:
            await server.serve(hall.app, binds, asyncio.Event().wait)  # type: ignore[arg-type]
        assert str(caught.value) == f"cannot listen on {binds[which]}: Address already in use"
    assert asyncio.all_tasks() == before
    socket.create_server(("127.0.0.1", ports[1 - which])).close()  # nothing was left bound


async def test_an_address_that_is_not_ours_is_one_sentence(hall: Any) -> None:
    with pytest.raises(Fatal) as caught:
        await server.serve(hall.app, ["192.0.2.1:0"], asyncio.Event().wait)  # type: ignore[arg-type]
    assert str(caught.value) == "cannot listen on 192.0.2.1:0: Cannot assign requested address"


async def test_it_listens_on_ipv6_too(hall: Any) -> None:
    if not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    (listener,) = server.listen(["[::]:0"])
    try:
        socket.create_connection(("127.0.0.1", listener.getsockname()[1])).close()
        socket.create_connection(("::1", listener.getsockname()[1])).close()
    finally:
        listener.close()


def test_every_limit_is_set() -> None:
    config = server.make_config(["127.0.0.1:1"], keep_alive_seconds=7, grace_seconds=3)
    assert config.backlog == 2048
    assert config.keep_alive_timeout == 7
    assert config.graceful_timeout == 4
    assert config.h11_max_incomplete_size == 16 * 1024
    assert config.websocket_max_message_size == 64 * 1024
    assert config.keep_alive_max_requests == 100_000
    assert config.include_server_header is False
    assert config.accesslog is None
    assert isinstance(config.errorlog, logging.Logger)


async def test_more_connections_wait_than_hypercorns_hundred(served: Served) -> None:
    with open("/proc/sys/net/core/somaxconn") as file:
        count = min(int(file.read()), server.BACKLOG, 300)
    clients = [socket.socket() for _ in range(count)]
    for client in clients:  # nobody accepts meanwhile: the loop does not run
        client.setblocking(False)
        client.connect_ex(("127.0.0.1", served.port))
    deadline = time.monotonic() + 0.5  # less than a SYN takes to be sent again
    while not all(has_peer(client) for client in clients) and time.monotonic() < deadline:
        pass
    connected = sum(has_peer(client) for client in clients)
    for client in clients:
        client.close()
    assert connected == count


def has_peer(client: socket.socket) -> bool:
    try:
        client.getpeername()
    except OSError:
        return False
    return True


async def test_many_requests_through_one_connection_are_served(served: Served) -> None:
    async with dial(served.port) as client:
        client.send(get("/") * 50)
        for _ in range(50):
            assert (await client.response())[0] == 200
