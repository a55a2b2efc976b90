"""Every pod keeps to the restricted profile, is told what its process needs, and names only what there is."""

import importlib.util
import json
from typing import Any

import pytest

from chassis.ops import PATHS
from chassis.settings import ServiceSettings, load
from deploy.render import render
from deploy.schema import SERVICES, is_secret
from deploy.tools import Tools
from tests.deploy.objects import Pod, Rendered
from tests.unit.docs import code
from tests.unit.docs.code import settings_of

SECRETS = {
    "DATABASE_URL": "postgresql://user:password@host:5432/database",
    "REDIS_URL": "redis://:password@host:6379/0",
    "BROKER_URL": "redis://:password@host:6379/0",
    "KAFKA_SASL_PASSWORD": "password",
}


def settings_class(pod: Pod) -> type[ServiceSettings]:
    """What the process in a pod reads."""
    return settings_of(SERVICES[pod.component])


def loaded(rendered: Rendered, pod: Pod) -> ServiceSettings:
    """What the process in a pod would know: its settings from the environment that it gets there."""
    (container,) = pod.spec["containers"]
    secret = {variable["name"] for variable in container["env"] if "secretKeyRef" in variable.get("valueFrom", {})}
    environment = rendered.environment(pod) | {name: SECRETS[name] for name in secret} | {"POD_NAME": "parley-1"}
    return load(settings_class(pod), environment)


def is_engine(pod: Pod) -> bool:
    """Whether it is one of those for trying out."""
    return pod.owner.startswith("StatefulSet/")


def test_every_process_has_all_settings_that_it_needs(rendered: Rendered) -> None:
    for pod in rendered.services():
        settings = loaded(rendered, pod)  # raises when one is missing or wrong
        assert settings.pod_name == "parley-1"


def test_every_service_of_the_code_is_in_the_chart(rendered: Rendered) -> None:
    assert set(SERVICES.values()) == set(code.SERVICES)
    optional = set() if rendered.name in ("everything", "busy") else {"notifications"}
    assert {pod.component for pod in rendered.services()} == set(SERVICES) - optional


def test_every_variable_is_one_that_the_process_reads(rendered: Rendered) -> None:
    for pod in rendered.services():
        known = {name.upper() for name in settings_class(pod).__struct_fields__}
        (container,) = pod.spec["containers"]
        given = set(rendered.environment(pod)) | {variable["name"] for variable in container["env"]}
        assert given - known - {"LD_PRELOAD"} == set(), pod.owner


def test_what_is_secret_is_in_no_configmap(rendered: Rendered) -> None:
    for pod in rendered.services():
        plain = rendered.environment(pod)
        assert [name for name in plain if is_secret(name)] == []


def test_ports_and_probes_are_those_of_the_process(rendered: Rendered) -> None:
    for pod in rendered.services():
        (container,) = pod.spec["containers"]
        settings = loaded(rendered, pod)
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        assert ports == {"http": settings.port, "ops": settings.ops_port}
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            ask = container[probe]["httpGet"]
            assert ask["path"] in PATHS
            assert ask["port"] == "ops"
        assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
        assert container["livenessProbe"]["httpGet"]["path"] == "/livez"
        liveness = container["livenessProbe"]
        assert liveness["periodSeconds"] * liveness["failureThreshold"] >= 60


def test_every_command_runs_a_module_that_is_there(rendered: Rendered) -> None:
    for pod in rendered.pods():
        for container in pod.containers if not is_engine(pod) else []:
            python, flag, module, *_ = container["command"]
            assert (python, flag) == ("python", "-m")
            spec = importlib.util.find_spec(module)
            assert spec is not None, module
            if spec.submodule_search_locations is not None:
                assert importlib.util.find_spec(f"{module}.__main__") is not None, module


def test_no_pod_has_more_rights_than_the_restricted_profile(rendered: Rendered) -> None:
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted"""
    volumes = {
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "persistentVolumeClaim",
        "projected",
        "secret",
    }
    for pod in rendered.pods():
        spec = pod.spec
        assert not {"hostNetwork", "hostPID", "hostIPC", "hostUsers"} & set(spec), pod.owner
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"].get("runAsUser", 1) > 0
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert "sysctls" not in spec["securityContext"]
        for volume in spec.get("volumes", []):
            assert set(volume) - {"name"} <= volumes
        for container in pod.containers:
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert set(context) <= {"allowPrivilegeEscalation", "capabilities", "readOnlyRootFilesystem"}
            assert not any("hostPort" in port for port in container.get("ports", []))


def test_no_pod_has_a_token_and_ours_write_nowhere(rendered: Rendered) -> None:
    for pod in rendered.pods():
        assert pod.spec["automountServiceAccountToken"] is False
        assert pod.spec["enableServiceLinks"] is False  # else Kafka takes KAFKA_PORT for a setting
        for container in pod.containers:
            writable = is_engine(pod) and container["name"] == "kafka"  # it writes its configuration when it starts
            assert container["securityContext"]["readOnlyRootFilesystem"] is not writable


def test_every_container_has_requests_and_limits(rendered: Rendered) -> None:
    for pod in rendered.pods():
        for container in pod.containers:
            for kind in ("requests", "limits"):
                assert set(container["resources"][kind]) == {"cpu", "memory"}, (pod.owner, container["name"])


def test_services_are_spread_and_of_the_one_image(rendered: Rendered) -> None:
    images = {container["image"] for pod in rendered.pods() if not is_engine(pod) for container in pod.containers}
    assert len(images) == 1
    for pod in rendered.services():
        keys = [constraint["topologyKey"] for constraint in pod.spec["topologySpreadConstraints"]]
        assert keys == ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]


def test_a_changed_setting_rolls_its_pods_and_no_others(programs: Tools) -> None:
    def checksums(values: dict[str, Any]) -> dict[str, str]:
        found = Rendered("", render(programs, values)).of("Deployment")
        return {
            one["metadata"]["name"]: json.dumps(one["spec"]["template"]["metadata"]["annotations"]) for one in found
        }

    before = checksums({})
    after = checksums({"chat": {"settings": {"FRAME_BURST": 200}}})
    assert {name for name in before if before[name] != after[name]} == {"parley-chat"}
    assert checksums({"secretRevision": "2"}).items().isdisjoint(before.items())


def test_long_numbers_and_bare_words_arrive_as_they_were_meant(programs: Tools) -> None:
    values = {
        "auth": {
            "settings": {"REFRESH_TOKEN_SECONDS": 31536000, "RATE_LIMITS": False, "TRUSTED_PROXIES": ["10.0.0.0/8"]}
        },
        "chat": {"settings": {"REPAIR_HOLD_SECONDS": 0.05}},
    }
    rendered = Rendered("", render(programs, values))
    settings = {pod.component: loaded(rendered, pod) for pod in rendered.services()}
    auth: Any = settings["auth"]
    chat: Any = settings["chat"]
    assert (auth.refresh_token_seconds, auth.rate_limits, auth.trusted_proxies) == (31536000, "off", ("10.0.0.0/8",))
    assert chat.repair_hold_seconds == pytest.approx(0.05)


def test_memory_is_enough_for_the_sockets_that_a_pod_admits(default: Rendered) -> None:
    """An idle socket costs 5 KiB (docs/performance.md); three times that, for what waits, and the process."""
    (pod,) = [pod for pod in default.services() if pod.component == "chat"]
    settings: Any = loaded(default, pod)
    limit = pod.spec["containers"][0]["resources"]["limits"]["memory"]
    assert limit == "1Gi"
    assert settings.sockets_per_pod * 15 * 1024 + 128 * 2**20 < 2**30
