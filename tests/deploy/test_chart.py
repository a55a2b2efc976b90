"""The chart is accepted by both Helms, by Kubernetes' own schemas, and makes nothing twice."""

import json
import re
import subprocess
from collections import Counter
from pathlib import Path

import kubernetes_validate
import pytest

from deploy.render import key, parse, render
from deploy.schema import CHART
from deploy.tools import Tools, run
from tests.deploy.conftest import VARIANTS
from tests.deploy.objects import CLUSTER_SCOPED, Rendered, secret_keys

# Kinds that others define; what we write of them is asserted elsewhere in this folder.
OTHERS = {"PodMonitor", "ServiceMonitor", "PrometheusRule", "ScaledObject", "HTTPRoute"}
VERSIONS = ["1.25", "1.30", kubernetes_validate.latest_version()]


@pytest.mark.parametrize("values", VARIANTS, ids=lambda path: path.stem)
def test_helm_finds_nothing_to_complain_of(each_helm: Tools, values: Path) -> None:
    assert "0 chart(s) failed" in run(each_helm.helm, "lint", "--strict", "--values", str(values), str(CHART))


def test_both_helms_make_the_same_of_it(each_helm: Tools, rendered: Rendered) -> None:
    assert render(each_helm, CHART / "ci" / f"{rendered.name}.yaml") == rendered.objects


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_takes_every_object(rendered: Rendered, version: str) -> None:
    for found in rendered.objects:
        if found["kind"] not in OTHERS:
            kubernetes_validate.validate(found, version, strict=True)


def test_every_object_is_named_once_and_within_the_limits(rendered: Rendered) -> None:
    names = Counter(key(found) for found in rendered.objects)
    assert [name for name, count in names.items() if count > 1] == []
    for found in rendered.objects:
        assert len(found["metadata"]["name"]) <= 63
        scoped = found["kind"] not in CLUSTER_SCOPED
        assert found["metadata"].get("namespace") == ("parley" if scoped else None), key(found)


def test_another_release_shares_no_name_with_the_first(programs: Tools, default: Rendered) -> None:
    long = "a-release-with-a-very-long-name-that-helm-still-takes"
    objects = render(programs, {}, release=long)
    assert {key(found) for found in objects} & {key(found) for found in default.objects} == set()
    assert all(len(found["metadata"]["name"]) <= 63 for found in objects)


def test_there_is_no_secret_in_it(rendered: Rendered) -> None:
    assert rendered.of("Secret") == []
    for found in rendered.of("ConfigMap"):
        assert re.search(r"://[^/\s]*:[^/\s]*@", json.dumps(found["data"])) is None  # a URL with a password


def test_what_a_pod_may_not_have_is_refused(each_helm: Tools) -> None:
    cases: list[tuple[dict[str, object], str]] = [
        ({"chat": {"settings": {"SOCKET_PER_POD": 1}}}, "SOCKET_PER_POD"),
        ({"auth": {"settings": {"DATABASE_URL": "postgresql://u:p@h/d"}}}, "DATABASE_URL"),
        ({"chat": {"replica": 1}}, "replica"),
        ({"chat": {"settings": {"FRAMES_PER_SECOND": 0}}}, "FRAMES_PER_SECOND"),
        ({"ingress": {"enabled": True}}, "hosts"),
    ]
    for values, reason in cases:
        with pytest.raises(subprocess.CalledProcessError) as caught:
            render(each_helm, values)
        assert reason in caught.value.stderr


def notes(tools: Tools, *values: str) -> str:
    """What is said after the installation."""
    command = ["install", "parley", str(CHART), "--namespace", "chat", "--dry-run=client", *values]
    return run(tools.helm, *command).split("NOTES:\n")[1]


@pytest.mark.parametrize("quickstart", [False, True])
def test_the_notes_make_every_key_that_pods_read(programs: Tools, *, quickstart: bool) -> None:
    on = str(quickstart).lower()
    said = notes(programs, "--set", f"quickstart.enabled={on}")
    objects = render(programs, {"quickstart": {"enabled": quickstart}})
    wanted = {reference for pod in Rendered("", objects).pods() for reference in secret_keys(pod)}
    made = {word.partition("=")[2].partition("=")[0] for word in said.split() if word.startswith("--from-")}
    assert {name for name, _ in wanted} == {"parley"}
    assert {name for _, name in wanted} == made
    listed = said.split("Make it once")[0]
    assert all(name in listed for name in made)


def test_the_notes_name_the_job_that_waits_for_the_secret(programs: Tools, default: Rendered) -> None:
    """By the words with which Helm gives up, after its own time-out and not after the Job's deadline."""
    (job,) = [found["metadata"]["name"] for found in default.of("Job")]
    said = notes(programs)
    assert f'"resource Job/chat/{job} not ready"' in said
    assert "--timeout" in said


def test_the_pod_that_makes_keys_is_a_valid_and_restricted_one(programs: Tools) -> None:
    (line,) = [line for line in notes(programs).splitlines() if "--overrides" in line]
    spec = json.loads(line.split("--overrides '")[1].split("'")[0])["spec"]
    spec["containers"][0]["image"] = line.split("--image ")[1].split()[0]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "keys"}, "spec": spec}
    for version in VERSIONS:
        kubernetes_validate.validate(pod, version, strict=True)
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["containers"][0]["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_the_versions_are_those_of_the_distribution() -> None:
    (chart,) = parse((CHART / "Chart.yaml").read_text())
    project = (CHART.parents[2] / "pyproject.toml").read_text()
    assert f'version = "{chart["appVersion"]}"' in project
