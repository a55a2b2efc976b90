"""The manifests of `kustomize/base` and `kustomize/components`, from the chart; `python -m deploy.kustomize`.

The base is the chart's render, less what only Helm reads. A component is what changes in it with some values: objects
that are added or removed, and patches of those that differ. So there is one source, and overlays can still combine.
"""

import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from .render import NAMESPACE, Object, key, render
from .tools import Tools, tools

KUSTOMIZE = Path(__file__).parent / "kustomize"
SERVICES = ("auth", "profile", "chat", "gateway")
_ALERTS = {"scrape": "podMonitor", "alerts": {"enabled": True}, "dashboard": {"enabled": True}}
COMPONENTS: Mapping[str, Mapping[str, Any]] = {
    "quickstart": {"quickstart": {"enabled": True}},
    "hpa": {service: {"autoscaling": {"mode": "hpa"}} for service in SERVICES},
    "keda": {service: {"autoscaling": {"mode": "keda"}} for service in SERVICES},
    "monitoring": {"monitoring": _ALERTS},
    "notifications": {"notifications": {"enabled": True}, "kafka": {"url": "kafka://kafka:9092"}},
}
_HEADER = "# Generated from the chart by `python -m deploy.kustomize`: change the chart, not this file.\n"
_HELMS = ("helm.sh/", "app.kubernetes.io/managed-by")


def plain(objects: list[Object]) -> dict[str, Object]:
    """The objects by name, without what only Helm reads, and without its test and what is there for it."""
    found = {}
    for one in objects:
        if one["metadata"].get("labels", {}).get("app.kubernetes.io/component") != "test":
            stripped = _without_helm(one)
            stripped["metadata"].pop("namespace", None)
            found[key(one)] = stripped
    return found


def _without_helm(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_helm(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {}
    for name, inner in value.items():
        stripped = _without_helm(inner)
        if name in ("labels", "annotations") and isinstance(stripped, dict):
            stripped = {label: text for label, text in stripped.items() if not label.startswith(_HELMS)}
            if not stripped:
                continue
        kept[name] = stripped
    return kept


def changes(before: Any, after: Any, path: str = "") -> Iterator[dict[str, Any]]:
    """The operations (RFC 6902) that make `after` of `before`; lists that differ are replaced as a whole."""
    if not (isinstance(before, dict) and isinstance(after, dict)):
        if before != after:
            yield {"op": "replace", "path": path, "value": after}
        return
    for name in sorted(before.keys() | after.keys()):
        here = f"{path}/{name.replace('~', '~0').replace('/', '~1')}"
        if name not in after:
            yield {"op": "remove", "path": here}
        elif name not in before:
            yield {"op": "add", "path": here, "value": after[name]}
        else:
            yield from changes(before[name], after[name], here)


def base(objects: Mapping[str, Object]) -> dict[str, str]:
    """The files of the base by name."""
    files: dict[str, list[Object]] = {}
    for one in objects.values():
        component = one["metadata"].get("labels", {}).get("app.kubernetes.io/component", "common")
        files.setdefault(f"{component}.yaml", []).append(one)
    head = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "namespace": NAMESPACE}
    written = {name: _written(*found) for name, found in files.items()}
    return {"kustomization.yaml": _written(head | {"resources": sorted(files)}), **written}


def component(before: Mapping[str, Object], after: Mapping[str, Object]) -> dict[str, str]:
    """The files of the component that makes `after` of `before`, by name."""
    added = [one for name, one in after.items() if name not in before]
    patches = []
    for name, old in before.items():
        kind, _, plain_name = name.partition("/")
        target = {"kind": kind, "name": plain_name}
        if name not in after:
            gone = {"apiVersion": old["apiVersion"], "kind": kind, "metadata": {"name": plain_name}, "$patch": "delete"}
            patches.append({"target": target, "patch": _text(gone)})
        elif operations := sorted(changes(old, after[name]), key=lambda operation: str(operation["path"])):
            patches.append({"target": target, "patch": _text(operations)})
    head: Object = {"apiVersion": "kustomize.config.k8s.io/v1alpha1", "kind": "Component"}
    files = {}
    if added:
        head["resources"] = ["added.yaml"]
        files["added.yaml"] = _written(*added)
    if patches:
        head["patches"] = patches
    return {"kustomization.yaml": _written(head), **files}


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks, and no anchors."""

    def ignore_aliases(self, data: object) -> bool:
        """See yaml.SafeDumper."""
        return True


def _string(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _string)


def _text(*values: Any) -> str:
    return yaml.dump_all(values, Dumper=_Dumper, sort_keys=False, width=2**16, explicit_start=len(values) > 1)


def _written(*values: Any) -> str:
    return _HEADER + yaml.dump_all(values, Dumper=_Dumper, sort_keys=False, width=2**16, explicit_start=True)


def everything(with_tools: Tools) -> dict[Path, str]:
    """All generated files, by path."""
    default = plain(render(with_tools, {}))
    found = {KUSTOMIZE / "base" / name: text for name, text in base(default).items()}
    for title, values in COMPONENTS.items():
        files = component(default, plain(render(with_tools, values)))
        found |= {KUSTOMIZE / "components" / title / name: text for name, text in files.items()}
    return found


def main() -> None:
    """Write them all, and nothing else stays."""
    files = everything(tools())
    for folder in ("base", "components"):
        shutil.rmtree(KUSTOMIZE / folder, ignore_errors=True)
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


if __name__ == "__main__":
    main()
    sys.exit(0)
