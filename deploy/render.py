"""The chart as objects."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from .schema import CHART
from .tools import Tools, run

Object = dict[str, Any]
RELEASE, NAMESPACE = "parley", "parley"


def render(tools: Tools, values: Mapping[str, Any] | Path, *, release: str = RELEASE) -> list[Object]:
    """What `helm template` makes of the chart.

    Arguments:
        values: that differ from the chart's own, or a file of them.

    Raises:
        subprocess.CalledProcessError: Helm refuses them; its `stderr` says why.
    """
    given = values.read_text() if isinstance(values, Path) else json.dumps(values)
    text = run(tools.helm, "template", release, str(CHART), "--namespace", NAMESPACE, "--values", "-", stdin=given)
    return parse(text)


def parse(text: str) -> list[Object]:
    """The objects of a text in YAML."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return [found for found in yaml.load_all(text, Loader=loader) if found]


def key(found: Object) -> str:
    """What names an object: `Deployment/parley-chat`."""
    return f"{found['kind']}/{found['metadata']['name']}"
