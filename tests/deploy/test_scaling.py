"""Who decides how many pods there are, and how a pod goes: no replicas beside a scaler, one value behind a drain."""

from typing import Any

import pytest

import chassis.server
from chassis.settings import ServiceSettings
from deploy.render import render
from deploy.tools import Tools
from gateway_service.settings import Settings as GatewaySettings
from tests.deploy.objects import Pod, Rendered
from tests.unit.docs.code import metrics

DRAIN_OVERRUN_SECONDS = 5  # chassis.lifecycle bounds a drain by its budget and this
GRACE_SECONDS = 3  # chassis.server.serve: for requests that are being answered
STOP_SECONDS = ServiceSettings().stop_seconds


def test_either_replicas_or_a_scaler(rendered: Rendered) -> None:
    scaled = {one["spec"]["scaleTargetRef"]["name"] for one in rendered.of("HorizontalPodAutoscaler", "ScaledObject")}
    for deployment in rendered.of("Deployment"):
        assert ("replicas" in deployment["spec"]) != (deployment["metadata"]["name"] in scaled)


def test_a_rolling_update_takes_no_pod_away_before_its_successor_is_there(rendered: Rendered) -> None:
    for deployment in rendered.of("Deployment"):
        assert deployment["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
        assert deployment["spec"]["minReadySeconds"] >= 10


def pause_of(pod: Pod) -> int:
    """Seconds of preStop."""
    (container,) = pod.spec["containers"]
    python, flag, program = container["lifecycle"]["preStop"]["exec"]["command"]
    assert (python, flag) == ("python", "-c")
    compile(program, "preStop", "exec")
    return int(program.split("time.sleep(")[1].rstrip(")"))


@pytest.mark.parametrize("seconds", [0, 10, 30, 300])
def test_the_end_of_a_pod_follows_from_one_value(programs: Tools, seconds: int) -> None:
    rendered = Rendered("", render(programs, {"chat": {"drain": {"seconds": seconds}}}))
    (pod,) = [pod for pod in rendered.services() if pod.component == "chat"]
    environment = rendered.environment(pod)
    assert environment["DRAIN_SECONDS"] == str(seconds)
    assert environment["DRAIN_PAUSE_SECONDS"] == "0"  # preStop is that pause: SIGTERM comes after it
    _suffices(pod, environment)
    others = [pod for pod in rendered.services() if pod.component != "chat"]
    assert all(rendered.environment(pod)["DRAIN_SECONDS"] != "300" for pod in others)


def test_every_pod_is_given_the_time_that_its_end_takes(rendered: Rendered) -> None:
    for pod in rendered.services():
        _suffices(pod, rendered.environment(pod))


def _suffices(pod: Pod, environment: dict[str, str]) -> None:
    """The grace period holds the pause, the drain, and all that follows; it counts from before preStop."""
    after_drain = DRAIN_OVERRUN_SECONDS + GRACE_SECONDS + chassis.server.UNWIND_SECONDS + STOP_SECONDS
    needed = pause_of(pod) + float(environment["DRAIN_SECONDS"]) + after_drain
    assert needed <= pod.spec["terminationGracePeriodSeconds"] <= needed + 15


def test_gateways_have_forgotten_a_pod_when_it_begins_to_drain(rendered: Rendered) -> None:
    """They look names up every PODS_REFRESH_SECONDS; the load balancers of the nodes follow within a second or two."""
    refresh = GatewaySettings(redis_url="redis://h", auth_url="http://h", profile_url="http://h").pods_refresh_seconds
    for pod in rendered.services():
        assert 1.5 * refresh < pause_of(pod) <= 10


def test_chat_scales_on_what_a_pod_says_of_itself(rendered: Rendered) -> None:
    known = {metric.name for metric in metrics("chat_service")}
    for scaler in rendered.of("HorizontalPodAutoscaler"):
        for metric in scaler["spec"]["metrics"]:
            if metric["type"] == "Pods":
                assert metric["pods"]["metric"]["name"] in known
        slowest(scaler["spec"]["behavior"])
    for scaler in rendered.of("ScaledObject"):
        for trigger in scaler["spec"]["triggers"]:
            assert trigger["type"] in ("prometheus", "cpu")
            if trigger["type"] == "prometheus":
                assert trigger["metadata"]["query"].partition("(")[2].partition("{")[0] in known
                assert 'namespace="parley"' in trigger["metadata"]["query"]
        slowest(scaler["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"])


def slowest(behavior: dict[str, Any]) -> None:
    """Pods go one at a time: each moves all of its sockets."""
    assert behavior["scaleDown"]["policies"] == [{"type": "Pods", "value": 1, "periodSeconds": 120}]
    assert behavior["scaleDown"]["stabilizationWindowSeconds"] >= 300
    assert behavior["scaleUp"]["stabilizationWindowSeconds"] == 0


def test_a_pod_is_added_long_before_pods_are_full(programs: Tools, default: Rendered) -> None:
    values = {"chat": {"autoscaling": {"mode": "hpa"}}}
    (scaler,) = Rendered("", render(programs, values)).of("HorizontalPodAutoscaler")
    target = int(scaler["spec"]["metrics"][0]["pods"]["target"]["averageValue"])
    (pod,) = [pod for pod in default.services() if pod.component == "chat"]
    assert target <= 0.6 * int(default.environment(pod)["SOCKETS_PER_POD"])
