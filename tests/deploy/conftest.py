"""The programs and the renders, once per process."""

import functools
from pathlib import Path

import pytest

from deploy.render import render
from deploy.schema import CHART
from deploy.tools import HELM_3, HELM_4, ToolMissing, Tools, tools
from tests.deploy.objects import Rendered

VARIANTS = sorted((CHART / "ci").glob("*.yaml"))


@pytest.fixture(scope="session")
def programs() -> Tools:
    """Helm 4 and kubectl."""
    return _found(HELM_4)


@pytest.fixture(scope="session", params=[HELM_4, HELM_3], ids=["helm-4", "helm-3"])
def each_helm(request: pytest.FixtureRequest) -> Tools:
    """Both Helms that the chart is for."""
    return _found(request.param)


@pytest.fixture(scope="session", params=VARIANTS, ids=lambda path: path.stem)
def rendered(request: pytest.FixtureRequest, programs: Tools) -> Rendered:
    """The chart with each of the values in `ci/`."""
    path: Path = request.param
    return Rendered(path.stem, _rendered(programs, path))


@pytest.fixture(scope="session")
def default(programs: Tools) -> Rendered:
    """The chart as it is."""
    return Rendered("default", _rendered(programs, CHART / "ci" / "default.yaml"))


_rendered = functools.cache(render)


@functools.cache
def _found(package: str) -> Tools:
    try:
        return tools(package)
    except ToolMissing as error:
        pytest.skip(str(error))
