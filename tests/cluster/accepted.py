"""Whether a real API server takes what the chart makes: every field known, and no warning, of Pod Security either."""

import asyncio
import subprocess
from pathlib import Path
from typing import Any

import yaml
from kubernetes import config, dynamic

from deploy.render import parse
from deploy.schema import CHART
from deploy.tools import run, tools
from tests.cluster.release import RELEASE, Refused

VARIANTS = sorted((CHART / "ci").glob("*.yaml"))


async def accept_all(kubeconfig: Path, namespace: str) -> str:
    """Have every render with the values in `ci/` taken, without anything being made; a line about it.

    What is of a kind that the cluster does not know is left out, and named.

    Raises:
        Refused: something is not taken; with what the API server says.
    """
    kinds = await asyncio.to_thread(_kinds, kubeconfig)
    taken, unknown = 0, set()
    for values in VARIANTS:
        words = ["template", RELEASE, str(CHART), "--namespace", namespace, "--values", str(values)]
        made = parse(await asyncio.to_thread(run, tools().helm, *words))
        known = [one for one in made if one["kind"] in kinds]
        unknown |= {one["kind"] for one in made} - kinds
        await asyncio.to_thread(_take, kubeconfig, values.stem, known)
        taken += len(known)
    without = f"; unknown here: {', '.join(sorted(unknown))}" if unknown else ""
    return f"{taken} objects of {len(VARIANTS)} renders are taken without a warning{without}"


def _kinds(kubeconfig: Path) -> set[str]:
    client: Any = config.new_client_from_config(str(kubeconfig))  # type: ignore[no-untyped-call]
    known: Any = dynamic.DynamicClient(client)  # type: ignore[no-untyped-call]
    return {resource.kind for resource in known.resources.search()}


def _take(kubeconfig: Path, name: str, made: list[dict[str, Any]]) -> None:
    words = [str(tools().kubectl), "--kubeconfig", str(kubeconfig), "--warnings-as-errors", "apply"]
    words += ["--dry-run=server", "--validate=strict", "-f", "-"]
    text = yaml.safe_dump_all(made)
    done = subprocess.run(words, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refused(f"with {name}.yaml: {done.stderr.strip()[-3000:]}")
