"""As whom PostgreSQL runs, which refuses to be root.

When we are root, the first of these that works is taken, the least power first: another user, another user who may
pass every directory, a user namespace. `launch.py` says how each works and where it is needed. No user is created and
nothing is copied: a copy of the programs and the cluster in a place that everybody can reach would be a second truth
beside the data directory. Where none works (a container whose root has lost CAP_SETUID), one sentence says so.
"""

import os
import pwd
import subprocess
import sys
from pathlib import Path

import msgspec

from devstack.errors import DevstackError

LAUNCH = Path(__file__).with_name("launch.py")
PROBE_SECONDS = 10


class Identity(msgspec.Struct, frozen=True):
    """How a process is started, in the words of `launch.py`, and who then owns its files."""

    words: str = "same"
    uid: int = -1
    gid: int = -1

    def own(self, folder: Path) -> None:
        """Give a folder and all in it to this identity, if it is not yet theirs.

        Raises:
            OSError: if that is not allowed.
        """
        if self.uid == -1 or folder.stat().st_uid == self.uid:
            return
        for path in folder.rglob("*"):
            os.lchown(path, self.uid, self.gid)
        os.chown(folder, self.uid, self.gid)  # last: it is the mark that the rest is done

    def own_file(self, file: Path) -> None:
        """Give one file to this identity.

        Raises:
            OSError: if that is not allowed.
        """
        if self.uid != -1:
            os.chown(file, self.uid, self.gid)


def _nobody() -> tuple[int, int]:
    """A user other than root who has a name, which initdb wants of whoever runs it."""
    entries = pwd.getpwall()
    named = [entry for entry in entries if entry.pw_name == "nobody"] or [entry for entry in entries if entry.pw_uid]
    return (named[0].pw_uid, named[0].pw_gid) if named else (65534, 65534)


def has_name(uid: int) -> bool:
    """Whether a user is in the list of users."""
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def works(identity: Identity, folder: Path, program: Path) -> bool:
    """Whether a process of that identity can use both; the folder is given to it."""
    command = [sys.executable, "-I", "-S", str(LAUNCH), str(os.getpid()), "0", identity.words]
    try:
        identity.own(folder)
        probe = subprocess.run(
            [*command, "--probe", str(folder), str(program)], capture_output=True, timeout=PROBE_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return probe.returncode == 0


def choose(folder: Path, program: Path) -> Identity:
    """The identity that may use both; the folder is given to it.

    Arguments:
        folder: where the data will lie; it exists.
        program: what will be run.

    Raises:
        DevstackError: if we are root and cannot be anybody else.
    """
    uid, gid = _nobody()
    if os.geteuid() != 0:
        if sys.platform == "linux" and not has_name(os.geteuid()):  # `docker run --user 1234`
            named = Identity(f"userns:{uid}:{gid}")
            if works(named, folder, program):
                return named
        return Identity()
    candidates = [Identity(f"plain:{uid}:{gid}", uid, gid)]
    if sys.platform == "linux":
        candidates.append(Identity(f"ambient:{uid}:{gid}", uid, gid))
        candidates.append(Identity(f"userns:{uid}:{gid}", 0, 0))
    for candidate in candidates:
        if works(candidate, folder, program):
            return candidate
    raise DevstackError(
        "PostgreSQL does not run as root, and here root may not become another user who can reach "
        f"{folder} and {program.parent}: run this as an ordinary user, or set POSTGRES_URL to a server of your own."
    )
