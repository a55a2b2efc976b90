"""Installing the peers into `.cache/peers`, once per version of what is pinned here. Nothing of ours needs them.

Tests install the JavaScript client of Socket.IO in the same way.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from loadtests.bench.results import Skipped

HERE = Path(__file__).parent
CACHE = Path(__file__).parents[2] / ".cache" / "peers"
INSTALL_SECONDS = 300
INSTALLED = ".installed"
# A registry that does not answer is soon given up: the peers, and the tests, can do without.
NPM_WORDS = ["--no-audit", "--no-fund", "--loglevel=error", "--fetch-retries=1", "--fetch-timeout=20000"]


def node_program(source: Path = HERE / "socketio", cache: Path = CACHE, program: str = "server.js") -> tuple[str, ...]:
    """The command that runs a program of a folder with the packages of its lock file.

    Raises:
        Skipped: there is no Node or no npm, or the packages cannot be had.
    """
    node, npm = _found("node", "Node.js"), _found("npm", "npm, Node's package manager")
    files = [source / name for name in ("package.json", "package-lock.json", program)]
    folder = cache / f"{source.name}-{digest(files)}"
    with _alone(cache):
        if not (folder / INSTALLED).exists():
            _emptied(folder)
            for file in files:
                shutil.copy(file, folder)
            _run([npm, "ci", "--ignore-scripts", *NPM_WORDS], folder)
            (folder / INSTALLED).touch()
    return (node, str(folder / program))


def python_program(application: str, source: Path = HERE, cache: Path = CACHE) -> tuple[str, ...]:
    """The command that serves an ASGI application with uvicorn, in the environment of `requirements.txt`.

    Host and port come from UVICORN_HOST and UVICORN_PORT.

    Arguments:
        application: module and name, as uvicorn takes them; the module is a file in `source`.

    Raises:
        Skipped: no environment can be made, or the packages cannot be had.
    """
    requirements = source / "requirements.txt"
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    folder = cache / f"python-{version}-{digest([requirements])}"
    python = folder / "bin" / "python"
    if not (folder / INSTALLED).exists():
        _emptied(folder)
        _run([sys.executable, "-m", "venv", str(folder)], cache)
        words = ["--disable-pip-version-check", "--no-input", "-q", "--no-deps", "--require-hashes"]
        _run([str(python), "-m", "pip", "install", *words, "-r", str(requirements)], cache)
        (folder / INSTALLED).touch()
    words = ["-I", "-m", "uvicorn", application, "--app-dir", str(source), "--log-level", "warning", "--no-access-log"]
    return (str(python), *words)


def digest(files: Sequence[Path]) -> str:
    """What changes when one of these files does."""
    digest = hashlib.sha256()
    for file in files:
        content = file.read_bytes()
        digest.update(b"%d:" % len(content) + content)
    return digest.hexdigest()[:16]


def _found(program: str, title: str) -> str:
    beside = Path(sys.executable).with_name(program)  # from a wheel, in a virtual environment that is not active
    path = shutil.which(program) or (str(beside) if beside.exists() else None)
    if path is None:
        raise Skipped(f"{title} is not installed here")
    return path


@contextlib.contextmanager
def _alone(cache: Path) -> Iterator[None]:
    """Only one process installs at a time."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _emptied(folder: Path) -> None:
    """Make it anew: what an interrupted installation left is worth nothing."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def _run(command: Sequence[str], folder: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "NODE_OPTIONS")}
    shown = " ".join([Path(command[0]).name, *command[1:3]])
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Skipped(f"`{shown}` did not end well: {error}") from error
    if done.returncode != 0:
        reason = " ".join((done.stderr or done.stdout).split())[-500:]
        raise Skipped(f"`{shown}` ended with exit code {done.returncode}: {reason}")
