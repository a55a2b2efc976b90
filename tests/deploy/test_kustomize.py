"""The Kustomize base and its components are the chart's render, and every overlay is as good."""

import json
import shutil
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from deploy import kustomize
from deploy.kustomize import COMPONENTS, KUSTOMIZE, plain
from deploy.render import NAMESPACE, Object, parse, render
from deploy.tools import Tools, run
from tests.deploy import test_network, test_pods, test_references, test_scaling
from tests.deploy.objects import Rendered
from tests.deploy.test_chart import OTHERS, VERSIONS

OVERLAYS = sorted(path.name for path in (KUSTOMIZE / "overlays").iterdir())


def built(programs: Tools, folder: Path) -> list[Object]:
    """What `kubectl kustomize` makes of a folder."""
    return parse(run(programs.kubectl, "kustomize", str(folder)))


def merged(*layers: Any) -> dict[str, Any]:
    """Nested mappings laid over each other."""
    found: dict[str, Any] = {}
    for layer in layers:
        for name, value in layer.items():
            found[name] = merged(found.get(name, {}), value) if isinstance(value, dict) else value
    return found


def test_the_files_are_those_of_the_chart(programs: Tools) -> None:
    wanted = kustomize.everything(programs)
    there = {path for folder in ("base", "components") for path in (KUSTOMIZE / folder).rglob("*.yaml")}
    assert there == wanted.keys()
    assert [path for path in there if path.read_text() != wanted[path]] == [], "run `python -m deploy.kustomize`"


def test_the_base_is_what_helm_makes(programs: Tools) -> None:
    assert plain(built(programs, KUSTOMIZE / "base")) == plain(render(programs, {}))
    assert {one["metadata"].get("namespace") for one in built(programs, KUSTOMIZE / "base")} == {NAMESPACE}


@pytest.mark.parametrize(
    "names",
    [*((name,) for name in COMPONENTS), ("hpa", "monitoring"), ("quickstart", "keda", "monitoring")],
    ids="+".join,
)
def test_components_make_what_helm_makes_with_their_values(
    programs: Tools, names: tuple[str, ...], tmp_path: Path
) -> None:
    shutil.copytree(KUSTOMIZE, tmp_path / "kustomize")
    overlay = {"resources": ["../../base"], "components": [f"../../components/{name}" for name in names]}
    folder = tmp_path / "kustomize" / "overlays" / "these"
    folder.mkdir()
    (folder / "kustomization.yaml").write_text(json.dumps(overlay))
    objects = built(programs, folder)
    assert plain(objects) == plain(render(programs, merged(*(COMPONENTS[name] for name in names))))


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_overlay_is_valid_and_keeps_the_chart_s_promises(programs: Tools, overlay: str) -> None:
    objects = built(programs, KUSTOMIZE / "overlays" / overlay)
    for version in VERSIONS:
        for found in objects:
            if found["kind"] not in OTHERS:
                kubernetes_validate.validate(found, version, strict=True)
    rendered = Rendered(overlay, objects)
    for promise in [
        test_pods.test_every_process_has_all_settings_that_it_needs,
        test_pods.test_every_variable_is_one_that_the_process_reads,
        test_pods.test_what_is_secret_is_in_no_configmap,
        test_pods.test_ports_and_probes_are_those_of_the_process,
        test_pods.test_no_pod_has_more_rights_than_the_restricted_profile,
        test_pods.test_no_pod_has_a_token_and_ours_write_nowhere,
        test_references.test_every_service_leads_to_a_port_of_one_workload,
        test_references.test_addresses_of_services_are_services_with_that_port,
        test_references.test_ways_in_lead_to_the_gateway,
        test_scaling.test_either_replicas_or_a_scaler,
        test_scaling.test_every_pod_is_given_the_time_that_its_end_takes,
        test_network.test_every_pod_is_denied_what_is_not_named,
    ]:
        promise(rendered)
