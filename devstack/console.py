"""What the person at the terminal reads."""

import sys
from urllib.parse import urlsplit


def silent(line: str) -> None:
    """Say nothing."""


def say(line: str) -> None:
    """Print one line, at once. A terminal that has gone away stops nothing."""
    try:
        print(line, flush=True)
    except OSError:
        sys.stdout = None


def shown(url: str) -> str:
    """A URL without its password, user and query."""
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{place}"
