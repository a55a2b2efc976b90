"""The peers: what is pinned, how they are installed or said to be missing, and how they are set beside ours."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from loadtests.bench.comparison import compared, comparison_lines
from loadtests.bench.peer_rows import LOADS, PEER_ROWS, PEERS, side_by_side
from loadtests.bench.results import Line, Skipped
from loadtests.bench.rows import ROWS
from loadtests.peers import installing

HERE = Path(installing.__file__).parent


def line(row: str, cpu: float, idle: float | None = None) -> Line:
    """A measured line."""
    return Line(
        row=row,
        what=row,
        process="p",
        seconds=5,
        sockets=200,
        messages_per_s=100,
        deliveries_per_s=20_000,
        cpu_percent=50,
        cpu_us_per_delivery=cpu,
        cpu_us_per_message=cpu * 200,
        latency_mean_ms=1,
        latency_p50_ms=1,
        latency_p99_ms=2,
        latency_max_ms=3,
        idle_kib_per_socket=idle,
    )


def test_each_peer_runs_right_after_our_row_with_the_same_load() -> None:
    rows = list(side_by_side(ROWS))

    for load in LOADS:
        after = [f"{peer.name}-{load}" for peer in PEERS if load in peer.loads]
        start = rows.index(load) + 1
        assert rows[start : start + len(after)] == after
    assert set(rows) == {*ROWS, *PEER_ROWS}


def test_every_load_of_the_peers_is_one_of_ours() -> None:
    assert set(LOADS) <= set(ROWS)
    assert all(set(peer.loads) <= set(LOADS) for peer in PEERS)


def test_the_ratio_is_theirs_by_ours() -> None:
    ours, theirs = compared([line("room-w16", 2.0, 5.0), line("socketio-room-w16", 15.0, 60.0)])

    assert (ours.server, ours.cpu_ratio, ours.idle_ratio) == ("parley", 1.0, 1.0)
    assert (theirs.server, theirs.cpu_ratio, theirs.idle_ratio) == ("socketio", 7.5, 12.0)


def test_a_peer_without_our_row_has_no_ratio() -> None:
    (alone,) = compared([line("channels-pairs", 300.0)])

    assert alone.cpu_ratio is None
    assert alone.idle_ratio is None


def test_the_comparison_is_shown_with_what_each_peer_is() -> None:
    shown = "\n".join(comparison_lines(compared([line("room-w16", 2.0), line("socketio-room-w16", 15.0)])))

    assert re.search(r"socketio +15\.00 +3000\.0 +7\.5", shown)
    assert "Socket.IO (Node) + Redis adapter + Postgres" in shown
    assert "Django" not in shown


def test_without_a_peer_there_is_no_comparison() -> None:
    assert comparison_lines(compared([line("room-w16", 2.0)])) == []


def test_without_node_a_peer_is_missing_with_a_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)

    with pytest.raises(Skipped, match=r"Node\.js is not installed"):
        installing.node_program(cache=tmp_path)


def test_what_the_installer_says_is_the_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho no network here >&2\nexit 7\n")
    npm.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda name: str(npm))

    with pytest.raises(Skipped, match="`npm ci --ignore-scripts` ended with exit code 7: no network here"):
        installing.node_program(cache=tmp_path / "cache")


def test_packages_are_installed_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    npm = tmp_path / "npm"
    npm.write_text(f"#!/bin/sh\necho ran >> {tmp_path}/runs\n")
    npm.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda name: str(npm))

    first = installing.node_program(cache=tmp_path / "cache")
    second = installing.node_program(cache=tmp_path / "cache")

    assert first == second
    assert Path(first[1]).read_bytes() == (HERE / "socketio" / "server.js").read_bytes()
    assert (tmp_path / "runs").read_text() == "ran\n"


def test_an_interrupted_installation_is_made_anew(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\n[ ! -e half ]\n")
    npm.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda name: str(npm))
    folder = Path(installing.node_program(cache=tmp_path / "cache")[1]).parent
    (folder / installing.INSTALLED).unlink()
    (folder / "half").touch()

    installing.node_program(cache=tmp_path / "cache")

    assert (folder / installing.INSTALLED).exists()


def test_the_digest_follows_the_content(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_text("ab")
    other.write_text("c")
    before = installing.digest([one, other])
    one.write_text("a")
    other.write_text("bc")

    assert installing.digest([one, other]) != before


def locked() -> dict[str, dict[str, Any]]:
    """The packages of the lock file by their place."""
    packages: dict[str, dict[str, Any]] = json.loads((HERE / "socketio" / "package-lock.json").read_text())["packages"]
    return packages


def test_npm_packages_are_locked_with_hashes_and_without_addresses() -> None:
    for place, package in locked().items():
        assert "resolved" not in package
        assert place == "" or package["integrity"].startswith("sha512-")


def test_npm_packages_are_the_ones_that_were_asked_for() -> None:
    wanted = json.loads((HERE / "socketio" / "package.json").read_text())["dependencies"]

    assert {name: locked()[f"node_modules/{name}"]["version"] for name in wanted} == wanted


def test_python_packages_are_locked_with_hashes_and_without_addresses() -> None:
    text = (HERE / "requirements.txt").read_text()
    entries = re.split(r"\n(?=\S)", text.strip())

    assert "://" not in text
    assert "index-url" not in text
    assert all(re.match(r"[\w.-]+==\S+", entry) and "--hash=sha256:" in entry for entry in entries)
    for wanted in (HERE / "requirements.in").read_text().split():
        name, _, version = wanted.partition("==")
        name = name.partition("[")[0].partition("~")[0]
        assert any(entry.startswith(f"{name}=={version}") for entry in entries), wanted
