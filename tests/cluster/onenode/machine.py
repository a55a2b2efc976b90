"""What a machine must have, and namespaces in which a cluster leaves no trace.

Network, mounts and processes are in namespaces: the kernel ends and removes all of it with the first process. What is
left are empty control groups and a folder, which `run` removes.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

CGROUPS = Path("/sys/fs/cgroup")
PROGRAMS = ("unshare", "ip", "iptables", "mount", "containerd", "ctr", "runc", "conntrack")
# Debian's, and that of everybody else.
PLUGIN_FOLDERS = (Path("/usr/lib/cni"), Path("/opt/cni/bin"))
PLUGINS = ("ptp", "host-local", "portmap", "loopback")
# Folders of the machine that programs of a cluster insist on; inside, each is empty.
HIDDEN = ("/run", "/var/log", "/var/lib/cni", "/var/lib/kubelet", "/etc/cni")
INSIDE = "PARLEY_CLUSTER_FOLDER"
NODE_ADDRESS = "10.90.0.1"
GROUPS_SECONDS = 10.0
# A group weighs as much as one process beside it; all pods together are to weigh as much as ten.
WEIGHTS = {"cpu.shares": "10240", "cpu.weight": "1000"}


class Wanted(msgspec.Struct):
    """Arguments:
    command: to run beside the cluster; none: a shell.
    images: archives by the name of their image.
    keep: logs of the cluster's programs go there.
    """

    command: list[str]
    images: dict[str, str]
    keep: str | None


def reasons_against() -> list[str]:
    """Why no cluster can be made here; empty if one can."""
    found = []
    if sys.platform != "linux":
        return ["this is not Linux"]
    if os.geteuid() != 0:
        found.append("it takes root, for namespaces and control groups")
    if missing := [name for name in PROGRAMS if shutil.which(name) is None]:
        found.append(f"{', '.join(missing)} missing")
    if plugin_folder() is None:
        found.append("no CNI plugins (Debian's containernetworking-plugins)")
    if not all(os.access(folder, os.W_OK) for folder in _hierarchies()):
        found.append("control groups cannot be written")
    return found


def plugin_folder() -> Path | None:
    """Where the CNI plugins are."""
    return next((folder for folder in PLUGIN_FOLDERS if all((folder / name).exists() for name in PLUGINS)), None)


def _hierarchies() -> list[Path]:
    """The roots of control groups: one of version 2, or one for each controller of version 1 and one beside them."""
    if (CGROUPS / "cgroup.controllers").exists():
        return [CGROUPS]
    return sorted(path for path in CGROUPS.iterdir() if path.is_dir() and not path.is_symlink())


def run(module: str, words: Sequence[str]) -> int:
    """Run a Python module as the first process of new namespaces; returns its exit code.

    Arguments:
        module: it finds a folder for its files in the environment, as INSIDE, and may make control groups of its name.
        words: its arguments.
    """
    folder = Path(tempfile.mkdtemp(prefix="pcl-"))
    folder.chmod(0o755)
    spaces = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--"]
    try:
        command = [*spaces, sys.executable, "-m", module, *words]
        return subprocess.run(command, env={**os.environ, INSIDE: str(folder)}, check=False).returncode
    finally:
        remove_groups(folder.name)
        shutil.rmtree(folder, ignore_errors=True)


def make_groups(name: str) -> None:
    """A control group of this name in every hierarchy."""
    for hierarchy in _hierarchies():
        group = hierarchy / name
        group.mkdir(exist_ok=True)
        for setting in ("cpuset.cpus", "cpuset.mems"):  # of version 1: empty, and nothing can run in it
            if (group / setting).exists():
                (group / setting).write_text((hierarchy / setting).read_text())
        for setting, value in WEIGHTS.items():
            if (group / setting).exists():
                (group / setting).write_text(value)


def remove_groups(name: str) -> None:
    """Remove the control groups of this name and all below them; their processes have gone or are going."""
    give_up = time.monotonic() + GROUPS_SECONDS
    for hierarchy in _hierarchies():
        for folder, _, _ in os.walk(hierarchy / name, topdown=False):
            while True:
                try:
                    os.rmdir(folder)
                    break
                except OSError:
                    if time.monotonic() > give_up:
                        raise
                    time.sleep(0.05)


def hide() -> None:
    """Give these namespaces mounts and a network of their own."""
    _do("mount", "--make-rshared", "/")
    for path in HIDDEN:
        Path(path).mkdir(parents=True, exist_ok=True)
        _do("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", path)
    Path("/run/netns").mkdir()
    _do("ip", "link", "set", "lo", "up")
    _do("ip", "link", "add", "parley0", "type", "veth", "peer", "name", "parley1")  # leads nowhere
    _do("ip", "address", "add", f"{NODE_ADDRESS}/32", "dev", "parley0")
    for name in ("parley0", "parley1"):
        _do("ip", "link", "set", name, "up")
    _do("ip", "route", "add", "default", "dev", "parley0")  # addresses of Services need some route to be translated
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


def _do(*words: str) -> None:
    subprocess.run(words, check=True)


def become_first(main: Callable[[], int]) -> int:
    """Run `main` in a child, as the first process of a namespace, which must collect everybody's dead children."""
    child = os.fork()
    if child == 0:
        os._exit(_code(main))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: os.kill(child, number))
    while True:
        pid, status = os.wait()
        if pid == child:
            return os.waitstatus_to_exitcode(status)


def _code(main: Callable[[], int]) -> int:
    try:
        return main()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 1
    except KeyboardInterrupt:
        return 130
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
