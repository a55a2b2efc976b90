"""The web client: built once for each state of its sources, where there is Node.js; without it the platform runs too.

`python -m devstack.web` builds; `built()` is where the result is. Printed is one line, of what was done or why not.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "web"
BUILT = SOURCE / "dist"
STAMP = ".sources"
INPUTS = (
    *("package.json", "package-lock.json", "tsconfig.json", "vite.config.ts"),
    *("index.html", "docs.html", "public", "src"),
)
NODE = (20, 19)  # what Vite needs
SECONDS = 300


class NotBuilt(Exception):
    """There is no web client; `str()` says why."""


def built(folder: Path = BUILT) -> Path | None:
    """The folder with the built client, None if there is none."""
    return folder if (folder / "index.html").is_file() else None


def build(source: Path = SOURCE, folder: Path = BUILT) -> str:
    """Build the client unless it is there already. Returns what was done.

    Raises:
        NotBuilt: Node.js is missing or too old, the packages cannot be had, or the sources do not build.
    """
    digest = digest_of(source)
    stamp = folder / STAMP
    if stamp.is_file() and stamp.read_text() == digest:
        return "the web client is up to date"
    npm = find_npm()
    installed = source / "node_modules" / STAMP
    lock = hashlib.sha256((source / "package-lock.json").read_bytes()).hexdigest()
    if not installed.is_file() or installed.read_text() != lock:
        _run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], source)
        installed.write_text(lock)
    _run([npm, "run", "--silent", "build"], source)
    stamp.write_text(digest)
    return "the web client is built"


def digest_of(source: Path) -> str:
    """What changes when a source does."""
    digest = hashlib.sha256()
    for name in INPUTS:
        path = source / name
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                digest.update(f"{file.relative_to(source)}\0".encode() + file.read_bytes() + b"\0")
    return digest.hexdigest()


def find_npm() -> str:
    """The npm to use.

    Raises:
        NotBuilt: there is no Node.js that is new enough.
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise NotBuilt("Node.js with npm is not installed here")
    said = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=10, check=False).stdout
    version = re.match(r"v(\d+)\.(\d+)", said)
    if version is None or (int(version[1]), int(version[2])) < NODE:
        raise NotBuilt(f"Node.js {'.'.join(map(str, NODE))} or newer is needed, this is {said.strip() or 'none'}")
    return npm


def _run(command: list[str], folder: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in ("NODE_OPTIONS", "NODE_ENV")}
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotBuilt(f"`npm {command[1]}` did not end well: {error}") from error
    if done.returncode != 0:
        raise NotBuilt(f"`npm {command[1]}` failed: {' '.join((done.stderr or done.stdout).split())[-800:]}")


def main() -> int:
    """Build, and say so; without a client the platform runs, so only `--required` makes this fail."""
    try:
        print(build())
    except NotBuilt as reason:
        print(f"no web client: {reason}", file=sys.stderr)
        return 1 if "--required" in sys.argv[1:] else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
