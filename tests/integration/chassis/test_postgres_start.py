"""The pool's start: patient with a server that comes later, honest about what waiting does not mend."""

import asyncio
from collections.abc import Callable
from urllib.parse import urlsplit

import asyncpg
import pytest

from chassis.lifecycle import Fatal
from chassis.migrations import Migrations
from chassis.postgres import Postgres
from tests.support.links import Link
from tests.support.serving import until

DEADLINE_SECONDS = 0.5


async def ask(postgres: Postgres) -> int:
    async with postgres.connection() as connection:
        return int(await connection.fetchval("SELECT 1"))


async def test_the_start_waits_for_the_server(
    things: Migrations, postgres_way: tuple[Link, str], caplog: pytest.LogCaptureFixture
) -> None:
    link, url = postgres_way
    await link.cut()
    postgres = Postgres(url, things, deadline=DEADLINE_SECONDS)
    starting = asyncio.create_task(postgres.start())
    await until(lambda: any(record.message == "waiting for PostgreSQL" for record in caplog.records))
    assert not starting.done()
    await link.open()
    async with asyncio.timeout(5):
        await starting
    assert await ask(postgres) == 1
    await postgres.stop()
    assert [record.message for record in caplog.records].count("waiting for PostgreSQL") == 1


async def fatal(url: str, things: Migrations) -> str:
    postgres = Postgres(url, things, deadline=DEADLINE_SECONDS)
    try:
        with pytest.raises(Fatal) as caught:
            async with asyncio.timeout(5):
                await postgres.start()
    finally:
        await postgres.stop()
    assert "\n" not in str(caught.value)
    return str(caught.value)


async def test_what_waiting_does_not_mend_is_one_sentence(
    things: Migrations, things_url: str, postgres_database: Callable[..., str]
) -> None:
    parts = urlsplit(things_url)
    user, place = parts.username, f"{parts.hostname}:{parts.port}"
    wrong = f"postgresql://{user}:secret@{place}{parts.path}"
    assert "password authentication failed" in await fatal(wrong, things)
    assert "does not exist" in await fatal(parts._replace(path="/nowhere").geturl(), things)
    assert "secret" not in await fatal(f"redis://x:secret@{place}/0", things)
    assert "secret" not in await fatal(f"postgresql://x:secret@{parts.hostname}:port/db", things)
    empty = postgres_database("empty")
    assert await fatal(empty, things) == "the database of things_service is at schema 0, not 1: migrate first"


async def test_a_newer_schema_is_good_enough(things: Migrations, things_url: str) -> None:
    connection = await asyncpg.connect(things_url)
    await connection.execute("INSERT INTO schema_migrations (version, name, checksum) VALUES (2, 'next', '')")
    await connection.close()
    postgres = Postgres(things_url, things)
    await postgres.start()
    await postgres.stop()


async def test_before_its_start_it_is_away(things: Migrations, things_url: str) -> None:
    postgres = Postgres(things_url, things)
    with pytest.raises(OSError, match="not open"):
        await ask(postgres)
    await postgres.stop()
