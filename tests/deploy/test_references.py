"""What objects say of each other is there: selectors, ports, names, addresses."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from deploy.schema import SERVICES
from tests.deploy.objects import Pod, Rendered, matches


def selected(rendered: Rendered, selector: Mapping[str, Any]) -> list[Pod]:
    """The pods behind a selector of a Service or a budget; of one workload, or of all."""
    return [pod for pod in rendered.pods() if matches({"matchLabels": selector}, pod.labels)]


def test_every_workload_selects_its_own_pods_and_no_others(rendered: Rendered) -> None:
    for found in rendered.of("Deployment", "StatefulSet"):
        (pod,) = selected(rendered, found["spec"]["selector"]["matchLabels"])
        assert pod.owner == f"{found['kind']}/{found['metadata']['name']}"


def test_every_service_leads_to_a_port_of_one_workload(rendered: Rendered) -> None:
    for service in rendered.of("Service"):
        (pod,) = selected(rendered, service["spec"]["selector"])
        names = {port["name"] for container in pod.spec["containers"] for port in container["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= names


def test_every_budget_is_for_one_workload_and_lets_one_go(rendered: Rendered) -> None:
    budgets = rendered.of("PodDisruptionBudget")
    for budget in budgets:
        assert len(selected(rendered, budget["spec"]["selector"]["matchLabels"])) == 1
        assert budget["spec"]["maxUnavailable"] == 1
    assert len(budgets) == len(list(rendered.services()))


def test_every_volume_is_mounted_and_every_mount_has_one(rendered: Rendered) -> None:
    for pod in rendered.pods():
        claims = []
        if pod.owner.startswith("StatefulSet/"):
            claims = rendered.get(pod.owner)["spec"].get("volumeClaimTemplates", [])
        volumes = {one["name"] for one in pod.spec.get("volumes", [])} | {one["metadata"]["name"] for one in claims}
        mounts = {mount["name"] for container in pod.containers for mount in container.get("volumeMounts", [])}
        assert volumes == mounts, pod.owner


def test_every_configmap_that_is_mounted_or_read_is_there(rendered: Rendered) -> None:
    for pod in rendered.pods():
        for container in pod.containers:
            for source in container.get("envFrom", []):
                assert rendered.get(f"ConfigMap/{source['configMapRef']['name']}")
        for volume in pod.spec.get("volumes", []):
            if "configMap" in volume:
                assert rendered.get(f"ConfigMap/{volume['configMap']['name']}")


def test_addresses_of_services_are_services_with_that_port(rendered: Rendered) -> None:
    services = {one["metadata"]["name"]: one for one in rendered.of("Service")}
    looked_at = set()
    for pod in rendered.services():
        environment = rendered.environment(pod)
        for name in {"AUTH_URL", "PROFILE_URL", "CHAT_URL", "CHAT_URLS"} & environment.keys():
            parts = urlsplit(environment[name])
            (port,) = [one for one in services[parts.hostname or ""]["spec"]["ports"] if one["port"] == parts.port]
            assert port["targetPort"] == "http"
            looked_at.add(name)
        if "CHAT_SERVICE" in environment:
            host, _, number = environment["CHAT_SERVICE"].partition(":")
            assert services[host]["spec"]["clusterIP"] == "None"  # its name stands for the pods
            assert not services[host]["spec"].get("publishNotReadyAddresses", False)
            (chat,) = selected(rendered, services[host]["spec"]["selector"])
            assert int(number) in [one["containerPort"] for one in chat.spec["containers"][0]["ports"]]
            looked_at.add("CHAT_SERVICE")
    assert looked_at - {"CHAT_URLS"} == {"AUTH_URL", "PROFILE_URL", "CHAT_URL", "CHAT_SERVICE"}


def test_whoever_is_scaled_is_there(rendered: Rendered) -> None:
    for scaler in rendered.of("HorizontalPodAutoscaler", "ScaledObject"):
        target = scaler["spec"]["scaleTargetRef"]
        assert rendered.get(f"{target['kind']}/{target['name']}")


def test_ways_in_lead_to_the_gateway(rendered: Rendered) -> None:
    for ingress in rendered.of("Ingress"):
        for rule in ingress["spec"]["rules"]:
            (path,) = rule["http"]["paths"]
            service = path["backend"]["service"]
            _is_gateway(rendered, service["name"], port_name=service["port"]["name"])
        hosts = [rule["host"] for rule in ingress["spec"]["rules"]]
        for tls in ingress["spec"].get("tls", []):
            assert tls["hosts"] == hosts
    for route in rendered.of("HTTPRoute"):
        assert route["apiVersion"] == "gateway.networking.k8s.io/v1"
        assert route["spec"]["parentRefs"]
        (rule,) = route["spec"]["rules"]
        (backend,) = rule["backendRefs"]
        _is_gateway(rendered, backend["name"], port=backend["port"])


def _is_gateway(rendered: Rendered, name: str, *, port_name: str | None = None, port: int | None = None) -> None:
    service = rendered.get(f"Service/{name}")
    assert service["metadata"]["labels"]["app.kubernetes.io/component"] == "gateway"
    assert [one for one in service["spec"]["ports"] if port_name == one["name"] or port == one["port"]]


def test_a_websocket_may_be_quiet_for_an_hour_behind_nginx(rendered: Rendered) -> None:
    for ingress in rendered.of("Ingress"):
        annotations = ingress["metadata"].get("annotations", {})
        if ingress["spec"].get("ingressClassName") == "nginx":
            assert annotations["nginx.ingress.kubernetes.io/proxy-read-timeout"] == "3600"
            assert annotations["nginx.ingress.kubernetes.io/proxy-send-timeout"] == "3600"
        assert not any("affinity" in name or "sticky" in name for name in annotations)


def test_prometheus_finds_the_ops_port_of_every_service(rendered: Rendered) -> None:
    for monitor in rendered.of("PodMonitor"):
        (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
        for pod in rendered.services():
            assert matches(monitor["spec"]["selector"], pod.labels)
            assert endpoint["port"] in [port["name"] for port in pod.spec["containers"][0]["ports"]]
    for monitor in rendered.of("ServiceMonitor"):
        (endpoint,) = monitor["spec"]["endpoints"]
        found = [
            one for one in rendered.of("Service") if matches(monitor["spec"]["selector"], one["metadata"]["labels"])
        ]
        ported = [one for one in found if endpoint["port"] in [port["name"] for port in one["spec"]["ports"]]]
        assert len(ported) == len(list(rendered.services()))
    for monitor in rendered.of("PodMonitor", "ServiceMonitor"):
        assert monitor["spec"]["jobLabel"] == "app.kubernetes.io/component"  # the alerts say job="gateway"
    if rendered.name == "bare":
        for pod in rendered.services():
            found_port = {port["name"]: port["containerPort"] for port in pod.spec["containers"][0]["ports"]}["ops"]
            annotations = rendered.get(pod.owner)["spec"]["template"]["metadata"]["annotations"]
            assert annotations["prometheus.io/port"] == str(found_port)


def test_what_is_migrated_are_the_databases_of_services(rendered: Rendered) -> None:
    names = {package: name for name, package in SERVICES.items()}
    with_database = {pod.component for pod in rendered.services() if _reads(pod, "DATABASE_URL")}
    migrated = {
        names[container["command"][3]]
        for pod in rendered.pods()
        for container in pod.containers
        if container.get("command", [])[2:3] == ["chassis.migrations"]
    }
    assert migrated == (set() if rendered.name == "bare" else with_database)


def _reads(pod: Pod, name: str) -> bool:
    return name in [variable["name"] for variable in pod.spec["containers"][0]["env"]]


def test_migrations_run_before_everything_or_in_front_of_each_pod(rendered: Rendered) -> None:
    jobs = rendered.of("Job")
    for job in jobs:
        annotations = job["metadata"]["annotations"]
        assert annotations["helm.sh/hook"] == "pre-install,pre-upgrade"
        assert job["spec"]["activeDeadlineSeconds"] > 0
        assert job["spec"]["backoffLimit"] >= 0
        assert job["spec"]["template"]["spec"]["restartPolicy"] == "Never"
        # It runs when nothing of the release is there yet.
        assert "envFrom" not in str(job)
        assert "serviceAccountName" not in job["spec"]["template"]["spec"]
    waiting = [pod.component for pod in rendered.services() if "initContainers" in pod.spec]
    if rendered.of("StatefulSet"):  # the engines come with the release: a hook before it would wait for ever
        assert jobs == []
        assert waiting
    else:
        assert waiting == []
