"""The policies let through what the processes' own settings ask for, and nothing else."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.deploy.objects import OURS, Pod, Rendered, matches

HTTP, OPS, DNS = 8000, 8001, 53
ENGINES = {"postgres": 5432, "redis": 6379, "kafka": 9092}
Flow = tuple[str, str, int]


@pytest.fixture
def isolated(rendered: Rendered) -> Rendered:
    """A render that has policies."""
    if not rendered.of("NetworkPolicy"):
        pytest.skip("these values turn the policies off")
    return rendered


def rules(rendered: Rendered, pod: Pod, direction: str) -> list[dict[str, Any]] | None:
    """The rules for a pod, None when nothing isolates it."""
    policies = [one["spec"] for one in rendered.of("NetworkPolicy")]
    mine = [
        one
        for one in policies
        if matches(one["podSelector"], pod.labels) and direction.capitalize() in one["policyTypes"]
    ]
    return [rule for one in mine for rule in one.get(direction, [])] if mine else None


def lets(rule: dict[str, Any], side: str, peer: Pod, port: int) -> bool:
    """Whether a rule lets through what comes from, or goes to, a pod of ours at a port."""
    if port not in [one["port"] for one in rule["ports"]]:
        return False
    inside = [one for one in rule.get(side, []) if "podSelector" in one and "namespaceSelector" not in one]
    return side not in rule or any(matches(one["podSelector"], peer.labels) for one in inside)


def allowed(rendered: Rendered) -> Iterator[Flow]:
    """Every flow between pods of the release that both sides' policies let through."""
    pods = list(rendered.pods())
    for source in pods:
        for target in pods:
            for port in (HTTP, OPS, *ENGINES.values()):
                out = rules(rendered, source, "egress")
                into = rules(rendered, target, "ingress")
                assert out is not None, source.owner
                assert into is not None, target.owner
                leaves = any(lets(rule, "to", target, port) for rule in out)
                if leaves and any(lets(rule, "from", source, port) for rule in into):
                    yield source.component, target.component, port


def wanted(rendered: Rendered) -> set[Flow]:
    """What the processes are told to speak to."""
    found: set[Flow] = {("test", "gateway", HTTP)}
    engines = {pod.component for pod in rendered.pods()} & set(ENGINES)
    for pod in rendered.services():
        environment = rendered.environment(pod)
        if "CHAT_SERVICE" in environment:
            found.add((pod.component, "chat", HTTP))
        for name in ("AUTH_URL", "PROFILE_URL", "CHAT_URL", "CHAT_URLS"):
            if name in environment:
                found.add((pod.component, (urlsplit(environment[name]).hostname or "").rpartition("-")[2], HTTP))
        secret = {variable["name"] for variable in pod.spec["containers"][0]["env"]}
        kafka = urlsplit(environment.get("KAFKA_URL", "")).hostname or ""
        uses = {"postgres": "DATABASE_URL" in secret, "redis": "REDIS_URL" in secret, "kafka": kafka.endswith("-kafka")}
        found |= {(pod.component, engine, ENGINES[engine]) for engine in engines if uses[engine]}
    return found | ({("kafka", "kafka", ENGINES["kafka"])} if "kafka" in engines else set())


def test_pods_reach_what_their_settings_name_and_nothing_else(isolated: Rendered) -> None:
    let = set(allowed(isolated))
    anyone = {flow for flow in let if flow[1] == "gateway" and flow[2] == HTTP}  # it is the way in for everybody
    assert let - anyone == wanted(isolated) - anyone
    assert wanted(isolated) <= let


def test_every_pod_is_denied_what_is_not_named(isolated: Rendered) -> None:
    (deny,) = [one for one in isolated.of("NetworkPolicy") if one["metadata"]["name"].endswith("-default-deny")]
    assert deny["spec"]["policyTypes"] == ["Ingress", "Egress"]
    assert set(deny["spec"]) == {"podSelector", "policyTypes"}
    assert all(matches(deny["spec"]["podSelector"], pod.labels) for pod in isolated.pods())


def test_nothing_but_engines_and_names_is_reached_outside(isolated: Rendered) -> None:
    for pod in isolated.pods():
        outside = set()
        for rule in rules(isolated, pod, "egress") or []:
            inside = [one for one in rule.get("to", []) if "podSelector" in one and "namespaceSelector" not in one]
            if not inside:
                outside |= {one["port"] for one in rule["ports"]}
        web = pod.component == "notifications" or (isolated.name, pod.component) == ("everything", "auth")
        expected = {DNS} | ({443} if web else set())
        engines = {5432, 6432, 6379, 9092, 9093}
        assert outside - expected <= (engines if pod.component in {*OURS, "migrate"} else set()), pod.owner


def test_only_the_gateway_is_open_to_others(isolated: Rendered) -> None:
    for pod in isolated.pods():
        for rule in rules(isolated, pod, "ingress") or []:
            ports = {one["port"] for one in rule["ports"]}
            if "from" not in rule:
                assert (pod.component, ports) == ("gateway", {HTTP})
            elif any("namespaceSelector" in one for one in rule["from"]):
                assert ports == {OPS} or pod.component == "gateway"


def test_clients_can_be_narrowed_to_an_ingress(isolated: Rendered) -> None:
    (gateway,) = [pod for pod in isolated.services() if pod.component == "gateway"]
    (rule,) = [one for one in rules(isolated, gateway, "ingress") or [] if one["ports"][0]["port"] == HTTP]
    if isolated.name == "everything":
        assert len(rule["from"]) == 2  # the ingress controller, and the pod of `helm test`
    else:
        assert "from" not in rule


def test_metrics_are_read_from_where_prometheus_is_and_nowhere_else(isolated: Rendered) -> None:
    for pod in isolated.services():
        readers = [one for one in rules(isolated, pod, "ingress") or [] if one["ports"][0]["port"] == OPS]
        assert len(readers) == (0 if isolated.name == "busy" else 1)
