"""The devstack as a person runs it: a process with a terminal's output, in a data directory of its own."""

import json
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import devstack
from devstack.leftovers import Record
from devstack.pids import born

HERE = Path(__file__).parent
ROOT = Path(devstack.__file__).parents[1]


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


class Running:
    """A devstack that was started."""

    def __init__(self, folder: Path, port: int, *arguments: str, **environment: str) -> None:
        self.folder, self.port = folder, port
        self.lines: list[str] = []
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "fake_platform.py"), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), "DATA_DIR": str(folder), "PORT": str(port), **environment},
            start_new_session=True,
        )
        self.pid = self._process.pid

    @property
    def url(self) -> str:
        """The gateway."""
        return f"http://127.0.0.1:{self.port}"

    def line(self, part: str) -> str:
        """Read on to the next line that has `part` in it."""
        assert self._process.stdout is not None
        for raw in self._process.stdout:
            self.lines.append(raw.rstrip("\n"))
            if part in raw:
                return self.lines[-1]
        raise AssertionError(f"{part!r} was not said:\n" + "\n".join(self.lines))

    def ready(self) -> "Running":
        """Wait for the last line of the start."""
        self.line("ready: ")
        return self

    def get(self, url: str | None = None) -> dict[str, Any]:
        """What a fake service answers, the gateway by default: its pid, arguments and environment."""
        with urllib.request.urlopen(url or self.url, timeout=5) as answer:
            body: dict[str, Any] = json.load(answer)
            return body

    def inner(self) -> dict[str, Any]:
        """The same of the service behind the gateway."""
        return self.get(self.get()["environment"]["INNER_URL"])

    def records(self) -> list[Record]:
        """What it says it runs."""
        return msgspec.json.decode((self.folder / "processes.json").read_bytes(), type=list[Record])

    def signal(self, number: int, *, group: bool = False) -> None:
        """Send a signal to it alone, or to its process group, as a terminal does."""
        if group:
            os.killpg(self.pid, number)
        else:
            os.kill(self.pid, number)

    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    def end(self) -> int:
        """Read to the end; returns the exit code."""
        rest, _ = self._process.communicate()
        self.lines += rest.splitlines()
        return self._process.returncode

    def left(self, records: list[Record]) -> list[str]:
        """What still runs: what was recorded, and all with the folder in its arguments, environment or directory."""
        living = [record.name for record in records if born(record.pid) == record.born]
        for process in Path("/proc").glob("[0-9]*"):
            try:
                told = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
                told += os.fsencode((process / "cwd").readlink())
            except OSError:
                continue
            if os.fsencode(self.folder) in told and process.name != str(os.getpid()):
                living.append(f"{process.name}: {told!r}")
        return living

    def discard(self) -> None:
        """End it whatever happened."""
        if self._process.stdout is not None and not self._process.stdout.closed:
            self._process.terminate()
            try:
                self._process.communicate(timeout=30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.communicate()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """`start("stubborn", RATE_LIMITS="off")`: a devstack; `folder` and `port` default to the test's own."""
    begun: list[Running] = []
    own_port = free_port()

    def begin(*arguments: str, folder: Path = tmp_path / "data", port: int = own_port, **environment: str) -> Running:
        begun.append(Running(folder, port, *arguments, **environment))
        return begun[-1]

    yield begin
    for running in reversed(begun):
        running.discard()
