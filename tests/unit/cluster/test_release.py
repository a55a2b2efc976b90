"""Which chart is upgraded from, and with which values."""

from pathlib import Path

import pytest
import yaml

from deploy.schema import CHART
from tests.cluster.release import Refused, merged, previous_chart


def test_changes_are_merged_into_trees_and_replace_all_else() -> None:
    values = {"chat": {"replicas": 2, "settings": {"RATE_LIMITS": "off"}}, "kafka": {"url": "kafka://a:1"}}
    changes = {"chat": {"replicas": 4}, "kafka": {"url": ""}, "ingress": {"hosts": ["a"]}}
    assert merged(values, changes) == {
        "chat": {"replicas": 4, "settings": {"RATE_LIMITS": "off"}},
        "kafka": {"url": ""},
        "ingress": {"hosts": ["a"]},
    }
    assert values["chat"] == {"replicas": 2, "settings": {"RATE_LIMITS": "off"}}


def test_a_chart_that_is_named_is_the_one_to_upgrade_from(tmp_path: Path) -> None:
    assert previous_chart(tmp_path / "copy", str(CHART)) == (CHART, str(CHART))


def test_where_nothing_was_released_it_is_this_chart_under_an_older_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.cluster.release._newest_tag", lambda: None)
    chart, _ = previous_chart(tmp_path, None)
    about = yaml.safe_load((chart / "Chart.yaml").read_text())
    assert about == {**yaml.safe_load((CHART / "Chart.yaml").read_text()), "version": "0.0.1"}
    assert (chart / "templates" / "chat.yaml").read_text() == (CHART / "templates" / "chat.yaml").read_text()


def test_a_revision_without_a_chart_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no-such-revision has no chart"):
        previous_chart(tmp_path, "no-such-revision")
