"""Runs the tests that pin Hypercorn's internals on every CPython at hand, each in its own virtual environment.

    python tests/pythons.py [arguments for pytest]

Interpreters are `python3.11` and later on the PATH, and those that PARLEY_PYTHONS names: interpreters, or folders with
some in `bin/` or in `*/bin/` (such as pyenv's `versions`), separated like a PATH. One of each minor version is used.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TESTS = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "tests/integration/chassis").glob("test_server_*.py"))
REQUIREMENTS = ROOT / "requirements" / "test.txt"
ENVIRONMENTS = ROOT / ".cache" / "pythons"
OLDEST = (3, 11)
NEWEST = 20  # minor versions looked for
PROBE = "import sys; print(sys.implementation.name, *sys.version_info[:3], sys.executable)"


def candidates() -> Iterator[str]:
    """Commands that may be interpreters; those named come first."""
    names = [f"python3.{minor}" for minor in range(OLDEST[1], NEWEST)]
    for entry in filter(None, os.environ.get("PARLEY_PYTHONS", "").split(os.pathsep)):
        path = Path(entry)
        if path.is_dir():
            for folder in [path / "bin", *sorted(path.glob("*/bin"))]:
                yield from (str(folder / name) for name in names if (folder / name).exists())
        else:
            yield entry
    yield from (found for name in names if (found := shutil.which(name)))
    yield sys.executable


def interpreters() -> dict[tuple[int, int], tuple[str, str]]:
    """By minor version: the full version and the path of the first candidate that is a CPython and works."""
    found: dict[tuple[int, int], tuple[str, str]] = {}
    for command in candidates():
        try:
            probed = subprocess.run([command, "-c", PROBE], capture_output=True, text=True, timeout=20, check=True)
            name, major, minor, micro, path = probed.stdout.strip().split(" ", 4)
        except (OSError, subprocess.SubprocessError, ValueError):
            continue  # e.g. a shim for a version that is not installed
        version = int(major), int(minor)
        if name == "cpython" and version >= OLDEST and version not in found:
            found[version] = f"{major}.{minor}.{micro}", path
    return dict(sorted(found.items()))


def environment(version: str, python: str) -> Path:
    """The interpreter of a virtual environment with what the tests need, made when it is not there."""
    stamp = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    folder = ENVIRONMENTS / version
    inside = folder / "bin" / "python"
    done = folder / "requirements.sha256"
    if not done.exists() or done.read_text() != stamp:
        say(f"making an environment for CPython {version} ...")
        subprocess.run([python, "-m", "venv", "--clear", str(folder)], check=True)
        pip = [str(inside), "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "-q"]
        subprocess.run([*pip, "--require-hashes", "--no-deps", "-r", str(REQUIREMENTS)], check=True)
        done.write_text(stamp)
    return inside


def say(line: str) -> None:
    """One line for the person at the terminal."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(arguments: list[str]) -> int:
    """Run them all; 1 if any failed."""
    failed = []
    for version, python in interpreters().values():
        command = [
            str(environment(version, python)),
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            *TESTS,
            *arguments,
        ]
        say(f"CPython {version}:")
        if subprocess.run(command, cwd=ROOT, check=False).returncode != 0:
            failed.append(version)
    say(f"failed on {', '.join(failed)}" if failed else "all passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
