"""The programs of the cluster, compiled once for each state of go.mod, go.sum and the sources.

All of Kubernetes, etcd and CoreDNS are one program: one takes a fifth of the time to link that seven take.
"""

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

import msgspec

from deploy.tools import CACHE

SOURCE = Path(__file__).parent
INPUTS = ("go.mod", "go.sum", "main.go", "pause/main.go")
GO = (1, 24)
VERSION = "k8s.io/component-base/version"


class NotBuilt(Exception):
    """The programs cannot be had here; `str()` says why."""


class Programs(msgspec.Struct, frozen=True):
    """Where they are."""

    onenode: Path
    pause: Path
    kubernetes: str  # its version, v1.34.4


def build() -> Programs:
    """Compile them, or find them.

    Raises:
        NotBuilt: Go is missing or too old, or the sources cannot be had or compiled.
    """
    texts = {name: (SOURCE / name).read_bytes() for name in INPUTS}
    digest = hashlib.sha256(b"\0".join(texts.values())).hexdigest()
    folder = CACHE / f"onenode-{digest[:16]}"
    version = _version(texts["go.mod"].decode())
    programs = Programs(folder / "onenode", folder / "pause", version)
    if not folder.exists():
        _compile(folder, version)
    return programs


def _version(module: str) -> str:
    found = re.search(r"k8s\.io/kubernetes (v\d+\.\d+\.\d+)", module)
    if found is None:
        raise NotBuilt("go.mod names no k8s.io/kubernetes")
    return found[1]


def _compile(folder: Path, version: str) -> None:
    _, major, minor, *_ = re.split(r"\D+", run_go("env", "GOVERSION"))
    if (int(major), int(minor)) < GO:
        raise NotBuilt(f"Go {major}.{minor} is older than {GO[0]}.{GO[1]}")
    fresh = folder.with_name(f"{folder.name}.{os.getpid()}")
    major, minor, _ = version.removeprefix("v").split(".")
    stamps = {"gitVersion": version, "gitMajor": major, "gitMinor": minor}
    flags = " ".join(["-s", "-w", *(f"-X {VERSION}.{name}={value}" for name, value in stamps.items())])
    options = ["-trimpath", "-tags", "netgo,osusergo,providerless", "-ldflags", flags, "-o"]
    try:
        run_go("build", *options, f"{fresh}/onenode", ".")
        run_go("build", "-trimpath", "-ldflags", "-s -w", "-o", f"{fresh}/pause", "./pause")
        fresh.rename(folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def run_go(*words: str) -> str:
    """What a command of Go prints.

    Raises:
        NotBuilt: it failed.
    """
    if shutil.which("go") is None:
        raise NotBuilt("Go is missing, with which Kubernetes is compiled")
    environment = {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local"}
    done = subprocess.run(["go", *words], cwd=SOURCE, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotBuilt(f"go {words[0]} failed: {done.stderr.strip()[-2000:]}")
    return done.stdout
