"""The browser to test with: named by CHROMIUM, found on the PATH, or, in CI, installed from Debian's packages."""

import os
import shutil
import subprocess

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
INSTALL_SECONDS = 600


class Missing(Exception):
    """There is no browser; `str()` says why."""


def find() -> str:
    """The path of a Chromium.

    Raises:
        Missing: there is none here, and none can be had.
    """
    named = os.environ.get("CHROMIUM")
    found = named or next((path for name in NAMES if (path := shutil.which(name)) is not None), None)
    if found is not None:
        return found
    if os.environ.get("CI") != "true":
        raise Missing("no Chromium is installed here; name one by CHROMIUM")
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise Missing("no Chromium is installed here, and it cannot be installed without root and apt-get")
    for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "chromium"]):
        done = subprocess.run(
            command,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            capture_output=True,
            text=True,
            timeout=INSTALL_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise Missing(f"`{' '.join(command[:2])}` failed: {' '.join(done.stderr.split())[-400:]}")
    found = shutil.which("chromium")
    if found is None:
        raise Missing("Debian's package has no `chromium`")
    return found
