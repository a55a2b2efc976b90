"""What the system says about a process, by its number. From /proc where there is one (slim images have no `ps`)."""

import subprocess
from pathlib import Path

PROC = Path("/proc")


def born(pid: int) -> str:
    """When a process was started, in whatever words the system has for it; "" if it has ended."""
    if not (PROC / "self").exists():
        return _ps(pid, "lstart=")
    stat = _read(PROC / str(pid) / "stat")
    fields = stat.rpartition(")")[2].split()  # proc(5): the name before may hold anything
    if not fields or fields[0] == "Z":
        return ""
    return f"{_read(PROC / 'sys/kernel/random/boot_id').strip()} {fields[19]}"


def command(pid: int) -> str:
    """The command line of a process; "" if there is none of that number."""
    if not (PROC / "self").exists():
        return _ps(pid, "command=")
    return _read(PROC / str(pid) / "cmdline").replace("\0", " ").strip()


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _ps(pid: int, what: str) -> str:
    shown = subprocess.run(["ps", "-p", str(pid), "-o", what], capture_output=True, text=True, check=False)
    return shown.stdout.strip()
