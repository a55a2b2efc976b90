"""Node.js where there is one: of the machine, or from a wheel in the virtual environment; and its packages."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from .installers import NotInstalled, run

_TITLES = {"node": "Node.js", "npm": "npm, Node's package manager,"}
# A registry that does not answer is soon given up: whoever needs packages can do without.
_WORDS = (
    *("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"),
    *("--fetch-retries=1", "--fetch-timeout=20000"),
)


def find(program: str) -> str:
    """The path of `node` or `npm`.

    Raises:
        NotInstalled: there is none.
    """
    beside = Path(sys.executable).with_name(program)  # from a wheel, in an environment that is not active
    path = shutil.which(program) or (str(beside) if beside.exists() else None)
    if path is None:
        raise NotInstalled(f"{_TITLES[program]} is not installed here")
    return path


def check_version(oldest: tuple[int, int]) -> None:
    """
    Raises:
        NotInstalled: there is no Node.js, or it is older.
    """
    command = [find("node"), "--version"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False).stdout
    version = re.match(r"v(\d+)\.(\d+)", said)
    if version is None or (int(version[1]), int(version[2])) < oldest:
        raise NotInstalled(f"Node.js {'.'.join(map(str, oldest))} or newer is needed, this is {said.strip() or 'none'}")


def install(folder: Path) -> None:
    """Install what the lock file of a folder names, in place of what was installed before.

    Raises:
        NotInstalled: there is no npm, or the packages cannot be had.
    """
    run([find("npm"), "ci", *_WORDS], folder)
