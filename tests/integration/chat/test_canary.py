"""Deaf or away: a pod that Redis answers and that yet hears nothing is not ready; without Redis it is."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import hiredis

from chat_service.realtime.broker import Broker
from chat_service.realtime.canary import Canary
from tests.support.chat import until
from tests.support.cluster import running_cluster
from tests.support.links import link_to


class Split:
    """Stands for two Redis servers after a failover that went wrong: all answer, none passes bells on, until `heal`."""

    def __init__(self) -> None:
        self.port = 0
        self.deaf = True
        self._subscribers: dict[bytes, set[asyncio.StreamWriter]] = {}
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        parser = hiredis.Reader()
        while data := await reader.read(65536):
            parser.feed(data)
            while (command := parser.gets()) is not False:
                writer.write(self._answer(command, writer))

    def _answer(self, command: Any, writer: asyncio.StreamWriter) -> bytes:
        word, *rest = command
        if word == b"SUBSCRIBE":
            for channel in rest:
                self._subscribers.setdefault(channel, set()).add(writer)
            return b"".join(b"*3\r\n$9\r\nsubscribe\r\n$%d\r\n%b\r\n:1\r\n" % (len(c), c) for c in rest)
        if word == b"PUBLISH":
            channel, payload = rest
            for listener in self._subscribers.get(channel, ()) if not self.deaf else ():
                listener.write(
                    b"*3\r\n$7\r\nmessage\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n"
                    % (len(channel), channel, len(payload), payload)
                )
            return b":0\r\n"
        return b"+PONG\r\n"


@asynccontextmanager
async def listening(url: str, *, on_cluster: bool = False) -> AsyncIterator[tuple[Broker, Canary]]:
    canaries: list[Canary] = []
    broker = Broker(url, lambda channel, payload: canaries[0].hear(channel, payload), on_cluster=on_cluster)
    canary = Canary(broker, "chat-1", deaf_seconds=1.5)
    canaries.append(canary)
    await broker.start()
    await canary.start()
    try:
        yield broker, canary
    finally:
        await canary.stop()
        await broker.stop()


async def test_a_pod_that_redis_answers_but_that_hears_nothing_is_not_ready_until_it_hears() -> None:
    redis = Split()
    await redis.open()
    try:
        async with listening(f"redis://127.0.0.1:{redis.port}") as (broker, canary):
            ups = 0

            def up() -> None:
                nonlocal ups
                ups += 1

            broker.on_up.append(up)
            assert canary.not_ready() is None
            await until(lambda: canary.not_ready() is not None, "the deafness")
            await until(lambda: ups > 0 and broker.up, "new connections")
            assert canary.not_ready() is not None, "connected anew is not hearing"
            redis.deaf = False
            await until(lambda: canary.not_ready() is None, "hearing")
    finally:
        await redis.close()


async def test_a_pod_without_redis_is_away_and_ready(redis_url: str) -> None:
    link, url = await link_to(redis_url)
    async with listening(url) as (broker, canary):
        seen = []

        def is_up() -> bool:
            seen.append(canary.not_ready())
            return broker.up

        link.freeze()
        await until(lambda: not is_up(), "the silence to be noticed")
        link.thaw()
        await until(is_up, "Redis")
        assert set(seen) == {None}
    await link.cut()


async def test_every_node_of_a_cluster_is_listened_to() -> None:
    async with running_cluster() as cluster, listening(cluster.url, on_cluster=True) as (broker, canary):
        channels = broker.channels_covering(b"parley:canary:chat-1:")
        assert len(channels) == len(set(channels)) == 3
        heard: set[bytes] = set()
        hear = canary.hear

        def note(channel: bytes, payload: bytes) -> None:
            heard.add(channel)
            hear(channel, payload)

        canary.hear = note  # type: ignore[method-assign]
        await until(lambda: heard == set(channels), "a bell from each node")
        assert canary.not_ready() is None


async def test_a_deaf_pod_says_so_where_the_cluster_asks(start_pod: Callable[..., Any]) -> None:
    redis = Split()
    await redis.open()
    try:
        pod = await start_pod("chat-1", broker_url=f"redis://127.0.0.1:{redis.port}")
        assert (await pod.client.get("/readyz")).status_code == 200
        while (answer := await pod.client.get("/readyz")).status_code == 200:
            await asyncio.sleep(0.05)
        assert answer.json()["reasons"] == {"bells": "Redis answers, but bells do not arrive"}
    finally:
        await redis.close()
