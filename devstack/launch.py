"""Start one program that ends with its parent: `python -I -S launch.py PARENT SIGNAL IDENTITY PROGRAM ARGUMENT...`.

A script for itself that imports next to nothing (20 ms), because what it does must be done in the new process, before
the program: asking the kernel for a signal at the parent's death, and giving up root. `preexec_fn` of subprocess would
do the same without a second interpreter, but runs Python code in a fork of a process that may have threads.

IDENTITY is how PostgreSQL, which refuses to be root, is run when we are:

- `same`: as we are. Everything but PostgreSQL as root.
- `plain:UID:GID`: as another user. Enough where that user can reach the program and the data.
- `ambient:UID:GID`: as another user who may pass every directory. A clone often lies below one that only root may
  enter (`mktemp -d`, a home). CAP_DAC_OVERRIDE is kept as an ambient capability, so that it outlives exec, in initdb's
  children too; SECBIT_NO_SETUID_FIXUP, because without it access(2), which PostgreSQL asks about its own files, ignores
  the capabilities of a real user other than root. Default containers (Docker, Podman, containerd) allow all of this.
- `userns:UID:GID`: in a user namespace where we are called UID: PostgreSQL sees that user, files see us. For sandboxes
  that know no ambient capabilities (gVisor) but let root make namespaces; and for a user without a name, as initdb
  insists on one.

With `--probe DIRECTORY PROGRAM` nothing is started; the exit code says whether DIRECTORY and PROGRAM could be used.
"""

import ctypes
import os
import signal
import struct
import sys

# linux/prctl.h, linux/capability.h, linux/securebits.h, linux/sched.h
PR_SET_PDEATHSIG = 1
PR_SET_SECUREBITS = 28
SECBIT_NO_SETUID_FIXUP = 1 << 2
PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 47, 2
CAP_DAC_OVERRIDE = 1
CAPABILITY_VERSION_3 = 0x20080522
CLONE_NEWUSER = 0x10000000

LIBC = ctypes.CDLL(None, use_errno=True)


def check(result: int) -> None:
    """Turn the -1 of a C function into OSError."""
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def become(uid: int, gid: int) -> None:
    """Be another user for good."""
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def become_with_passage(uid: int, gid: int) -> None:
    """Be another user whom no directory stops."""
    check(LIBC.prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0))
    become(uid, gid)
    mask = 1 << CAP_DAC_OVERRIDE
    header = struct.pack("=Ii", CAPABILITY_VERSION_3, 0)
    check(LIBC.capset(header, struct.pack("=IIIIII", mask, mask, mask, 0, 0, 0)))  # effective, permitted, inheritable
    check(LIBC.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0))


def rename(uid: int, gid: int) -> None:
    """Be in a user namespace that knows one user, ourselves, by another number."""
    own_uid, own_gid = os.geteuid(), os.getegid()
    check(LIBC.unshare(CLONE_NEWUSER))
    for name, line in (("setgroups", "deny"), ("uid_map", f"{uid} {own_uid} 1"), ("gid_map", f"{gid} {own_gid} 1")):
        with open(f"/proc/self/{name}", "w") as file:  # noqa: PTH123  pathlib takes longer to import than all else
            file.write(line)


def main(arguments: list[str]) -> int:
    """Become what is asked for, then the program; returns only if that fails or for a probe."""
    parent, number, identity, *command = arguments
    how, *ids = identity.split(":")
    try:
        if how != "same":
            change = {"plain": become, "ambient": become_with_passage, "userns": rename}[how]
            change(int(ids[0]), int(ids[1]))
        if command[0] == "--probe":
            os.listdir(command[1])  # noqa: PTH208
            usable = os.access(command[1], os.R_OK | os.W_OK | os.X_OK) and os.access(command[2], os.R_OK | os.X_OK)
            return 0 if usable else 1
        if sys.platform == "linux":  # after the change of user, which would clear it
            check(LIBC.prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0))
        if os.getppid() != int(parent):  # it died before we asked
            return 1
        # Python ignores these two, and what is ignored stays so across exec.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.execv(command[0], command)  # noqa: S606
    except OSError as error:
        print(f"{command[0]} could not be started ({identity}): {error.strerror}", file=sys.stderr)
    return 127


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
