"""Definitions of what others add to Kubernetes and the chart can use: of each its project's own, from a Go module."""

import shutil
from pathlib import Path

import msgspec

from deploy.tools import CACHE

from .build import NotBuilt, run_go


class Module(msgspec.Struct, frozen=True):
    """Arguments:
    version: path@version.
    hash: of its files, as go.sum would have it.
    files: of definitions.
    """

    version: str
    hash: str
    files: tuple[str, ...]


_PROMETHEUS = "example/prometheus-operator-crd/monitoring.coreos.com_"
MODULES = (
    Module(
        "github.com/prometheus-operator/prometheus-operator@v0.85.0",
        "h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=",
        tuple(f"{_PROMETHEUS}{name}.yaml" for name in ("podmonitors", "servicemonitors", "prometheusrules")),
    ),
    Module(
        "github.com/kedacore/keda/v2@v2.17.2",
        "h1:xlrcK5TKABJF9PebK79sgL07s/csGjL3H4m72OkZXxk=",
        ("config/crd/bases/keda.sh_scaledobjects.yaml",),
    ),
    Module(
        "sigs.k8s.io/gateway-api@v1.3.0",
        "h1:q6okN+/UKDATola4JY7zXzx40WO4VISk7i9DIfOvr9M=",
        ("config/crd/standard/gateway.networking.k8s.io_httproutes.yaml",),
    ),
)


class _Download(msgspec.Struct):
    dir: str = msgspec.field(name="Dir")
    sum: str = msgspec.field(name="Sum")


def definitions() -> list[Path]:
    """Their files, downloaded once.

    Raises:
        NotBuilt: they cannot be had, or are not what they were.
    """
    found = []
    for module in MODULES:
        folder = CACHE / "crds" / module.version.replace("/", "-")
        if not folder.exists():
            _download(module, folder)
        found += sorted(folder.iterdir())
    return found


def _download(module: Module, folder: Path) -> None:
    got = msgspec.json.decode(run_go("mod", "download", "-json", module.version), type=_Download)
    if got.sum != module.hash:
        raise NotBuilt(f"{module.version} is {got.sum}, not {module.hash}")
    fresh = folder.with_name(f"{folder.name}.fresh")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    for name in module.files:
        shutil.copyfile(Path(got.dir) / name, fresh / Path(name).name)
    fresh.rename(folder)
