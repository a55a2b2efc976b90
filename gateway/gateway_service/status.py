"""What runs: whether each pod says that it is ready."""

import asyncio
import time
from collections.abc import Mapping

import httpx
import msgspec

from .pods import Pod, Pods

CACHE_SECONDS = 2.0
PROBE_SECONDS = 1.0


class PodState(msgspec.Struct, frozen=True):
    """One pod; `name` tells pods of a service apart without saying where they are."""

    service: str
    name: str
    state: str  # "ready", "not ready" or "away"


class Status:
    """Asks `/readyz` of all pods when somebody wants to know, at most every two seconds.

    Arguments:
        services: the pods by service.
        client: for asking.
    """

    def __init__(self, services: Mapping[str, Pods], client: httpx.AsyncClient) -> None:
        self._services = services
        self._client = client
        self._states: list[PodState] = []
        self._good_until = 0.0
        self._lock = asyncio.Lock()

    async def get(self) -> list[PodState]:
        """The state of every pod; a service without a known pod has one line that says so."""
        async with self._lock:
            if time.monotonic() >= self._good_until:
                asked = [self._of(service, pods) for service, pods in self._services.items()]
                self._states = [state for states in await asyncio.gather(*asked) for state in states]
                self._good_until = time.monotonic() + CACHE_SECONDS
        return self._states

    async def _of(self, service: str, pods: Pods) -> list[PodState]:
        known = sorted(pods.pods, key=lambda pod: pod.place)
        if not known:
            return [PodState(service, service, "away")]
        found = await asyncio.gather(*(self._ask(pod) for pod in known))
        names = [f"{service}-{number}" for number in range(1, len(known) + 1)] if len(known) > 1 else [service]
        return [PodState(service, name, state) for name, state in zip(names, found, strict=True)]

    async def _ask(self, pod: Pod) -> str:
        try:
            response = await self._client.get(f"{pod.url}/readyz", timeout=PROBE_SECONDS)
        except httpx.HTTPError:
            return "away"
        return "ready" if response.status_code == 200 else "not ready"
