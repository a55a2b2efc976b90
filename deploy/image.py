"""Build the image with what is here: docker, podman or buildah.

    python -m deploy.image TAG [--base IMAGE]

The same sources on the same base give the same files; with podman and buildah the same image.
"""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence

import msgspec

from devstack import web
from devstack.installers import NotInstalled

from .tools import ROOT

BUILDERS = ("docker", "podman", "buildah")
# Where the packages are looked for, if the person has said so for pip.
PASSED = ("PIP_INDEX_URL", "PIP_CERT")
CERTIFICATES = "/etc/ssl/certs"


class NoBuilder(Exception):
    """Nothing here can build an image; `str()` is one sentence for the person."""


class Source(msgspec.Struct, frozen=True):
    """What is built."""

    version: str
    revision: str
    epoch: int  # seconds; what every file is dated


def works(program: str) -> bool:
    """Whether a builder is here and can build: docker's client alone cannot."""
    if shutil.which(program) is None:
        return False
    done = subprocess.run([program, "info"], capture_output=True, check=False)  # noqa: S603  one of BUILDERS
    return done.returncode == 0


def choose(is_working: Callable[[str], bool] = works) -> str:
    """The first builder that works.

    Raises:
        NoBuilder: none does.
    """
    for program in BUILDERS:
        if is_working(program):
            return program
    raise NoBuilder("No image can be built here: neither docker (with its daemon) nor podman nor buildah is at hand.")


def source() -> Source:
    """This checkout: its version, its commit and when that was made; without git as of 1980, as archives are."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    version = project.split('\nversion = "')[1].partition('"')[0]
    command = ["git", "log", "-1", "--format=%H %ct"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    revision, epoch = done.stdout.split() if done.returncode == 0 else ("unknown", "315532800")
    return Source(version, revision, int(epoch))


def command(
    builder: str, tag: str, what: Source, *, base: str | None = None, environment: Mapping[str, str] = os.environ
) -> list[str]:
    """The command line that builds.

    Arguments:
        builder: one of BUILDERS.
        tag: the image's name.
        what: its labels and dates.
        base: instead of the Dockerfile's own base.
        environment: of which what pip needs to find packages is passed on.
    """
    arguments = {"VERSION": what.version, "REVISION": what.revision, "SOURCE_DATE_EPOCH": str(what.epoch)}
    if base is not None:
        arguments["BASE_IMAGE"] = base
    arguments |= {name: environment[name] for name in PASSED if environment.get(name)}
    words = [builder, "build", "--tag", tag]
    for name, value in arguments.items():
        words += ["--build-arg", f"{name}={value}"]
    if builder != "docker":
        words += ["--timestamp", str(what.epoch), "--format", "oci"]  # docker's holds a random host name
        if environment.get("PIP_CERT", "").startswith(CERTIFICATES):
            words += ["--volume", f"{CERTIFICATES}:{CERTIFICATES}:ro"]
    return [*words, "."]


def main(words: Sequence[str] | None = None) -> int:
    """The command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m deploy.image", description="Build the image.")
    parser.add_argument("tag")
    parser.add_argument("--base", help="instead of the Dockerfile's own; name it by digest for a release")
    given = parser.parse_args(words)
    try:
        builder = choose()
    except NoBuilder as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    try:
        print(web.build())  # noqa: T201
    except NotInstalled as error:
        print(f"The image is without the web client: {error}.")  # noqa: T201
    print(f"building {given.tag} with {builder}")  # noqa: T201
    return subprocess.run(command(builder, given.tag, source(), base=given.base), cwd=ROOT, check=False).returncode  # noqa: S603


if __name__ == "__main__":
    sys.exit(main())
