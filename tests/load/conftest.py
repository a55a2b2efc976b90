"""Runs of Locust, as `make load` does them, against a platform of the tests."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest

from devstack.background import Background
from devstack.services import PARLEY, Platform
from devstack.settings import Settings
from loadtests.load.__main__ import program
from loadtests.load.results import Result

ROOT = Path(__file__).parents[2]
PATIENT = [f"--{name}-ms" for name in ("ack-p95", "ack-p99", "delivery-p95", "delivery-p99")]
PODS = ("chat-1", "chat-2")
Run = Callable[..., tuple[int, Result, str]]


@pytest.fixture(scope="session", autouse=True)
def locust() -> None:
    """Locust is there."""
    if program() is None:
        if os.environ.get("CI") == "true":
            pytest.fail("Locust is not installed")
        pytest.skip("Locust is not installed: `make test-load` does")


@pytest.fixture(scope="session")
def variant(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that says how the chat pods are broken when they start."""
    path = tmp_path_factory.mktemp("broken") / "variant"
    path.write_text("none")
    return path


@pytest.fixture(scope="session")
def stack(variant: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Background]:
    """A platform whose chat pods can be broken."""
    broken = ("{python}", "-m", "tests.faults.broken", str(variant))
    services = tuple(
        msgspec.structs.replace(service, command=broken) if service.name in PODS else service
        for service in PARLEY.services
    )
    platform: Platform = msgspec.structs.replace(PARLEY, services=services)
    settings = Settings(port=0, data_dir=tmp_path_factory.mktemp("load"), durable=False)
    with Background(settings, platform, environment={**os.environ, "RATE_LIMITS": "off"}) as running:
        yield running


def build_as(build: str, stack: Background, variant: Path) -> None:
    """Have both chat pods broken that way, or `none`, from now on."""
    if variant.read_text() != build:
        variant.write_text(build)
        with ThreadPoolExecutor() as pool:
            list(pool.map(stack.restart, PODS))


@pytest.fixture
def run(stack: Background, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with these options: its exit code, its result, and what it said."""
    people = tmp_path_factory.getbasetemp() / "people.json"

    def go(*words: str) -> tuple[int, Result, str]:
        command: list[Any] = [sys.executable, "-m", "loadtests.load", "--host", stack.gateway_url]
        command += ["--into", tmp_path, "--people", people, "--rate", "20"]
        for name in PATIENT:  # the machine may be busy; what is right does not depend on it
            command += [name, "10000"]
        done = subprocess.run([*command, *words], cwd=ROOT, capture_output=True, text=True, timeout=100)
        said = done.stdout + done.stderr
        assert (tmp_path / "report.json").exists(), said
        result = msgspec.json.decode((tmp_path / "report.json").read_bytes(), type=Result)
        return done.returncode, result, said

    return go
