"""Load from inside a cluster: the objects are valid and restricted; the flow, against a stand-in of the API."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
from kubernetes import client

from loadtests.cluster.__main__ import run_of, seconds_of
from loadtests.cluster.flow import Failed, Flow, unpack
from loadtests.cluster.objects import Run, labels, master, policy, service, workers
from tests.load.cluster_api import ClusterApi, archive, serving

VERSIONS = ["1.25", "1.30", kubernetes_validate.latest_version()]
RUN, _ = run_of(["--image", "registry.example.org/parley-load:1", "--time", "2m", "--workers", "3", "--pace", "5"])
PROGRESS = "   100 users    10.0 messages/s     45.0 deliveries/s, p99    12 ms, 0 failed"


@pytest.fixture
def api() -> Iterator[ClusterApi]:
    with serving() as api:
        yield api


def played(api: ClusterApi, into: Path, *, keep: bool = False) -> tuple[int, list[str]]:
    said: list[str] = []
    connection = client.ApiClient(client.Configuration(host=api.url))
    try:
        return Flow(connection, RUN, said.append, poll_seconds=0.01).play(into, keep=keep), said
    finally:
        connection.close()  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("make", [service, policy, master, workers], ids=lambda make: make.__name__)
def test_an_object_is_what_kubernetes_knows(make: Any, version: str) -> None:
    kubernetes_validate.validate(make(RUN), version, strict=True)


@pytest.mark.parametrize("make", [master, workers], ids=lambda make: make.__name__)
def test_a_pod_is_allowed_where_pods_are_restricted_and_ends_by_itself(make: Any) -> None:
    spec = make(RUN)["spec"]
    pod = spec["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    (container,) = pod["containers"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert not container["securityContext"]["allowPrivilegeEscalation"]
    assert not pod["automountServiceAccountToken"]
    assert (spec["backoffLimit"], spec["activeDeadlineSeconds"]) == (0, 120 + 600)
    assert spec["ttlSecondsAfterFinished"] > 0


def test_workers_find_the_master_and_only_they_reach_it() -> None:
    assert (
        service(RUN)["spec"]["selector"]
        == labels(RUN, "master")
        == master(RUN)["spec"]["template"]["metadata"]["labels"]
    )
    command = workers(RUN)["spec"]["template"]["spec"]["containers"][0]["command"]
    assert command[command.index("--master-host") + 1] == service(RUN)["metadata"]["name"]
    (rule,) = policy(RUN)["spec"]["ingress"]
    assert rule["from"] == [{"podSelector": {"matchLabels": labels(RUN, "worker")}}]
    assert rule["ports"] == [{"port": service(RUN)["spec"]["ports"][0]["port"], "protocol": "TCP"}]


def test_options_reach_those_whom_they_concern() -> None:
    leading = master(RUN)["spec"]["template"]["spec"]["containers"][0]["command"]
    playing = workers(RUN)["spec"]["template"]["spec"]["containers"][0]["command"]
    assert leading[leading.index("--expect-workers") + 1] == "3"
    assert leading[leading.index("--run-time") + 1] == "120s"
    assert leading[leading.index("--host") + 1] == "http://parley-gateway.default:80"
    assert leading[-2:] == playing[-2:] == ["--pace", "5"]


def test_a_run_is_followed_collected_and_cleaned_up(api: ClusterApi, tmp_path: Path) -> None:
    api.reports(f"20 of 20 people are ready\n{PROGRESS}\nPassed: 5 messages", report_json="{}", report_html="<p>")
    code, said = played(api, tmp_path / "reports")
    assert code == 0
    assert {path.name: path.read_text() for path in (tmp_path / "reports").iterdir()} == {
        "report.json": "{}",
        "report.html": "<p>",
    }
    assert said[1] == "20 of 20 people are ready"
    assert said[2].startswith("[") and said[2].endswith(PROGRESS.strip())
    assert said[3] == "Passed: 5 messages"
    assert {body["kind"] for body in api.made.values()} == {"Job", "Service", "NetworkPolicy"}
    assert sorted(api.removed) == sorted(api.made)


def test_the_exit_code_is_that_of_the_master(api: ClusterApi, tmp_path: Path) -> None:
    api.exit_code = 1
    api.reports("FAILED", report_json="{}")
    assert played(api, tmp_path)[0] == 1


def test_what_was_made_before_a_mistake_is_removed(api: ClusterApi, tmp_path: Path) -> None:
    api.refuse = "/jobs"
    with pytest.raises(client.ApiException):
        played(api, tmp_path)
    assert api.made
    assert set(api.made) <= set(api.removed)


def test_objects_are_kept_if_somebody_wants_to_look_at_them(api: ClusterApi, tmp_path: Path) -> None:
    api.reports("Passed", report_json="{}")
    played(api, tmp_path, keep=True)
    assert api.removed == []


def test_a_master_that_leaves_no_reports_is_a_failure(api: ClusterApi, tmp_path: Path) -> None:
    api.log = "Traceback\n"
    with pytest.raises(Failed, match="no reports"):
        played(api, tmp_path)
    assert sorted(api.removed) == sorted(api.made)


@pytest.mark.parametrize("text", ["", "no base64!", "aGVsbG8="])
def test_what_is_no_archive_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(Failed):
        unpack(text, tmp_path)


def test_an_archive_cannot_write_elsewhere(tmp_path: Path) -> None:
    with pytest.raises(Failed):
        unpack(archive(**{"../evil": "x"}), tmp_path / "reports")
    assert not (tmp_path / "evil").exists()


def test_the_gateway_of_another_release_is_found_as_the_chart_names_it() -> None:
    run, _ = run_of(["--image", "x", "--release", "team", "--namespace", "chat"])
    assert isinstance(run, Run)
    assert run.host == "http://team-parley-gateway.chat:80"


def test_times_have_units() -> None:
    assert [seconds_of(text) for text in ("30s", "5m", "2h", "45")] == [30, 300, 7200, 45]
