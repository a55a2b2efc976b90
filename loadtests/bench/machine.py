"""The machine: which cores serve, which one makes the load, what can be measured."""

import os
import platform
import resource
import sys
from pathlib import Path

from .results import Machine, Skipped


class Cores:
    """One core for everything that serves, another one for the generator, if there are two.

    A server that shared its core with the generator would be measured in a cache that is never its own, and a
    generator without a core of its own would measure itself.
    """

    def __init__(self) -> None:
        cores = sorted(os.sched_getaffinity(0))
        two = len(cores) > 1
        self.server: int | None = cores[0] if two else None
        self.generator: int | None = cores[1] if two else None

    def take(self) -> None:
        """Put this process, and so all that it starts, on the servers' core."""
        if self.server is not None:
            os.sched_setaffinity(0, {self.server})

    def __str__(self) -> str:
        if self.server is None:
            return "one core for servers and generator: the CPU times include each other's cache misses"
        return f"servers on core {self.server}, generator on core {self.generator}"


def check() -> None:
    """Find out whether CPU time can be measured here.

    Raises:
        Skipped: this is no Linux, or /proc is not mounted.
    """
    if sys.platform != "linux":
        raise Skipped(f"the generator needs epoll, which {platform.system()} does not have")
    if not Path("/proc/self/stat").exists():
        raise Skipped("there is no /proc, from which CPU time is read")


def cpu_seconds(pid: int) -> float:
    """User and system time of all threads of a process so far, in ticks of the kernel (10 ms), proc(5)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def raise_file_limit() -> None:
    """Let this process and its children have as many sockets as the system allows."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def describe(cores: Cores) -> Machine:
    """This machine, now."""
    return Machine(
        system=f"{platform.system()} {platform.release()}",
        processor=_processor(),
        cores=os.cpu_count() or 1,
        python=platform.python_version(),
        pinned=str(cores),
        load_average=round(os.getloadavg()[0], 2),
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
