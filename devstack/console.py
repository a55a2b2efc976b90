"""What the person at the terminal reads."""

import os
import sys
from urllib.parse import urlsplit


def silent(line: str) -> None:
    """Say nothing."""


def say(line: str) -> None:
    """Print one line, at once. A terminal that has gone away stops nothing."""
    try:
        print(line, flush=True)
    except OSError:
        _forget(sys.stdout.fileno())


def complain(text: str) -> None:
    """The same on the error output."""
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        _forget(sys.stderr.fileno())


def _forget(descriptor: int) -> None:
    """Write to nowhere from now on, so that the interpreter's flush at the end does not fail either."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


def shown(url: str) -> str:
    """A URL without its password, user and query."""
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{place}"
