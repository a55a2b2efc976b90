"""The web client's own checks, run by Node.js: its types, the protocol's rules, and its size."""

import gzip
import os
import re
import subprocess
from pathlib import Path

import pytest

from devstack import node, web
from devstack.installers import NotInstalled
from tests.web import types

MAX_SCRIPT_BYTES = 120 * 1024  # gzipped: what a phone has to fetch before it shows anything


@pytest.fixture(scope="module")
def built() -> Path:
    """The built client."""
    try:
        web.build()
    except NotInstalled as reason:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"no web client: {reason}")
    return web.BUILT


def run(*words: str) -> str:
    """What an npm script says; it must end well."""
    done = subprocess.run(
        [node.find("npm"), "run", "--silent", *words], cwd=web.SOURCE, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.timeout(400)
def test_the_protocol_part_keeps_the_rules(built: Path) -> None:
    said = run("test")
    assert "passed" in said


def test_the_protocol_part_knows_no_user_interface() -> None:
    for file in (web.SOURCE / "src" / "client").glob("*.ts"):
        text = file.read_text()
        assert 'from "react' not in text, file
        assert "../ui" not in text, file


def test_the_client_is_small(built: Path) -> None:
    named = re.findall(r'(?:src|href)="/(assets/[^"]+\.js)"', (built / "index.html").read_text())
    scripts = {built / name for name in named}
    assert scripts
    for script in scripts:  # and none of them fetches another later
        assert not re.search(r"\bimport\(", script.read_text()), script
    assert sum(len(gzip.compress(script.read_bytes(), 9)) for script in scripts) <= MAX_SCRIPT_BYTES


def test_types_are_those_of_the_documents(built: Path) -> None:
    assert types.written() == types.GENERATED.read_text(), "run `python -m tests.web.types`"


def test_no_token_is_kept_where_scripts_of_others_could_read_it() -> None:
    for file in (web.SOURCE / "src").rglob("*.ts*"):
        for line in file.read_text().splitlines():
            assert "sessionStorage" not in line or "KEY" in line, file  # a PKCE verifier on its way, and nothing else
            assert "localStorage" not in line or "KEY" in line, file  # the theme, and nothing else


def test_the_lock_file_names_no_registry() -> None:
    assert "resolved" not in (web.SOURCE / "package-lock.json").read_text()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Sources that are not the client's."""
    for name in web.INPUTS:
        (tmp_path / name).write_text("")
    return tmp_path


def test_a_change_of_any_source_is_noticed(source: Path) -> None:
    before = web.digest_of(source)
    assert web.digest_of(source) == before
    (source / "index.html").write_text("other")
    assert web.digest_of(source) != before


def test_without_node_there_is_a_reason_and_no_client(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(source))
    monkeypatch.setattr("sys.executable", str(source / "python"))  # beside which a wheel of Node.js would be
    with pytest.raises(NotInstalled, match=r"Node\.js is not installed here"):
        web.build(source, source / "dist")
    assert web.built(source / "dist") is None
