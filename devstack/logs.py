"""The logs of what is started: one file each, a new one at each start of the platform."""

from pathlib import Path


def begin(log: Path) -> Path:
    """Keep the last run's log as NAME.log.1 and begin a new one. So no log grows for longer than one run.

    Returns:
        the log.
    """
    if log.exists() and log.stat().st_size > 0:
        log.replace(log.with_name(log.name + ".1"))
    return log
