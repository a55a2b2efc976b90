"""What the usual linters say of the image, the chart's output and the files by hand: nothing."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.schema import CHART
from deploy.tools import ROOT, Tools, run

DEPLOY = ROOT / "deploy"


def program(name: str, *, beside: Path = Path(sys.prefix)) -> str:
    """A program of our environment, or of one beside it."""
    found = shutil.which(name, path=str(beside / "bin")) or shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not here: `make test` installs it where it can be had")
    return found


def complaints(*command: str, where: Path = ROOT, **environment: str) -> str:
    """What a linter says, empty when it is content."""
    done = subprocess.run(command, cwd=where, capture_output=True, text=True, env={**os.environ, **environment})
    return done.stdout + done.stderr if done.returncode else ""


def test_the_dockerfile_is_as_hadolint_wants_it() -> None:
    assert complaints(program("hadolint"), "--failure-threshold", "style", "Dockerfile") == ""


def test_files_by_hand_are_as_yamllint_wants_them() -> None:
    assert complaints(program("yamllint"), "--strict", ".", where=DEPLOY) == ""


@pytest.mark.timeout(120)
def test_checkov_finds_nothing_that_is_not_explained(programs: Tools, tmp_path: Path) -> None:
    checkov = program("checkov", beside=Path(sys.prefix) / "checkov")
    shutil.copy(ROOT / "Dockerfile", tmp_path)
    for values in ("everything", "quickstart"):
        file = CHART / "ci" / f"{values}.yaml"
        text = run(programs.helm, "template", "parley", str(CHART), "--namespace", "chat", "--values", str(file))
        (tmp_path / f"{values}.yaml").write_text(text)
    command = [
        checkov,
        "--config-file",
        str(DEPLOY / ".checkov.yaml"),
        "--directory",
        str(tmp_path),
        "--output",
        "json",
    ]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "LOG_LEVEL": "ERROR"})
    reports = {report["check_type"]: report for report in json.loads(done.stdout)}
    for report in reports.values():
        found = [(one["check_id"], one["check_name"], one["resource"]) for one in report["results"]["failed_checks"]]
        assert found == []
        assert report["summary"]["parsing_errors"] == 0
    assert reports["kubernetes"]["summary"]["passed"] > 500
    assert reports["dockerfile"]["summary"]["passed"] > 20
