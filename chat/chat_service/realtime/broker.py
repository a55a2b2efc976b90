"""Redis pub/sub as a bell: at most once, which is all that is asked of it.

Two connections speak RESP directly, hiredis parses: PUBLISH costs one `write` per loop turn, however many messages, and
nothing is retried. A subscription is counted by those who need it and confirmed by Redis before `subscribe` returns.
When a connection breaks or Redis stops answering, both are closed and opened again with a back-off; `on_up` then tells
that bells may have been missed.
"""

import asyncio
import contextlib
import logging
import random
import ssl
import time
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import unquote, urlsplit

import hiredis
from prometheus_client import Counter, Gauge

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 1.0
ANSWER_SECONDS = 2.0  # without any byte from Redis, although asked
PING_SECONDS = 0.5
MAX_BACKOFF_SECONDS = 2.0
MAX_UNSENT_BYTES = 8 * 1024 * 1024  # publishes that wait for a stuck Redis; beyond it they are dropped, like any bell

bells_published = Counter("parley_broker_published_total", "Bells rung")
bells_dropped = Counter("parley_broker_dropped_total", "Bells not rung because Redis is away or stuck")
bells_heard = Counter("parley_broker_heard_total", "Bells heard")
broker_up = Gauge("parley_broker_up", "1 while subscribed at Redis")

OnBell = Callable[[bytes, bytes], None]


class BrokerAway(Exception):
    """Redis cannot be reached now; `on_up` will tell when it can."""


class Broker:
    """Publishes and subscribes.

    Arguments:
        url: `redis://[user:password@]host:port`, or `rediss://`.
        on_bell: called with (channel, payload) of each message; must not raise or block.
        on_up: called after each (re)connection, when everything is subscribed again.
        on_down: called when the connection is lost.
    """

    def __init__(
        self, url: str, on_bell: OnBell, on_up: Callable[[], None], on_down: Callable[[], None] = lambda: None
    ) -> None:
        self._url = urlsplit(url)
        self._on_bell = on_bell
        self._on_up = on_up
        self._on_down = on_down
        self._wanted: dict[bytes, int] = {}
        self._confirmations: dict[bytes, asyncio.Future[None]] = {}
        self._subscriber: _Link | None = None
        self._publisher: _Link | None = None
        self._outgoing: list[bytes] = []
        self._runner: asyncio.Task[None] | None = None
        self._first_up = asyncio.Event()
        self.up = False

    async def start(self) -> None:
        """Begin to connect, and give it a moment; Redis need not be there."""
        self._runner = asyncio.create_task(self._run())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CONNECT_SECONDS):
                await self._first_up.wait()

    async def stop(self) -> None:
        """Close both connections, after what was published is written."""
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
        if not self._outgoing:
            asyncio.get_running_loop().call_soon(self._flush)
        self._outgoing.append(
            b"*3\r\n$7\r\nPUBLISH\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n" % (len(channel), channel, len(payload), payload)
        )

    async def subscribe(self, channels: Iterable[bytes]) -> None:
        """Need these channels once more; returns when Redis has confirmed those that are new.

        Raises:
            BrokerAway: not confirmed; they are subscribed when Redis is back.
        """
        waiting = []
        fresh = []
        for channel in channels:
            self._wanted[channel] = self._wanted.get(channel, 0) + 1
            if self._wanted[channel] == 1 and channel not in self._confirmations:
                self._confirmations[channel] = asyncio.get_running_loop().create_future()
                fresh.append(channel)
            if channel in self._confirmations:
                waiting.append(self._confirmations[channel])
        if not self.up or self._subscriber is None:
            raise BrokerAway
        if fresh:
            self._subscriber.command(b"SUBSCRIBE", *fresh)
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
                confirmation = self._confirmations.pop(channel, None)
                if confirmation is not None and not confirmation.done():
                    confirmation.set_result(None)
                left.append(channel)
        if left and self._subscriber is not None:
            self._subscriber.command(b"UNSUBSCRIBE", *left)

    def _flush(self) -> None:
        outgoing, self._outgoing = self._outgoing, []
        link = self._publisher
        if not outgoing:
            return
        if link is None or link.unsent() > MAX_UNSENT_BYTES:
            bells_dropped.inc(len(outgoing))
            return
        link.write(b"".join(outgoing))
        bells_published.inc(len(outgoing))

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
            publisher = await _open(self._url, _ignore)
            self._publisher = publisher
            subscriber = await _open(self._url, self._heard)
            self._subscriber = subscriber
            channels = list(self._wanted)
            loop = asyncio.get_running_loop()
            for channel in channels:
                if channel not in self._confirmations:
                    self._confirmations[channel] = loop.create_future()
            for start in range(0, len(channels), 1000):
                subscriber.command(b"SUBSCRIBE", *channels[start : start + 1000])
            pending = [self._confirmations[channel] for channel in channels if channel in self._confirmations]
            await asyncio.gather(*(asyncio.shield(future) for future in pending))
        self.up = True
        self._first_up.set()
        broker_up.set(1)
        self._on_up()

    async def _watch(self) -> None:
        """Ping both; return by raising when one of them is lost or silent."""
        while True:
            await asyncio.sleep(PING_SECONDS)
            for link in (self._publisher, self._subscriber):
                if link is None or link.lost:
                    raise BrokerAway
                if time.monotonic() - link.heard_at > ANSWER_SECONDS:
                    raise TimeoutError("no answer")
                link.command(b"PING")

    def _drop(self) -> None:
        was_up, self.up = self.up, False
        broker_up.set(0)
        for link in (self._publisher, self._subscriber):
            if link is not None:
                link.close()
        self._publisher = self._subscriber = None
        if was_up:
            self._on_down()

    def _heard(self, reply: Any) -> None:
        if not isinstance(reply, list) or len(reply) != 3:
            return
        kind, channel, payload = reply
        if kind == b"message":
            bells_heard.inc()
            self._on_bell(channel, payload)
        elif kind == b"subscribe":
            confirmation = self._confirmations.pop(channel, None)
            if confirmation is not None and not confirmation.done():
                confirmation.set_result(None)


def _ignore(reply: Any) -> None:
    if isinstance(reply, hiredis.ReplyError):
        logger.error("Redis refused a command", extra={"error": str(reply)})


class _Link(asyncio.Protocol):
    """One connection to Redis."""

    def __init__(self, on_reply: Callable[[Any], None]) -> None:
        self._reader = hiredis.Reader()
        self._on_reply = on_reply
        self._transport: asyncio.Transport | None = None
        self.heard_at = time.monotonic()
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self.heard_at = time.monotonic()
        self._reader.feed(data)
        while (reply := self._reader.gets()) is not False:
            self._on_reply(reply)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True

    def command(self, *words: bytes) -> None:
        self.write(b"*%d\r\n%b" % (len(words), b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)))

    def write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def unsent(self) -> int:
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


async def _open(url: Any, on_reply: Callable[[Any], None]) -> _Link:
    tls = ssl.create_default_context() if url.scheme == "rediss" else None
    async with asyncio.timeout(CONNECT_SECONDS):
        _, link = await asyncio.get_running_loop().create_connection(
            lambda: _Link(on_reply), url.hostname, url.port or 6379, ssl=tls
        )
    if url.password:
        link.command(
            b"AUTH", *([unquote(url.username).encode()] if url.username else []), unquote(url.password).encode()
        )
    return link
