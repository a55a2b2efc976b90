"""Redis pub/sub as a bell: at most once, which is all that is asked of it. Classic on one node, sharded on a cluster.

PUBLISH costs one `write` per node and loop turn, however many messages, and nothing is retried. A subscription is
counted by those who need it and confirmed by Redis before `subscribe` returns. When a connection breaks, Redis stops
answering, or a slot moves, all are closed and opened again with a back-off; `on_up` then tells that bells may have been
missed.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

import hiredis
from prometheus_client import Counter, Gauge

from chassis.background import paused

from .redis_link import CONNECT_SECONDS, Link, encode, open_link
from .topology import CLASSIC, SHARDED, Topology, classic, sharded

logger = logging.getLogger(__name__)

ANSWER_SECONDS = 2.0  # without any byte from Redis, although asked
PING_SECONDS = 0.5
MAX_BACKOFF_SECONDS = 2.0
MAX_UNSENT_BYTES = 8 * 1024 * 1024  # publishes that wait for a stuck Redis; beyond it they are dropped, like any bell

bells_published = Counter("parley_broker_published_total", "Bells rung")
bells_dropped = Counter("parley_broker_dropped_total", "Bells not rung because Redis is away or stuck")
broker_up = Gauge("parley_broker_up", "1 while subscribed at Redis")

OnBell = Callable[[bytes, bytes], None]


class BrokerAway(Exception):
    """Redis cannot be reached now; `on_up` will tell when it can."""


class _Node:
    """The two connections to one Redis node, and what waits to be published there."""

    __slots__ = ("outgoing", "publisher", "subscriber")

    def __init__(self, publisher: Link, subscriber: Link) -> None:
        self.publisher = publisher
        self.subscriber = subscriber
        self.outgoing: list[bytes] = []

    def links(self) -> tuple[Link, Link]:
        return self.publisher, self.subscriber


class Broker:
    """Publishes and subscribes.

    Arguments:
        url: `redis://[user:password@]host:port`, or `rediss://`; of a cluster, any node's.
        on_bell: called with (channel, payload) of each message; must not raise or block.
        on_cluster: sharded pub/sub on a Redis Cluster instead of classic pub/sub on one node.

    Those in `on_up` are called after each (re)connection, when everything is subscribed again; those in `on_down` when
    the connection is lost.
    """

    def __init__(self, url: str, on_bell: OnBell, *, on_cluster: bool = False) -> None:
        self._url = urlsplit(url)
        self._on_bell = on_bell
        self.on_up: list[Callable[[], None]] = []
        self.on_down: list[Callable[[], None]] = []
        self._words = SHARDED if on_cluster else CLASSIC
        self._topology = classic(self._url)
        self._nodes: list[_Node] = []
        self._wanted: dict[bytes, int] = {}
        self._confirmations: dict[bytes, asyncio.Future[None]] = {}
        self._flush_scheduled = False
        self._doubt = ""  # why all connections should be opened anew
        self._runner: asyncio.Task[None] | None = None
        self._first_up = asyncio.Event()
        self.up = False

    async def start(self) -> None:
        """Begin to connect, and give it a moment; Redis need not be there."""
        self._runner = asyncio.create_task(self._run())
        await paused(self._first_up, CONNECT_SECONDS)

    async def stop(self) -> None:
        """Close all connections, after what was published is written."""
        self._flush()
        if self._runner is not None:
            self._runner.cancel()
            await asyncio.gather(self._runner, return_exceptions=True)
        self._drop()

    def publish(self, channel: bytes, payload: bytes) -> None:
        """Ring; written with all others of this loop turn."""
        if not self.up:
            bells_dropped.inc()
            return
        if not self._flush_scheduled:
            self._flush_scheduled = True
            asyncio.get_running_loop().call_soon(self._flush)
        node = self._nodes[self._topology.node_of(channel)]
        node.outgoing.append(encode(self._words.publish, channel, payload))

    async def subscribe(self, channels: Iterable[bytes]) -> None:
        """Need these channels once more; returns when Redis has confirmed those that are new.

        Raises:
            BrokerAway: not confirmed; they are subscribed when Redis is back.
        """
        loop = asyncio.get_running_loop()
        waiting, fresh = [], []
        for channel in channels:
            self._wanted[channel] = self._wanted.get(channel, 0) + 1
            if self._wanted[channel] == 1 and channel not in self._confirmations:
                self._confirmations[channel] = loop.create_future()
                fresh.append(channel)
            if channel in self._confirmations:
                waiting.append(self._confirmations[channel])
        if not self.up:
            raise BrokerAway
        self._command(self._words.subscribe, fresh)
        if waiting:
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    await asyncio.gather(*(asyncio.shield(future) for future in waiting))
            except TimeoutError:
                raise BrokerAway from None

    def unsubscribe(self, channels: Iterable[bytes]) -> None:
        """Need these channels once less; channels that nobody needs are left."""
        left = []
        for channel in channels:
            count = self._wanted.get(channel, 0) - 1
            if count > 0:
                self._wanted[channel] = count
            elif count == 0:
                del self._wanted[channel]
                self._confirm(channel)
                left.append(channel)
        self._command(self._words.unsubscribe, left)

    def channels_covering(self, prefix: bytes) -> list[bytes]:
        """Channels that begin with `prefix`, one on each node."""
        channels: dict[int, bytes] = {}
        number = 0
        while len(channels) < len(self._topology.nodes):
            channel = b"%b%d" % (prefix, number)
            channels.setdefault(self._topology.node_of(channel), channel)
            number += 1
        return [channels[node] for node in sorted(channels)]

    def reconnect(self, reason: str) -> None:
        """Close all connections and open them again: what is heard cannot be trusted."""
        self._doubt = reason

    def _command(self, word: bytes, channels: list[bytes]) -> None:
        """(Un)subscribe, each channel on its node; on a cluster each in a command of its own, since slots differ."""
        if not self._nodes:
            return
        if self._words is CLASSIC:
            for start in range(0, len(channels), 1000):
                self._nodes[0].subscriber.command(word, *channels[start : start + 1000])
            return
        by_node: dict[int, list[bytes]] = {}
        for channel in channels:
            by_node.setdefault(self._topology.node_of(channel), []).append(encode(word, channel))
        for index, commands in by_node.items():
            self._nodes[index].subscriber.write(b"".join(commands))

    def _flush(self) -> None:
        self._flush_scheduled = False
        for node in self._nodes:
            if node.outgoing:
                outgoing, node.outgoing = node.outgoing, []
                if node.publisher.unsent() > MAX_UNSENT_BYTES:
                    bells_dropped.inc(len(outgoing))
                else:
                    node.publisher.write(b"".join(outgoing))
                    bells_published.inc(len(outgoing))

    # --- being connected ----------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        backoff = 0.05
        while True:
            try:
                await self._connect()
                backoff = 0.05
                await self._watch()
            except (OSError, TimeoutError, BrokerAway, hiredis.HiredisError) as error:
                logger.warning("Redis is away", extra={"error": repr(error)})
            self._drop()
            await asyncio.sleep(backoff * (0.5 + random.random()))  # noqa: S311  jitter, not a secret
            backoff = min(backoff * 2, MAX_BACKOFF_SECONDS)

    async def _connect(self) -> None:
        async with asyncio.timeout(CONNECT_SECONDS + ANSWER_SECONDS):
            self._doubt = ""
            self._topology = await self._find_nodes()
            for host, port in self._topology.nodes:
                publisher = await open_link(self._url, host, port, self._published)
                try:
                    subscriber = await open_link(self._url, host, port, self._heard)
                except BaseException:
                    publisher.close()
                    raise
                self._nodes.append(_Node(publisher, subscriber))
            loop = asyncio.get_running_loop()
            for channel in self._wanted:
                self._confirmations.setdefault(channel, loop.create_future())
            pending = [self._confirmations[channel] for channel in self._wanted]
            self._command(self._words.subscribe, list(self._wanted))
            await asyncio.gather(*(asyncio.shield(future) for future in pending))
        self.up = True
        self._first_up.set()
        broker_up.set(1)
        for tell in self.on_up:
            tell()

    async def _find_nodes(self) -> Topology:
        if self._words is CLASSIC:
            return classic(self._url)
        return await sharded(self._url, self._topology.nodes)

    async def _watch(self) -> None:
        """Ping all; return by raising when one is lost or silent, or the slots have moved."""
        while True:
            await asyncio.sleep(PING_SECONDS)
            if self._doubt:
                raise BrokerAway(self._doubt)
            for node in self._nodes:
                for link in node.links():
                    if link.lost:
                        raise BrokerAway("a connection was lost")
                    if time.monotonic() - link.heard_at > ANSWER_SECONDS:
                        raise TimeoutError("no answer")
                    link.command(b"PING")

    def _drop(self) -> None:
        was_up, self.up = self.up, False
        broker_up.set(0)
        nodes, self._nodes = self._nodes, []
        for node in nodes:
            bells_dropped.inc(len(node.outgoing))
            for link in node.links():
                link.close()
        if was_up:
            for tell in self.on_down:
                tell()

    # --- what Redis says ----------------------------------------------------------------------------------------------

    def _heard(self, reply: Any) -> None:
        if isinstance(reply, list) and len(reply) == 3:
            kind, channel, payload = reply
            if kind == self._words.message:
                self._on_bell(channel, payload)
            elif kind == self._words.subscribed:
                self._confirm(channel)
            elif kind == self._words.unsubscribed and channel in self._wanted:
                self._doubt = "slots have moved"
        elif isinstance(reply, hiredis.ReplyError):
            self._refused(reply)

    def _published(self, reply: Any) -> None:
        if isinstance(reply, hiredis.ReplyError):
            self._refused(reply)

    def _refused(self, error: Exception) -> None:
        if not str(error).startswith(("MOVED", "CLUSTERDOWN", "LOADING")):
            logger.error("Redis refused a command", extra={"error": str(error)})
        self._doubt = str(error)

    def _confirm(self, channel: bytes) -> None:
        confirmation = self._confirmations.pop(channel, None)
        if confirmation is not None and not confirmation.done():
            confirmation.set_result(None)
