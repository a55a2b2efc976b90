"""Alerts and graphs are about metrics that the code has, fire when they should, and lead to a page that helps."""

import functools
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from deploy import dashboard
from deploy.schema import CHART
from tests.deploy.alert_cases import CASES, Case
from tests.deploy.objects import Rendered
from tests.unit.docs.code import PACKAGES, metrics
from tests.unit.docs.documents import Document

ALERTS = CHART / "files" / "alerts.yaml"
RUNBOOKS = Path(__file__).parents[2] / "docs" / "operations" / "runbooks.md"
RULES = [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]
every_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
BY_PROMETHEUS = {"namespace", "job", "pod", "le"}
BY_THE_CLIENT = {"process_cpu_seconds_total", "process_resident_memory_bytes"}


@functools.cache
def known() -> dict[str, set[str]]:
    """The labels of every time series by its name."""
    found: dict[str, set[str]] = {}
    for package in PACKAGES:
        for metric in metrics(package):
            labels = set(metric.labels.split(", ")) - {""}
            ends = ("_bucket", "_sum", "_count") if metric.kind == "histogram" else ("",)
            found |= {metric.name + end: labels for end in ends}
    return found


def series(expression: str) -> list[tuple[str, str]]:
    """The time series in an expression: name, and what is between the braces."""
    return re.findall(r"\b((?:parley|process)_[a-z_]+)(?:\{([^}]*)\})?", expression)


def check(expression: str) -> None:
    """All that an expression names is there."""
    found = series(expression)
    assert found, expression
    for name, selector in found:
        if name in BY_THE_CLIENT:
            continue
        assert name in known(), name
        for label, value in re.findall(r'(\w+)=~?"([^"]*)"', selector):
            assert label in known()[name] | BY_PROMETHEUS, (name, label)
            if label == "dependency":
                assert value in {"postgres", "redis", "kafka", "auth"}
    labels = set().union(*(known().get(name, set()) for name, _ in found)) | BY_PROMETHEUS
    for group in re.findall(r"by \(([^)]*)\)", expression):
        assert {word.strip() for word in group.split(",")} <= labels, expression


@every_rule
def test_an_alert_is_about_what_there_is(rule: dict[str, str]) -> None:
    check(rule["expr"])


@every_rule
def test_an_alert_looks_at_its_own_namespace_only(rule: dict[str, str]) -> None:
    assert all('namespace="parley"' in selector for _, selector in series(rule["expr"]))


@every_rule
def test_an_alert_leads_to_a_page(rule: dict[str, dict[str, str]]) -> None:
    page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    assert page == "RUNBOOKS"
    assert anchor in Document(RUNBOOKS, RUNBOOKS.read_text()).anchors
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert rule["annotations"]["summary"].endswith(".")


def test_every_page_has_its_alert() -> None:
    pages = set(re.findall(r"^## (Parley\w+)$", RUNBOOKS.read_text(), re.MULTILINE))
    assert pages == {rule["alert"] for rule in RULES}


def test_every_graph_is_about_what_there_is() -> None:
    for panels in dashboard.ROWS.values():
        for panel in panels:
            for expression in panel.lines.values():
                check(expression)


def test_graphs_do_not_lie_on_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard.dashboard()["panels"]:
        place = panel["gridPos"]
        columns = range(place["x"], place["x"] + place["w"])
        cells = {(x, y) for x in columns for y in range(place["y"], place["y"] + place["h"])}
        assert not cells & taken
        assert place["x"] + place["w"] <= dashboard.COLUMNS
        taken |= cells


def test_the_dashboard_is_the_one_in_the_chart() -> None:
    assert dashboard.FILE.read_text() == dashboard.written(), "run `python -m deploy.dashboard`"


def test_alerts_and_dashboard_are_in_the_render(rendered: Rendered) -> None:
    for rule in rendered.of("PrometheusRule"):
        made = [one["alert"] for group in rule["spec"]["groups"] for one in group["rules"]]
        assert made == [one["alert"] for one in RULES]
        assert "RUNBOOKS" not in json.dumps(rule["spec"])
    for found in rendered.of("ConfigMap"):
        if found["metadata"]["name"].endswith("-dashboard"):
            assert json.loads(found["data"]["parley.json"]) == dashboard.dashboard()
            assert found["metadata"]["labels"]["grafana_dashboard"] == "1"


def promtool_test(rule: dict[str, dict[str, str]], case: Case) -> Iterator[dict[str, object]]:
    """What promtool is to find: that an alert fires on some series and not on others."""
    name = str(rule["alert"])
    fired = {
        "exp_labels": case.labels | rule["labels"],
        "exp_annotations": rule["annotations"] | {"description": case.description},
    }
    for series, expected in ((case.fires, [fired]), (case.quiet, [])):
        yield {
            "interval": "1m",
            "input_series": [{"series": one, "values": values} for one, values in series.items()],
            "alert_rule_test": [{"eval_time": "30m", "alertname": name, "exp_alerts": expected}],
        }


def test_every_alert_fires_when_it_should_and_only_then(tmp_path: Path) -> None:
    assert CASES.keys() == {rule["alert"] for rule in RULES}
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not here (Debian: prometheus)")
    tests = [test for rule in RULES for test in promtool_test(rule, CASES[rule["alert"]])]
    file = tmp_path / "alerts.json"
    file.write_text(json.dumps({"rule_files": [str(ALERTS)], "evaluation_interval": "1m", "tests": tests}))
    done = subprocess.run([promtool, "test", "rules", str(file)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
