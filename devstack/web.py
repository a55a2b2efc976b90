"""The web client: built once for each state of its sources, where there is Node.js; without it the platform runs too.

`python -m devstack.web` builds; `built()` is where the result is. Printed is one line, of what was done or why not.
"""

import hashlib
import sys
from pathlib import Path

from . import node
from .installers import NotInstalled, alone, run

SOURCE = Path(__file__).parents[1] / "web"
BUILT = SOURCE / "dist"
STAMP = ".sources"
INPUTS = (
    *("package.json", "package-lock.json", "tsconfig.json", "vite.config.ts"),
    *("index.html", "docs.html", "public", "src"),
)
NODE = (20, 19)  # what Vite needs
LOCK = Path(__file__).parents[1] / ".cache" / "web"


def built(folder: Path = BUILT) -> Path | None:
    """The folder with the built client, None if there is none."""
    return folder if (folder / "index.html").is_file() else None


def build(source: Path = SOURCE, folder: Path = BUILT) -> str:
    """Build the client unless it is there already. Returns what was done.

    Raises:
        NotInstalled: Node.js is missing or too old, the packages cannot be had, or the sources do not build.
    """
    digest = digest_of(source)
    stamp = folder / STAMP
    with alone(LOCK):
        if stamp.is_file() and stamp.read_text() == digest:
            return "the web client is up to date"
        _install(source)
        run([node.find("npm"), "run", "--silent", "build"], source)
        stamp.write_text(digest)
    return "the web client is built"


def install(source: Path = SOURCE) -> None:
    """Install the packages that the client is built with, unless they are there already.

    Raises:
        NotInstalled: Node.js is missing or too old, or the packages cannot be had.
    """
    with alone(LOCK):
        _install(source)


def _install(source: Path) -> None:
    node.check_version(NODE)
    installed = source / "node_modules" / STAMP
    lock = hashlib.sha256((source / "package-lock.json").read_bytes()).hexdigest()
    if not installed.is_file() or installed.read_text() != lock:
        node.install(source)
        installed.write_text(lock)


def digest_of(source: Path) -> str:
    """What changes when a source does."""
    digest = hashlib.sha256()
    for name in INPUTS:
        path = source / name
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                digest.update(f"{file.relative_to(source)}\0".encode() + file.read_bytes() + b"\0")
    return digest.hexdigest()


def main() -> int:
    """Build, and say so; without a client the platform runs, so only `--required` makes this fail."""
    try:
        print(build())
    except NotInstalled as reason:
        print(f"no web client: {reason}", file=sys.stderr)
        return 1 if "--required" in sys.argv[1:] else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
