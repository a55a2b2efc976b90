"""Running what installs or builds something: in a folder, with an end, and with a reason when it fails."""

import contextlib
import fcntl
import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

SECONDS = 300
# What the surroundings say to programs of ours is not meant for these.
_HIDDEN = ("NODE_OPTIONS", "NODE_ENV", "PYTHONPATH")


class NotInstalled(Exception):
    """Something that is needed cannot be had; `str()` says why."""


def run(command: Sequence[str], folder: Path) -> None:
    """Run it to its end.

    Raises:
        NotInstalled: it failed, or took more than five minutes.
    """
    environment = {name: value for name, value in os.environ.items() if name not in _HIDDEN}
    shown = " ".join([Path(command[0]).name, *command[1:3]])
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotInstalled(f"`{shown}` did not end well: {error}") from error
    if done.returncode != 0:
        reason = " ".join((done.stderr or done.stdout).split())[-800:]
        raise NotInstalled(f"`{shown}` ended with exit code {done.returncode}: {reason}")


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Only one process at a time works in a folder; it is made if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
