"""The pods of a service: which there are, which are well, and which one is taken next."""

import asyncio
import contextlib
import logging
import random
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from urllib.parse import urlsplit

import msgspec
from prometheus_client import Counter, Gauge

from chassis.lifecycle import Fatal
from contracts.sockets import MARK_CHARACTERS, POD_HEADER, pod_mark

from .pool import Pool

logger = logging.getLogger(__name__)

FIRST_EJECTION_SECONDS = 0.5
LONGEST_EJECTION_SECONDS = 30.0
REST_SECONDS = 1.0

open_sockets = Gauge("parley_gateway_sockets", "Sockets spliced to a pod now", ["pod"])
ejections = Counter("parley_gateway_ejections_total", "How often pods were left alone after a failure", ["service"])
pods_known = Gauge("parley_gateway_pods", "Pods that requests may go to", ["service"])

Place = tuple[str, int]
Load = Callable[["Pod"], int]
MakePool = Callable[[str, int], Pool]


class Pod:
    """One process of a service, and what this gateway has open with it.

    Arguments:
        pool: connections for requests that are answered at once.
        polls: for those that may wait; the same if None.
    """

    def __init__(self, pool: Pool, polls: Pool | None = None) -> None:
        self.pool = pool
        self.polls = polls or pool
        self.in_flight = 0  # requests
        self.sockets = 0
        self.failures = 0  # in a row
        self.ejected_until = 0.0  # monotonic
        self.gone = False  # no longer among the addresses; its sockets may live on
        self.mark = pod_mark(self.name)  # what the ids of its Socket.IO sessions begin with

    @property
    def place(self) -> Place:
        """Host and port."""
        return self.pool.host, self.pool.port

    @property
    def name(self) -> str:
        """`host:port`."""
        host, port = self.place
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    @property
    def url(self) -> str:
        """`http://host:port`."""
        return f"http://{self.name}"

    def introduction(self) -> list[tuple[bytes, bytes]]:
        """The header that tells it how we call it."""
        return [(POD_HEADER.lower().encode(), self.name.encode())]

    def close(self) -> None:
        """End its idle connections."""
        self.pool.close()
        self.polls.close()

    def count_sockets(self, change: int) -> None:
        """So many sockets more."""
        self.sockets += change
        if self.gone and self.sockets == 0:
            with contextlib.suppress(KeyError):
                open_sockets.remove(self.name)
        else:
            open_sockets.labels(self.name).set(self.sockets)


def sockets(pod: Pod) -> int:
    """The load that a new socket looks at."""
    return pod.sockets


def requests(pod: Pod) -> int:
    """The load that a request looks at."""
    return pod.in_flight


class Target(msgspec.Struct, frozen=True):
    """Which pod a request goes to, and how.

    Arguments:
        service: its name.
        load: what to compare.
        sid: a Socket.IO session, which one pod has. What is asked of it is asked once: a poll takes messages with it.
        polls: it may wait for its answer.
        newcomer: it makes a session: the pod is told how we call it, and another one is asked if it is full.
    """

    service: str
    load: Load = requests
    sid: str | None = None
    polls: bool = False
    newcomer: bool = False


class UnknownSession(Exception):
    """No pod that is there has this Socket.IO session."""


