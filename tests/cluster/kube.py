"""The API of a cluster, as far as a release of the chart is looked after by it."""

import asyncio
import datetime
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from kubernetes import client, config, dynamic
from kubernetes.client.exceptions import ApiException

from deploy.tools import tools

RESTRICTED = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn", "audit")}
POLL_SECONDS = 0.5
# What Kubernetes itself puts into every namespace.
GIVEN = {("ServiceAccount", "default"), ("ConfigMap", "kube-root-ca.crt")}
PASSING = ("Event", "EndpointSlice", "Endpoints", "PodMetrics")


class NotSo(Exception):
    """The cluster is not as it should be; `str()` says what was waited for and what is there."""


class Kube:
    """A namespace of a cluster.

    Arguments:
        kubeconfig: who we are, and where.
        namespace: ours.
    """

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        self.namespace = namespace
        self._kubeconfig = kubeconfig
        self._api = config.new_client_from_config(str(kubeconfig))  # type: ignore[no-untyped-call]
        self._core: Any = client.CoreV1Api(self._api)
        self._apps: Any = client.AppsV1Api(self._api)

    async def make_namespace(self) -> None:
        """A namespace that takes restricted pods only."""
        meta = {"name": self.namespace, "labels": RESTRICTED}
        await asyncio.to_thread(self._core.create_namespace, {"metadata": meta})

    async def remove_namespace(self, seconds: float = 120) -> None:
        """Remove it with all that is in it, and wait.

        Raises:
            NotSo: something does not go.
        """
        await asyncio.to_thread(self._core.delete_namespace, self.namespace)

        async def gone() -> bool:
            try:
                await asyncio.to_thread(self._core.read_namespace, self.namespace)
            except ApiException as error:
                return bool(error.status == 404)
            return False

        await self.until(gone, f"the namespace {self.namespace} goes", seconds)

    async def put_secret(self, name: str, values: Mapping[str, str]) -> None:
        """Make a Secret."""
        body = {"metadata": {"name": name}, "stringData": dict(values)}
        await asyncio.to_thread(self._core.create_namespaced_secret, self.namespace, body)

    async def node_address(self) -> str:
        """An address of a node that is ready, at which its node ports are."""
        for node in (await asyncio.to_thread(self._core.list_node)).items:
            if any(one.type == "Ready" and one.status == "True" for one in node.status.conditions):
                for address in node.status.addresses:
                    if address.type == "InternalIP":
                        return str(address.address)
        raise NotSo("No node is ready.")

    async def node_port(self, service: str) -> int:
        """The port of a Service on every node."""
        found = await asyncio.to_thread(self._core.read_namespaced_service, service, self.namespace)
        return int(found.spec.ports[0].node_port)

    async def pods(self, component: str | None = None) -> list[Any]:
        """Pods of a component, or all, those that are ending too, the oldest first."""
        labels = "" if component is None else f"app.kubernetes.io/component={component}"
        listed = await asyncio.to_thread(self._core.list_namespaced_pod, self.namespace, label_selector=labels)
        return sorted(listed.items, key=lambda pod: (pod.metadata.creation_timestamp, pod.metadata.name))

    async def end_pod(self, name: str, *, grace_seconds: int | None = None) -> None:
        """Delete a pod; without seconds, with the grace that it has itself."""
        options = {} if grace_seconds is None else {"grace_period_seconds": grace_seconds}
        await asyncio.to_thread(self._core.delete_namespaced_pod, name, self.namespace, **options)

    async def execute(self, pod: str, *program: str) -> str:
        """Run a command in a pod; what it prints.

        Raises:
            NotSo: it failed.
        """
        words = ["--namespace", self.namespace, "exec", pod, "--", *program]
        process = await asyncio.create_subprocess_exec(
            str(tools().kubectl),
            "--kubeconfig",
            str(self._kubeconfig),
            *words,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, complaint = await process.communicate()
        if process.returncode:
            raise NotSo(f"{program[0]} failed in {pod}: {complaint.decode(errors='replace')[-1000:]}")
        return out.decode()

    async def log_of_failed(self, component: str) -> str:
        """What the containers of a pod that has failed have said; empty if there is none."""
        for pod in await self.pods(component):
            if pod.status.phase == "Failed":
                names = [one.name for one in pod.spec.containers]
                read = self._core.read_namespaced_pod_log
                said = [await asyncio.to_thread(read, pod.metadata.name, self.namespace, container=n) for n in names]
                return "\n".join(said)
        return ""

    async def restart(self, deployment: str) -> None:
        """Roll a deployment, as `kubectl rollout restart` does."""
        now = datetime.datetime.now(datetime.UTC).isoformat()
        patch = {"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": now}}}}}
        await asyncio.to_thread(self._apps.patch_namespaced_deployment, deployment, self.namespace, patch)

    async def settled(self, seconds: float = 300) -> None:
        """Wait until every deployment is as it should be, and every pod that had to go has gone.

        Raises:
            NotSo: not in time.
        """

        async def is_settled() -> bool:
            listed = await asyncio.to_thread(self._apps.list_namespaced_deployment, self.namespace)
            wanted = 0
            for one in listed.items:
                status, count = one.status, one.spec.replicas
                wanted += count
                counts = (status.updated_replicas or 0, status.ready_replicas or 0, status.available_replicas or 0)
                if (status.observed_generation or 0) < one.metadata.generation or counts != (count,) * 3:
                    return False
            pods = [pod for pod in await self.pods() if pod.status.phase != "Failed"]  # which a Job keeps
            return len(pods) == wanted and all(_is_ready(pod) for pod in pods)

        await self.until(is_settled, "all pods are as they should be", seconds)

    async def until(self, done: Callable[[], Awaitable[bool]], what: str, seconds: float) -> None:
        """Wait for a condition.

        Raises:
            NotSo: it does not come about in time.
        """
        give_up = time.monotonic() + seconds
        while not await done():
            if time.monotonic() > give_up:
                raise NotSo(f"not after {seconds:g} s: {what}\n{await self.describe()}")
            await asyncio.sleep(POLL_SECONDS)

    async def describe(self) -> str:
        """The pods, how they are, and the latest warnings: for whoever has to find out."""
        lines = [_line(pod) for pod in await self.pods()]
        events = await asyncio.to_thread(self._core.list_namespaced_event, self.namespace)
        warnings = [event for event in events.items if event.type == "Warning"]
        lines += [f"{event.involved_object.name}: {event.reason}: {event.message}" for event in warnings[-15:]]
        return "\n".join(lines)

    async def restarts(self) -> dict[str, int]:
        """How often containers of ours have been started again, by pod, where they have."""
        counts = {
            pod.metadata.name: sum(one.restart_count for one in pod.status.container_statuses or [])
            for pod in await self.pods()
        }
        return {name: count for name, count in counts.items() if count}

    async def leftovers(self, release: str) -> list[str]:
        """What is in the namespace that was not there at first, and what of the release is outside of namespaces."""
        return await asyncio.to_thread(self._leftovers, release)

    def _leftovers(self, release: str) -> list[str]:
        known: Any = dynamic.DynamicClient(self._api)  # type: ignore[no-untyped-call]
        found = []
        for resource in known.resources.search():
            if "list" not in (resource.verbs or []) or resource.kind in PASSING or resource.kind.endswith("List"):
                continue
            if resource.namespaced:
                listed = resource.get(namespace=self.namespace)
            else:
                listed = resource.get(label_selector=f"app.kubernetes.io/instance={release}")
            names = {(resource.kind, one.metadata.name) for one in listed.items}
            found += [f"{kind}/{name}" for kind, name in sorted(names - GIVEN)]
        return sorted(set(found))


def _is_ready(pod: Any) -> bool:
    """Whether it is, and stays: deployments learn of it a moment later."""
    conditions = pod.status.conditions or []
    return pod.metadata.deletion_timestamp is None and any(
        one.type == "Ready" and one.status == "True" for one in conditions
    )


def _line(pod: Any) -> str:
    states = []
    for one in [*(pod.status.init_container_statuses or []), *(pod.status.container_statuses or [])]:
        waiting, ended = one.state.waiting, one.state.terminated
        said = waiting.reason if waiting else f"ended with {ended.exit_code}" if ended else "runs"
        states.append(f"{one.name} {said}, ready {one.ready}, {one.restart_count} restarts")
    ending = ", ending" if pod.metadata.deletion_timestamp else ""
    return f"{pod.metadata.name}: {pod.status.phase}{ending}: {'; '.join(states)}"
