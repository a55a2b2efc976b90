"""Rendered objects, and what tests ask of them."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from deploy.render import Object, key

CLUSTER_SCOPED = {"PriorityClass"}
OURS = {"auth", "profile", "chat", "gateway", "notifications"}


class Pod(NamedTuple):
    """A pod, or what pods are made of."""

    owner: str  # `Deployment/parley-chat`
    labels: Mapping[str, str]
    spec: Mapping[str, Any]

    @property
    def component(self) -> str:
        """What it is of ours, or an engine."""
        return self.labels["app.kubernetes.io/component"]

    @property
    def containers(self) -> list[Mapping[str, Any]]:
        """All, those that run first included."""
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]


class Rendered(NamedTuple):
    """What one set of values makes."""

    name: str
    objects: list[Object]

    def of(self, *kinds: str) -> list[Object]:
        """The objects of these kinds."""
        return [found for found in self.objects if found["kind"] in kinds]

    def get(self, name: str) -> Object:
        """The object `Kind/name`."""
        (found,) = [found for found in self.objects if key(found) == name]
        return found

    def pods(self) -> Iterator[Pod]:
        """Everything that becomes a pod."""
        for found in self.objects:
            if found["kind"] == "Pod":
                yield Pod(key(found), found["metadata"]["labels"], found["spec"])
            elif found["kind"] in ("Deployment", "StatefulSet", "Job"):
                template = found["spec"]["template"]
                yield Pod(key(found), template["metadata"]["labels"], template["spec"])

    def services(self) -> Iterator[Pod]:
        """The pods of our services."""
        return (pod for pod in self.pods() if pod.owner.startswith("Deployment/"))

    def environment(self, pod: Pod) -> dict[str, str]:
        """The variables of a service's container that are in plain sight."""
        (container,) = pod.spec["containers"]
        found: dict[str, str] = {}
        for source in container.get("envFrom", []):
            found |= self.get(f"ConfigMap/{source['configMapRef']['name']}")["data"]
        return found | {
            variable["name"]: variable["value"] for variable in container.get("env", []) if "value" in variable
        }


def matches(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a label selector without expressions selects these labels."""
    assert set(selector) <= {"matchLabels"}, selector
    wanted: dict[str, str] = selector.get("matchLabels", {})
    return wanted.items() <= labels.items()


def secret_keys(pod: Pod) -> Iterator[tuple[str, str]]:
    """Every (Secret, key) that a pod reads."""
    for container in pod.containers:
        for variable in container.get("env", []):
            if reference := variable.get("valueFrom", {}).get("secretKeyRef"):
                yield reference["name"], reference["key"]
    for volume in pod.spec.get("volumes", []):
        for item in volume.get("secret", {}).get("items", []):
            yield volume["secret"]["secretName"], item["key"]
