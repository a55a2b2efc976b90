"""The life of a release: installed, upgraded, broken and rolled under load, scaled, rolled back, uninstalled."""

import contextlib
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from deploy.schema import CHART
from tests.cluster.flows import check_flows
from tests.cluster.ground import Ground
from tests.cluster.kube import Kube, NotSo
from tests.cluster.load import Load
from tests.cluster.release import RELEASE, Refused, Release
from tests.faults.report import Report, as_text

MANY, FEW = 4, 2
BREAK_SECONDS = 120.0
REPLACED_SECONDS = 60.0
GONE_SECONDS = 120.0


class Scenario:
    """All steps, in order.

    Arguments:
        kube: the namespace.
        release: to be installed there.
        ground: what it stands on.
        folder: for the history.
        say: told what happens.
    """

    def __init__(self, kube: Kube, release: Release, ground: Ground, folder: Path, say: Callable[[str], None]) -> None:
        self._kube = kube
        self._release = release
        self._ground = ground
        self._folder = folder
        self._say = say

    async def run(self, previous: Path, seed: int, *, enforced: bool) -> Report:
        """Live through it.

        Arguments:
            previous: the chart to upgrade from.
            seed: of what is said.
            enforced: the cluster enforces network policies.

        Raises:
            NotSo, Refused: a step did not do what it should.
        """
        async with self._step("install the previous chart"):
            await self._release.install(previous)
        if enforced:
            async with self._step("network policies"):
                self._say(await check_flows(self._kube, self._ground))
        url = f"http://{await self._kube.node_address()}:{await self._kube.node_port(f'{RELEASE}-gateway')}"
        async with Load(url, self._ground.kafka_url, self._folder, seed, self._say) as load:
            await self._disturb(load)
            report = await load.report()
        self._say(as_text(report))
        async with self._step("helm test"):
            self._say(_last_line(await self._release.test()))
        if restarts := await self._kube.restarts():
            raise NotSo(f"containers were started again by themselves: {restarts}")
        async with self._step("uninstall"):
            await self._release.uninstall()

            async def no_pods() -> bool:
                return not await self._kube.pods()

            await self._kube.until(no_pods, "all pods go", GONE_SECONDS)  # Helm waits for what it has made itself
            await self._nothing_is_left()
        return report

    async def _disturb(self, load: Load) -> None:
        async with self._rolling(load, "upgrade to this chart"):
            await self._release.upgrade(CHART)
            await self._kube.settled()
        async with self._rolling(load, "delete a chat pod"):
            await self._end_a_chat_pod(None)
        async with self._step("kill a chat pod"), load.disturbed("kill", "chat"):
            await self._end_a_chat_pod(0)
        for name in ("chat", "gateway", "auth", "profile"):
            async with self._rolling(load, f"roll {name}"):
                await self._kube.restart(f"{RELEASE}-{name}")
                await self._kube.settled()
        for count in (MANY, FEW):
            async with self._rolling(load, f"scale chat to {count}"):
                await self._release.upgrade(CHART, {"chat": {"replicas": count}})
                await self._kube.settled()
        async with self._rolling(load, "an upgrade whose migration fails"):
            await self._fail_to_upgrade()
        async with self._rolling(load, "upgrade again, as it should be"):
            await self._release.upgrade(CHART)
            await self._kube.settled()
        async with self._rolling(load, "roll back to the previous chart"):
            await self._release.rollback(1)
            await self._kube.settled()

    async def _end_a_chat_pod(self, grace_seconds: int | None) -> None:
        before = [pod.metadata.name for pod in await self._kube.pods("chat")]
        await self._kube.end_pod(before[0], grace_seconds=grace_seconds)

        async def is_replaced() -> bool:
            return any(pod.metadata.name not in before for pod in await self._kube.pods("chat"))

        await self._kube.until(is_replaced, "another chat pod comes", REPLACED_SECONDS)
        await self._kube.settled()

    async def _fail_to_upgrade(self) -> None:
        """Nothing of the release may change, and what did not work can be read."""
        before = {pod.metadata.name for pod in await self._kube.pods()}
        changes = {
            "secretRevision": "broken",
            "migrations": {"secrets": {"chat": {"key": "wrong-database-url"}}, "backoffLimit": 0, "waitSeconds": 1},
        }
        try:
            await self._release.upgrade(CHART, changes, BREAK_SECONDS)
        except Refused as error:
            self._say(_last_line(str(error)))
        else:
            raise NotSo("an upgrade whose migration fails is taken for a success")
        said = await self._kube.log_of_failed("migrate")
        reasons = [line for line in said.splitlines() if line.startswith("could not migrate chat: ")]
        if not reasons:
            raise NotSo(f"the migration does not say why it failed: {said!r}")
        self._say(reasons[0])
        after = {pod.metadata.name for pod in await self._kube.pods()}
        if not before <= after:
            raise NotSo(f"pods have gone although the migration failed: {sorted(before - after)}")

    async def _nothing_is_left(self) -> None:
        left = [found for found in await self._kube.leftovers(RELEASE) if found != f"Secret/{RELEASE}"]
        if left:
            raise NotSo(f"left behind: {', '.join(left)}")

    @contextlib.asynccontextmanager
    async def _rolling(self, load: Load, name: str) -> AsyncIterator[None]:
        async with self._step(name), load.disturbed("rolling", name):
            yield

    @contextlib.asynccontextmanager
    async def _step(self, name: str) -> AsyncIterator[None]:
        began = time.monotonic()
        self._say(f"{name} ...")
        yield
        self._say(f"{name}: done after {time.monotonic() - began:.0f} s")


def _last_line(text: str) -> str:
    return text.strip().rpartition("\n")[2]