class Pods:
    """Chooses: the less loaded of two random pods, which neither herds nor needs to know all loads exactly.

    Arguments:
        service: its name.
        places: where its pods are.
        make_pool: makes the connection pool of a place,
        make_polls: and the one for long-polling; None: there is none.
    """

    def __init__(
        self, service: str, places: Iterable[Place], make_pool: MakePool, make_polls: MakePool | None = None
    ) -> None:
        self.service = service
        self._make_pool = make_pool
        self._make_polls = make_polls
        self.pods: list[Pod] = []
        self.replace(places)

    def choose(self, load: Load, *, exclude: Sequence[Pod] = (), sid: str | None = None) -> Pod | None:
        """The pod for a request or a socket.

        Arguments:
            load: what to compare.
            exclude: pods that were tried already.
            sid: a Socket.IO session, which belongs to one pod.

        Returns:
            None when there is none left. Ejected pods are taken when no other is left: one that may work is better
            than none.
        """
        if sid is not None:
            mark = sid[:MARK_CHARACTERS]
            return next((pod for pod in self.pods if pod.mark == mark and pod not in exclude), None)
        candidates = [pod for pod in self.pods if pod not in exclude]
        now = time.monotonic()
        well = [pod for pod in candidates if pod.ejected_until <= now]
        if len(well) > 1:
            first, second = random.sample(well, 2)
            return first if load(first) <= load(second) else second
        if well:
            return well[0]
        return min(candidates, key=lambda pod: pod.ejected_until, default=None)

    def failed(self, pod: Pod) -> None:
        """Leave a pod alone for a while, longer each time in a row."""
        now = time.monotonic()
        if pod.ejected_until > now:
            return  # many requests find out at the same time: that is one failure
        seconds = min(LONGEST_EJECTION_SECONDS, FIRST_EJECTION_SECONDS * 2.0**pod.failures)
        pod.failures += 1
        pod.ejected_until = now + seconds * random.uniform(0.8, 1.2)  # noqa: S311
        ejections.labels(self.service).inc()
        extra = {"upstream": self.service, "address": pod.name, "seconds": seconds}
        logger.warning("a pod failed and is left alone", extra=extra)

    def rest(self, pod: Pod, seconds: float = REST_SECONDS) -> None:
        """Leave a pod alone for a moment, as long as there is another: it is well, but full, starting or going away."""
        pod.ejected_until = max(pod.ejected_until, time.monotonic() + seconds)

    def worked(self, pod: Pod) -> None:
        """A pod has answered: its failures are forgotten."""
        if pod.failures and pod.ejected_until <= time.monotonic():
            pod.failures = 0

    def replace(self, places: Iterable[Place]) -> None:
        """Use these places from now on; what is known of those that stay is kept."""
        wanted = set(places)
        known = {pod.place: pod for pod in self.pods}
        for place in known.keys() - wanted:
            pod = known.pop(place)
            pod.gone = True
            pod.close()
            pod.count_sockets(0)
        added = wanted - known.keys()
        self.pods = [*known.values(), *(self._pod(place) for place in sorted(added))]
        pods_known.labels(self.service).set(len(self.pods))

    async def close(self) -> None:
        """End all idle connections."""
        for pod in self.pods:
            pod.close()

    def _pod(self, place: Place) -> Pod:
        return Pod(self._make_pool(*place), None if self._make_polls is None else self._make_polls(*place))


class Resolver:
    """Keeps the pods of a headless service up to date by its name. A component of the lifecycle.

    Arguments:
        pods: what to update.
        host, port: the name, and the port of every pod.
        seconds: between two looks.
    """

    def __init__(self, pods: Pods, host: str, port: int, seconds: float) -> None:
        self._pods = pods
        self._host = host
        self._port = port
        self._seconds = seconds
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Look once, and then again and again; a name without addresses is no reason not to start."""
        await self.refresh()
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def refresh(self) -> None:
        """Ask for the addresses; on an error or without any the last good ones stay."""
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        except OSError as error:
            logger.warning("cannot resolve the pods", extra={"host": self._host, "error": repr(error)})
            return
        places = {(str(address[4][0]), self._port) for address in found}
        if places:
            self._pods.replace(places)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._seconds)
            await self.refresh()


def place_of(url: str) -> Place:
    """Host and port of `http://host:port`.

    Raises:
        Fatal: it is something else.
    """
    parts = urlsplit(url)
    try:
        port = parts.port or 80
    except ValueError:
        port = 0
    if parts.scheme != "http" or not parts.hostname or not port or parts.path.strip("/") or parts.query:
        raise Fatal(f"not the address of a service, http://host:port: {url}")
    return parts.hostname, port


def split_service(text: str) -> Place:
    """Host and port of CHAT_SERVICE.

    Raises:
        Fatal: it is not `host:port`.
    """
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise Fatal(f"CHAT_SERVICE: not host:port: {text}")
    return host, int(port)
