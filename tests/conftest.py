"""Engines for the tests that need them: real ones, from the same wheels as `make run`, started when first asked for.

engines             PostgreSQL and Valkey, for the whole session
postgres_database   a factory: the owner's URL of a fresh database, which goes when the test module ends
redis_url           Valkey, emptied before each test that asks for it
kafka_url           the Kafka-protocol broker, for the whole session; Apache Kafka with `--apache-kafka`
effort              how many examples a generating test takes: few of its own choice, or `--examples N` at random
"""

import asyncio
import contextlib
import shutil
import tempfile
import uuid
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import HealthCheck, settings

from devstack.engines import Engines
from devstack.units import exchange
from tests.support.apache_kafka import Unavailable, running_apache

Result = TypeVar("Result")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--examples`, `--apache-kafka`."""
    parser.addoption("--examples", type=int, default=0, metavar="N", help="let tests that generate try N at random")
    parser.addoption(
        "--apache-kafka", action="store_true", help="give tests Apache Kafka instead of the devstack's broker"
    )


@pytest.fixture(scope="session")
def effort(pytestconfig: pytest.Config) -> Callable[..., settings]:
    """`effort(few, **more)`: the settings of Hypothesis for `few` examples, the same each time, or for `--examples`."""

    def choose(few: int, **more: Any) -> settings:
        many: int = pytestconfig.getoption("examples")
        return settings(
            max_examples=many or few,
            derandomize=not many,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            **more,
        )

    return choose


def run_elsewhere(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine to its end in another thread, whether or not a loop is running in this one."""
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(asyncio.run, coroutine).result()


@contextlib.contextmanager
def running(*, postgres: bool = False, valkey: bool = False, kafka: bool = False) -> Iterator[Engines]:
    """Engines in a temporary folder. Started from this thread, with which they would end, in a loop that then rests."""
    folder = Path(tempfile.mkdtemp(prefix="parley-test-"))
    engines = Engines(folder, postgres=postgres, valkey=valkey, kafka=kafka, durable=False)
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(engines.open())
        yield engines
    finally:
        loop.run_until_complete(engines.close())
        loop.close()
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def engines() -> Iterator[Engines]:
    """PostgreSQL and Valkey."""
    with running(postgres=True, valkey=True) as engines:
        yield engines


@pytest.fixture(scope="session")
def kafka_url(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The Kafka-protocol broker, or Apache Kafka."""
    if pytestconfig.getoption("apache_kafka"):
        try:
            with running_apache(tmp_path_factory.mktemp("kafka")) as kafka:
                yield kafka.url
        except Unavailable as error:
            pytest.skip(f"no Apache Kafka: {error}")
        return
    with running(kafka=True) as engines:
        yield engines.kafka_url


@pytest.fixture(scope="module")
def postgres_database(engines: Engines) -> Iterator[Callable[..., str]]:
    """`postgres_database("chat")`: the URL, for its owner, of a fresh database whose name begins with that word."""
    names: list[str] = []

    def create(word: str = "test") -> str:
        name = f"{word}_{uuid.uuid4().hex[:12]}"
        names.append(name)
        return run_elsewhere(engines.create_database(name))

    yield create
    for name in names:
        run_elsewhere(engines.drop_database(name))


@pytest.fixture
def redis_url(engines: Engines) -> str:
    """Valkey, empty."""
    parts = urlsplit(engines.redis_url)
    request = f"AUTH {unquote(parts.password or '')}\r\nFLUSHALL\r\n".encode()
    answer = run_elsewhere(exchange(parts.hostname or "", parts.port or 0, request, lines=2))
    assert answer == b"+OK\r\n+OK\r\n", answer
    return engines.redis_url
