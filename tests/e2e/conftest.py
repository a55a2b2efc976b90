"""The whole platform as `make run` starts it: one without rate limits for most tests, one with them."""

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from devstack.background import Background
from devstack.ports import Ports
from devstack.settings import Settings
from tests.e2e.people import SECONDS, Person, Platform
from tests.support.collector import Collector, collecting


@contextlib.contextmanager
def running(folder: Path, **environment: str) -> Iterator[Background]:
    """A platform that keeps its data in `folder`, which goes with it."""
    settings = Settings(port=0, data_dir=folder, durable=False)
    try:
        with Background(settings, environment={**os.environ, **environment}) as stack:
            yield stack
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Where `limited_stack` keeps its data."""
    return Path(tempfile.mkdtemp(prefix="parley-e2e-"))


@pytest.fixture(scope="session")
def issuer() -> str:
    """The OpenID provider `sample` of `stack`: whoever needs it starts it there."""
    return f"http://127.0.0.1:{Ports().choose()}"


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector]:
    """Where `stack` sends its traces."""
    with collecting() as collector:
        yield collector


@pytest.fixture(scope="session")
def stack(issuer: str, collector: Collector) -> Iterator[Background]:
    """The platform, without rate limits and with traces; whoever is connected has 3 s to confirm a message."""
    providers = {"sample": {"issuer": issuer, "client_id": "parley-public", "title": "Sample"}}
    environment = {"RATE_LIMITS": "off", "AWAY_SECONDS": "3", "OAUTH_PROVIDERS": json.dumps(providers)}
    environment |= {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
    environment |= {"OTEL_BSP_SCHEDULE_DELAY": "500"}
    with running(Path(tempfile.mkdtemp(prefix="parley-e2e-")), **environment) as stack:
        yield stack


@pytest.fixture(scope="session")
def limited_stack(data_dir: Path) -> Iterator[Background]:
    """Another one, with its rate limits as they are by default. We are its proxy, and may say who the client is."""
    with running(data_dir, RATE_LIMITS="on", TRUSTED_PROXIES="127.0.0.1/32") as stack:
        yield stack


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client."""
    async with httpx.AsyncClient(timeout=SECONDS, trust_env=False) as client:
        yield client


@pytest.fixture
def platform(stack: Background, client: httpx.AsyncClient) -> Platform:
    """Its gateway."""
    return Platform(stack.gateway_url, client)


@pytest.fixture
async def alice(platform: Platform) -> Person:
    """Somebody."""
    return await platform.register("alice")


@pytest.fixture
async def bob(platform: Platform) -> Person:
    """Somebody else."""
    return await platform.register("bob")
