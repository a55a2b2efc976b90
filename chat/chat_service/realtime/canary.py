"""Tells "Redis answers, but I am deaf" from "Redis is away".

A pod says something to itself through each Redis node, once a second. Both connections of the broker may answer pings
and yet nothing be heard: publisher and subscriber have come to different servers in a failover, or a subscription was
lost on the way. A deaf pod opens its connections anew and is not ready until it hears; without Redis a pod stays ready,
since it delivers all the same, and all pods would be unready at once.
"""

import asyncio
import contextlib
import logging
import time

from prometheus_client import Counter, Histogram

from chassis.background import end
from contracts import keys

from .broker import Broker, BrokerAway

logger = logging.getLogger(__name__)

SING_SECONDS = 1.0
DEAF_SECONDS = 4.0  # more than the broker gives Redis to answer a ping

lag = Histogram(
    "parley_broker_lag_seconds",
    "From ringing to hearing one's own bell",
    buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
)
deafnesses = Counter("parley_broker_deaf_total", "Times that Redis answered and bells did not arrive")


class Canary:
    """Sings and listens.

    Arguments:
        broker: whose hearing is watched.
        pod: this pod's name.
        deaf_seconds: without hearing itself for this long, although Redis answers, it is deaf.
    """

    def __init__(self, broker: Broker, pod: str, *, deaf_seconds: float = DEAF_SECONDS) -> None:
        self._broker = broker
        self._prefix = f"{keys.CANARY_PREFIX}{pod}:".encode()
        self._deaf_seconds = deaf_seconds
        self._unheard: dict[bytes, float] = {}  # by channel, since when nothing sung there has been heard (monotonic)
        self._away_since: float | None = None
        self._deaf = False
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to sing."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End."""
        await end(self._task)

    def not_ready(self) -> str | None:
        """Why the pod should get no new sockets, None if it hears; see Lifecycle.add_check."""
        return "Redis answers, but bells do not arrive" if self._deaf else None

    def hear(self, channel: bytes, payload: bytes) -> None:
        """A bell on a canary's channel: of this pod, or of another that had its name."""
        if self._unheard.pop(channel, None) is None:
            return
        try:
            lag.observe(max(0.0, time.monotonic() - float(payload)))
        except ValueError:
            logger.warning("a canary sang something strange")
        if self._deaf and not self._unheard:
            self._deaf = False
            logger.info("bells arrive again")

    async def _run(self) -> None:
        channels: list[bytes] = []
        while True:
            if self._broker.up:
                self._away_since = None
                wanted = self._broker.channels_covering(self._prefix)
                if wanted != channels:
                    self._broker.unsubscribe(channels)
                    channels = wanted
                    self._unheard.clear()
                    await self._subscribe(channels)
                self._sing(channels)
            else:
                self._wait_for_redis()
            await asyncio.sleep(SING_SECONDS)

    async def _subscribe(self, channels: list[bytes]) -> None:
        with contextlib.suppress(BrokerAway):  # it is subscribed when Redis is back
            await self._broker.subscribe(channels)

    def _sing(self, channels: list[bytes]) -> None:
        now = time.monotonic()
        for channel in channels:
            self._unheard.setdefault(channel, now)
            self._broker.publish(channel, b"%.6f" % now)
        if min(self._unheard.values()) < now - self._deaf_seconds:
            self._unheard.clear()
            self._deaf = True
            deafnesses.inc()
            logger.error("Redis answers, but bells do not arrive: connecting anew")
            self._broker.reconnect("deaf")

    def _wait_for_redis(self) -> None:
        """Redis is away, or is being connected to anew: what was sung is forgotten, deafness only after a while."""
        now = time.monotonic()
        self._unheard.clear()
        if self._away_since is None:
            self._away_since = now
        elif now - self._away_since > self._deaf_seconds:
            self._deaf = False
