"""Images and containers with buildah, podman and mmdebstrap (Debian's packages), in a storage of our own.

The container's network is the host's; everything else is as in a pod of the chart: read-only root, no capabilities, no
new privileges, a user that is not root, a limit of memory.
"""

import asyncio
import os
import resource
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from ..image import command, source
from ..tools import ROOT

PROGRAMS = ("buildah", "podman", "mmdebstrap", "runc")
SUITE = "bookworm"
PACKAGES = "python3-minimal,python3-venv,ca-certificates"
BASE, TAG = "localhost/parley-base:check", "localhost/parley:check"


class NotHere(Exception):
    """This machine cannot be used for the check; `str()` says why."""


class CheckFailed(Exception):
    """The image, or a service in it, does not do what it should; `str()` says what."""


class Limits(msgspec.Struct, frozen=True):
    """What a container may have."""

    memory: str  # as Kubernetes writes it: 384Mi
    user: int = 10001
    group: int = 10001


def missing() -> list[str]:
    """The programs that are not here."""
    return [name for name in PROGRAMS if shutil.which(name) is None]


async def output(*words: str, environment: Mapping[str, str] | None = None, seconds: float = 600) -> str:
    """What a program prints.

    Raises:
        CheckFailed: it failed; with the end of what it said.
    """
    process = await asyncio.create_subprocess_exec(
        *words,
        cwd=ROOT,
        env=None if environment is None else {**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(seconds):
            out, complaint = await process.communicate()
    except BaseException:
        process.kill()
        raise
    if process.returncode:
        raise CheckFailed(f"{' '.join(words[:6])} … failed: {complaint.decode(errors='replace')[-2000:]}")
    return out.decode()


class Storage:
    """Images and containers that nobody else sees; removed at the end.

    Arguments:
        folder: where, on a file system that overlays can be made on.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.source = source()  # once: somebody may commit meanwhile
        # The socket of a container's monitor lies below it, and a path of more than 107 bytes is refused.
        self._run = Path(tempfile.mkdtemp(prefix="pic"))
        self._options = ["--root", str(folder / "storage"), "--runroot", str(self._run), "--storage-driver", "overlay"]
        self._containers: list[str] = []

    def _podman(self, *words: str) -> list[str]:
        engine = ["--runtime", "runc", "--cgroup-manager", "cgroupfs", "--events-backend", "file"]
        return ["podman", *self._options, *engine, *words]

    async def make_base(self) -> None:
        """An image of Debian with Python, from Debian's packages alone.

        Raises:
            NotHere: they cannot be had.
        """
        archive = self.folder / "base.tar"
        try:
            await output("mmdebstrap", "--quiet", "--variant=minbase", f"--include={PACKAGES}", SUITE, str(archive))
        except CheckFailed as error:
            raise NotHere(f"Debian's packages cannot be had: {error}") from None
        buildah = ["buildah", *self._options]
        name = (await output(*buildah, "from", "scratch")).strip()
        await output(*buildah, "add", "--quiet", name, str(archive), "/")
        await output(*buildah, "commit", "--quiet", name, BASE)
        await output(*buildah, "rm", name)
        archive.unlink()

    async def build(self) -> str:
        """Build the image, every step anew; its id."""
        words = command("buildah", TAG, self.source, base=BASE)
        options = ["--pull-never", "--no-cache"]
        await output(
            "buildah", *self._options, "build", *options, *words[2:], environment={"BUILDAH_ISOLATION": "chroot"}
        )
        return (await output("buildah", *self._options, "images", "--quiet", "--no-trunc", TAG)).strip()

    async def archive(self, path: Path, name: str) -> None:
        """Write the image to a file that containerd and docker can load.

        Arguments:
            name: its own there, with a tag.
        """
        await output("buildah", *self._options, "push", "--quiet", TAG, f"docker-archive:{path}:{name}")

    async def size(self) -> tuple[int, int]:
        """Bytes of the image, and of what it adds to its base."""
        sizes = [
            int(await output(*self._podman("image", "inspect", "--format", "{{.Size}}", name))) for name in (TAG, BASE)
        ]
        return sizes[0], sizes[0] - sizes[1]

    async def label(self, name: str) -> str:
        """A label of the image."""
        template = f'{{{{index .Config.Labels "org.opencontainers.image.{name}"}}}}'
        return (await output(*self._podman("image", "inspect", "--format", template, TAG))).strip()

    def _confined(self, limits: Limits, environment: Mapping[str, str], mounts: Mapping[Path, str]) -> list[str]:
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        words = ["--pull=never", "--network=host", "--read-only", "--read-only-tmpfs=false", "--cap-drop=ALL"]
        words += ["--security-opt=no-new-privileges", f"--user={limits.user}:{limits.group}"]
        words += [f"--memory={limits.memory.removesuffix('i').lower()}"]
        words += [f"--ulimit=nofile={files}:{files}", "--ulimit=nproc=4096:4096"]
        for name, value in environment.items():
            words += ["--env", f"{name}={value}"]
        for path, inside in mounts.items():
            words += ["--volume", f"{path}:{inside}:ro"]
        return words

    async def run(
        self, *program: str, limits: Limits, environment: Mapping[str, str] | None = None, seconds: float = 60
    ) -> str:
        """Run a command in the image to its end; what it prints.

        Raises:
            CheckFailed: it failed.
        """
        confined = self._confined(limits, environment or {}, {})
        return await output(*self._podman("run", "--rm", *confined, TAG, *program), seconds=seconds)

    async def start(
        self,
        name: str,
        program: Sequence[str],
        limits: Limits,
        environment: Mapping[str, str],
        mounts: Mapping[Path, str],
    ) -> None:
        """Start a container that stays."""
        self._containers.append(name)
        confined = self._confined(limits, environment, mounts)
        await output(*self._podman("run", "--detach", "--name", name, *confined, TAG, *program))

    async def execute(self, name: str, *program: str) -> str:
        """Run a command in a container that runs."""
        return await output(*self._podman("exec", name, *program))

    async def terminate(self, name: str, seconds: float) -> tuple[int, float]:
        """Send SIGTERM and wait; the exit code, and how long it took.

        Raises:
            CheckFailed: it did not end in time.
        """
        began = time.monotonic()
        await output(*self._podman("kill", "--signal", "TERM", name))
        try:
            code = await output(*self._podman("wait", "--interval", "100ms", name), seconds=seconds)
        except TimeoutError:
            raise CheckFailed(f"{name} did not end within {seconds:g} s of SIGTERM") from None
        return int(code), time.monotonic() - began

    async def logs(self, name: str) -> str:
        """What a container has said."""
        words = self._podman("logs", name)
        process = await asyncio.create_subprocess_exec(
            *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        return (await process.communicate())[0].decode(errors="replace")

    async def close(self) -> None:
        """End and remove everything."""
        for name in self._containers:
            await output(*self._podman("rm", "--force", "--ignore", "--time", "0", name))
        await output(*self._podman("system", "reset", "--force"))
        shutil.rmtree(self._run, ignore_errors=True)
