"""What Prometheus is told, and what a person is told who has none."""

import json
import shutil
from pathlib import Path

import pytest

from devstack import observe


def test_targets_have_the_labels_that_the_alerts_look_for(tmp_path: Path) -> None:
    observe.write_targets(tmp_path, {"chat-2": "http://127.0.0.1:2", "gateway": "http://127.0.0.1:3"})
    assert json.loads((tmp_path / observe.TARGETS).read_text()) == [
        {"targets": ["127.0.0.1:2"], "labels": {"namespace": "parley", "job": "chat", "pod": "chat-2"}},
        {"targets": ["127.0.0.1:3"], "labels": {"namespace": "parley", "job": "gateway", "pod": "gateway"}},
    ]


def test_without_prometheus_it_says_where_to_get_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert observe.main({}) == 1
    assert "apt-get install prometheus" in capsys.readouterr().err


def test_without_a_platform_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: "/bin/false")
    monkeypatch.setattr(observe, "is_free", lambda _: True)
    assert observe.main({"DATA_DIR": str(tmp_path)}) == 1
    assert "make run" in capsys.readouterr().err
