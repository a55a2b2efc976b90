"""Installing the peers into `.cache/peers`, once per version of what is pinned here. Nothing of ours needs them.

Tests install the JavaScript client of Socket.IO in the same way.
"""

import contextlib
import hashlib
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from devstack import node
from devstack.installers import NotInstalled, alone, run
from loadtests.bench.results import Skipped

HERE = Path(__file__).parent
CACHE = Path(__file__).parents[2] / ".cache" / "peers"
INSTALLED = ".installed"


def node_program(source: Path = HERE / "socketio", cache: Path = CACHE, program: str = "server.js") -> tuple[str, ...]:
    """The command that runs a program of a folder with the packages of its lock file.

    Raises:
        Skipped: there is no Node or no npm, or the packages cannot be had.
    """
    files = [source / name for name in ("package.json", "package-lock.json", program)]
    folder = cache / f"{source.name}-{digest(files)}"
    with _reasons(), alone(cache):
        command = node.find("node")
        if not (folder / INSTALLED).exists():
            _emptied(folder)
            for file in files:
                shutil.copy(file, folder)
            node.install(folder)
            (folder / INSTALLED).touch()
    return (command, str(folder / program))


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
    with _reasons(), alone(cache):
        if not (folder / INSTALLED).exists():
            _emptied(folder)
            run([sys.executable, "-m", "venv", str(folder)], cache)
            words = ["--disable-pip-version-check", "--no-input", "-q", "--no-deps", "--require-hashes"]
            run([str(python), "-m", "pip", "install", *words, "-r", str(requirements)], cache)
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


@contextlib.contextmanager
def _reasons() -> Iterator[None]:
    """What cannot be installed is a peer that is left out."""
    try:
        yield
    except NotInstalled as reason:
        raise Skipped(str(reason)) from reason


def _emptied(folder: Path) -> None:
    """Make it anew: what an interrupted installation left is worth nothing."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
