"""Passwords of engines and roles: one random secret in the data directory, the rest derived from it.

Other users of the machine reach the engines' ports as well as we do; they do not know the secret.
"""

import contextlib
import hashlib
import hmac
import os
import secrets
from pathlib import Path

from devstack.errors import DevstackError


def read_or_create_secret(file: Path) -> str:
    """The data directory's secret, readable by its owner only.

    Raises:
        DevstackError: if the file is there and empty.
    """
    with contextlib.suppress(FileExistsError):
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as opened:
            opened.write(secrets.token_urlsafe(32) + "\n")
    secret = file.read_text().strip()
    if not secret:
        raise DevstackError(f"{file} is empty: remove {file.parent} to begin anew.")
    return secret


def derive(secret: str, label: str) -> str:
    """The password for one use.

    Derived and not stored: there is one secret to keep, and whoever has it comes to the same passwords.

    Arguments:
        secret: what it is derived from.
        label: the use, such as `role:chat`.
    """
    return hmac.new(secret.encode(), f"parley:{label}".encode(), hashlib.sha256).hexdigest()[:40]
