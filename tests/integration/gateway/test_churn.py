"""Clients that come and go at any moment leave nothing behind."""

import asyncio
import random

from gateway_service.gateway import Gateway
from gateway_service.pods import Pod
from tests.integration.gateway.conftest import Running, StartGateway
from tests.integration.gateway.fakes import FakeService, Seen, User, response
from tests.support.serving import dial, get, masked, until, upgrade

CLIENTS = 150


def pods_of(gateway: Running) -> list[Pod]:
    """Every pod that the gateway knows."""
    assert isinstance(gateway.service.app, Gateway)
    return [pod for pods in gateway.service.app._proxy._services.values() for pod in pods.pods]


async def test_clients_that_leave_at_any_moment_leave_nothing_behind(
    start_gateway: StartGateway, upstream: FakeService, user: User
) -> None:
    chance = random.Random(7)

    async def moody(seen: Seen, writer: asyncio.StreamWriter) -> None:
        mood = chance.random()
        if mood < 0.1:
            writer.transport.abort()
            return
        await asyncio.sleep(chance.choice((0, 0.01, 0.1)))
        if seen.header("upgrade") == "websocket":
            writer.write(b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
            while data := await seen.reader.read(65536):
                writer.write(data)
                if mood < 0.3:
                    break
            writer.close()
        elif mood < 0.3:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nshort")
            writer.close()
        else:
            writer.write(response(200, b"x" * chance.choice((0, 10, 200_000))))

    upstream.answer = moody
    gateway: Running = await start_gateway(rate_limits="off", connect_seconds=5.0)
    bearer = f"Authorization: Bearer {user.token}"
    requests = [
        get("/profiles", bearer),
        get("/api/chat/users/", bearer),
        get("/profiles", bearer, "Content-Length: 50000", method="PUT") + b"x" * 50_000,
        get("/profiles", bearer, "Content-Length: 50000", method="PUT") + b"x" * 100,
        upgrade("/ws", bearer),
    ]

    async def client() -> None:
        await asyncio.sleep(chance.random())
        async with dial(gateway.port) as raw:
            request = chance.choice(requests)
            raw.send(request[: chance.choice((len(request), len(request) // 2))])
            try:
                async with asyncio.timeout(chance.choice((0, 0.005, 0.05, 0.3))):
                    await raw.reader.read(100)
                    raw.send(masked(b"hello"))
                    await raw.reader.read(1000)
            except (TimeoutError, ConnectionError):
                pass

    await asyncio.gather(*(client() for _ in range(CLIENTS)))

    def settled() -> bool:
        pods = pods_of(gateway)
        return not any(pod.in_flight or pod.sockets or pod.pool._open != len(pod.pool._idle) for pod in pods)

    await until(settled, "everything to be counted out")
    assert isinstance(gateway.service.app, Gateway)
    assert gateway.service.app._sockets.count == 0
    await until(lambda: len(upstream.writers) <= sum(len(pod.pool._idle) for pod in pods_of(gateway)))
    upstream.answer = lambda seen, writer: answer_well(writer)
    for _ in range(5):
        assert (await gateway.get("/profiles", user)).status_code == 200


async def answer_well(writer: asyncio.StreamWriter) -> None:
    """200."""
    writer.write(response(200))
