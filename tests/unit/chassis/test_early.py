"""A process that is told to end while it is still importing does so, even as the first of a container."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from chassis.early import TERMINATED

PROGRAMS = (
    "auth_service",
    "profile_service",
    "chat_service",
    "gateway_service",
    "notification_service",
    "chassis.migrations",
)
# In the place of a library that all of them import: an import that takes for ever.
SLOW_LIBRARY = "import time\nprint('importing', flush=True)\ntime.sleep(60)\n"


@pytest.fixture
def importing(tmp_path: Path) -> Iterator[dict[str, str]]:
    """An environment in which imports do not end."""
    for name in ("msgspec", "asyncpg"):
        (tmp_path / f"{name}.py").write_text(SLOW_LIBRARY)
    yield {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_ends_while_it_imports(program: str, importing: dict[str, str]) -> None:
    with subprocess.Popen([sys.executable, "-m", program], stdout=subprocess.PIPE, env=importing) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"importing\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == TERMINATED


def test_the_first_process_of_a_container_ends_while_it_imports(importing: dict[str, str]) -> None:
    if shutil.which("unshare") is None or subprocess.run(["unshare", "--pid", "--fork", "true"]).returncode:
        pytest.skip("no process namespace can be made here")
    inside = ["unshare", "--pid", "--fork", "--kill-child", sys.executable, "-m", "chat_service"]
    with subprocess.Popen(inside, stdout=subprocess.PIPE, env=importing) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"importing\n"
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(children[0]), signal.SIGTERM)
        assert process.wait(timeout=30) == TERMINATED


def test_the_check_ends_when_it_is_told_to() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        trying = [sys.executable, "-m", "parley_client.check", url, "60"]
        with subprocess.Popen(trying) as process, server.accept()[0]:  # it waits for an answer, a minute long
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=30) == TERMINATED
