"""A release of the chart, by Helm."""

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import yaml

from deploy.schema import CHART
from deploy.tools import ROOT, tools

RELEASE = "parley"


class Refused(Exception):
    """Helm has failed; `str()` is what it said."""


class Release:
    """What `helm` does with one release.

    Arguments:
        kubeconfig: of the cluster.
        namespace: of the release.
        values: of every installation and upgrade.
    """

    def __init__(self, kubeconfig: Path, namespace: str, values: Mapping[str, Any]) -> None:
        self._environment = {**os.environ, "KUBECONFIG": str(kubeconfig)}
        self._namespace = namespace
        self._values = values

    async def install(self, chart: Path, seconds: float = 300) -> str:
        """Install, and wait until all pods are ready; what is said to the person.

        Raises:
            Refused: they are not, or it is not valid here.
        """
        return await self._apply("install", chart, {}, seconds)

    async def upgrade(self, chart: Path, changes: Mapping[str, Any] | None = None, seconds: float = 300) -> str:
        """Upgrade, and wait.

        Arguments:
            changes: of values, as a tree of them.

        Raises:
            Refused: it did not work; the pods of before go on.
        """
        return await self._apply("upgrade", chart, changes or {}, seconds)

    async def _apply(self, verb: str, chart: Path, changes: Mapping[str, Any], seconds: float) -> str:
        values = json.dumps(merged(self._values, changes))
        words = [verb, RELEASE, str(chart), "--values", "-", "--wait", "--timeout", f"{seconds:.0f}s"]
        return await self._helm(*words, stdin=values)

    async def test(self) -> str:
        """`helm test`.

        Raises:
            Refused: no message goes through.
        """
        return await self._helm("test", RELEASE, "--logs", "--timeout", "180s")

    async def rollback(self, revision: int, seconds: float = 300) -> str:
        """Go back, and wait.

        Raises:
            Refused: it did not work.
        """
        return await self._helm("rollback", RELEASE, str(revision), "--wait", "--timeout", f"{seconds:.0f}s")

    async def uninstall(self) -> str:
        """Remove it, and wait.

        Raises:
            Refused: it did not work.
        """
        return await self._helm("uninstall", RELEASE, "--wait", "--timeout", "180s")

    async def history(self) -> list[dict[str, Any]]:
        """Its revisions, the oldest first."""
        found: list[dict[str, Any]] = json.loads(await self._helm("history", RELEASE, "--output", "json"))
        return found

    async def _helm(self, *words: str, stdin: str = "") -> str:
        process = await asyncio.create_subprocess_exec(
            str(tools().helm),
            *words,
            "--namespace",
            self._namespace,
            env=self._environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            out, complaint = await process.communicate(stdin.encode())
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            raise
        if process.returncode:
            raise Refused(f"helm {words[0]} failed: {complaint.decode(errors='replace').strip()[-3000:]}")
        return out.decode()


def merged(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Values with changes, as Helm merges them: trees are joined, all else is replaced."""
    result = dict(values)
    for key, value in changes.items():
        before = result.get(key)
        both = isinstance(value, Mapping) and isinstance(before, Mapping)
        result[key] = merged(before, value) if both else value  # type: ignore[arg-type]
    return result


def previous_chart(folder: Path, given: str | None) -> tuple[Path, str]:
    """The chart to upgrade from, and what it is.

    Arguments:
        folder: for a copy.
        given: a chart's folder or archive, or a revision of this repository; none: the newest tag that has a chart, and
            if there is none, today's chart under an older number.

    Raises:
        Refused: there is no such chart.
    """
    if given is not None and Path(given).exists():
        return Path(given), given
    revision = given or _newest_tag()
    if revision is not None:
        return _at(revision, folder), revision
    copy = folder / "parley"
    shutil.copytree(CHART, copy)
    about = yaml.safe_load((copy / "Chart.yaml").read_text())
    (copy / "Chart.yaml").write_text(yaml.safe_dump({**about, "version": "0.0.1"}))
    return copy, "this chart as 0.0.1, as nothing was released before"


def _newest_tag() -> str | None:
    place = CHART.relative_to(ROOT)
    tags = _git("tag", "--merged", "HEAD", "--no-contains", "HEAD", "--sort=-creatordate") or b""
    return next((tag for tag in tags.decode().split() if _git("cat-file", "-e", f"{tag}:{place}") is not None), None)


def _at(revision: str, folder: Path) -> Path:
    place = str(CHART.relative_to(ROOT))
    archive = _git("archive", "--format=tar", revision, place)
    if archive is None:
        raise Refused(f"{revision} has no chart")
    with tarfile.open(fileobj=BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")
    return folder / place


def _git(*words: str) -> bytes | None:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, check=False)
    return None if done.returncode else done.stdout
