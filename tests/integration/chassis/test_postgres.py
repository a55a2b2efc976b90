"""The pool: bounded while PostgreSQL is away in any way, well again when it is back."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
from prometheus_client import REGISTRY

from chassis.migrations import Migrations
from chassis.postgres import SESSION_SETTINGS, Postgres, is_away
from tests.support.links import Link
from tests.support.serving import until
from tests.support.timing import within

DEADLINE_SECONDS = 0.5
Open = Callable[..., Any]
Way = tuple[Link, str]


@pytest.fixture
def opened(things: Migrations, things_url: str) -> Open:
    """`async with opened(url, **options) as postgres`."""

    @asynccontextmanager
    async def run(url: str = things_url, **options: Any) -> AsyncIterator[Postgres]:
        options.setdefault("deadline", DEADLINE_SECONDS)
        postgres = Postgres(url, things, **options)
        await postgres.start()
        try:
            yield postgres
        finally:
            await postgres.stop()

    return run


async def pid(postgres: Postgres) -> int:
    async with postgres.connection() as connection:
        return int(await connection.fetchval("SELECT pg_backend_pid()"))


async def fails_in_time(action: Callable[[], Awaitable[Any]], seconds: float = DEADLINE_SECONDS) -> None:
    """It raises what means "away", no later than the deadline."""
    async with within(seconds + 0.2):
        with pytest.raises(Exception) as caught:
            await action()
    assert is_away(caught.value), repr(caught.value)


async def recovers(postgres: Postgres) -> None:
    async def answers() -> bool:
        try:
            return await pid(postgres) > 0
        except Exception as error:
            assert is_away(error)
            return False

    await until(answers, "recovery")


async def test_a_session_has_its_limits_and_its_codecs(opened: Open) -> None:
    async with opened(settings={"plan_cache_mode": "force_generic_plan"}) as postgres, postgres.connection() as c:
        shown = {name: await c.fetchval("SELECT current_setting($1)", name) for name in SESSION_SETTINGS}
        assert shown == {
            "lock_timeout": "1s",
            "idle_in_transaction_session_timeout": "2s",
            "statement_timeout": "5s",
            "synchronous_commit": "on",
            "jit": "off",
            "timezone": "UTC",
        }
        assert await c.fetchval("SELECT current_setting('plan_cache_mode')") == "force_generic_plan"
        value = {"a": [1, "é", None, 1.5]}
        row = await c.fetchrow("INSERT INTO things VALUES (1, $1, $2) RETURNING data, plain", value, value)
        assert (row["data"], row["plain"]) == (value, value)


async def test_a_transaction_commits_or_leaves_nothing(opened: Open) -> None:
    async with opened() as postgres:
        async with postgres.transaction() as connection:
            await connection.execute("INSERT INTO things VALUES (1)")
        with pytest.raises(ZeroDivisionError):
            async with postgres.transaction() as connection:
                await connection.execute("INSERT INTO things VALUES (2)")
                raise ZeroDivisionError
        async with postgres.connection() as connection:
            assert [row["id"] for row in await connection.fetch("SELECT id FROM things")] == [1]


async def test_a_frozen_server_costs_the_deadline_and_the_connection(opened: Open, postgres_way: Way) -> None:
    link, url = postgres_way
    async with opened(url, deadline=2.3) as postgres:
        before = await pid(postgres)
        link.freeze()
        async with within(2.5):
            await asyncio.gather(
                fails_in_time(lambda: pid(postgres), 2.3),  # on a connection that was there
                fails_in_time(lambda: pid(postgres), 2.3),  # on a new one
            )
        link.thaw()
        await recovers(postgres)
        assert await pid(postgres) != before
        await until(lambda: not cancellations(), "the end of asyncpg's requests to cancel")


def cancellations() -> list[Any]:
    """What asyncpg does in the background after a time-out, through a way that is frozen, too."""
    return [task for task in asyncio.all_tasks() if "_cancel" in repr(task.get_coro())]


async def test_all_uses_of_one_connection_share_the_deadline(opened: Open) -> None:
    async with opened() as postgres:

        async def many_steps() -> None:
            async with postgres.connection() as connection:
                for _ in range(100):
                    await connection.execute("SELECT pg_sleep(0.05)")

        await fails_in_time(many_steps)
        await recovers(postgres)


async def test_waiting_for_a_connection_is_within_the_deadline(opened: Open) -> None:
    async with opened(size=1) as postgres:
        release = asyncio.Event()

        async def hold() -> None:
            async with postgres.connection():
                await release.wait()

        holder = asyncio.create_task(hold())
        await asyncio.sleep(0)
        await fails_in_time(lambda: pid(postgres))
        release.set()
        await asyncio.wait({holder})
        await recovers(postgres)


async def test_a_server_that_freezes_during_a_transaction_does_not_commit(opened: Open, postgres_way: Way) -> None:
    link, url = postgres_way
    async with opened(url) as postgres:

        async def freeze_inside() -> None:
            async with postgres.transaction() as connection:
                await connection.execute("INSERT INTO things VALUES (7)")
                link.freeze()
                await connection.execute("SELECT 1")

        await fails_in_time(freeze_inside)
        link.thaw()
        await recovers(postgres)
        async with postgres.connection() as connection:
            assert await connection.fetchval("SELECT count(*) FROM things") == 0


async def test_a_server_that_freezes_at_the_end_of_a_use_costs_no_more(opened: Open, postgres_way: Way) -> None:
    link, url = postgres_way
    async with opened(url) as postgres:

        async def freeze_at_the_end() -> None:
            async with postgres.transaction() as connection:
                await connection.execute("SELECT 1")
                link.freeze()

        await fails_in_time(freeze_at_the_end)
        link.thaw()
        await recovers(postgres)


async def test_a_cut_way_is_noticed_at_once(opened: Open, postgres_way: Way) -> None:
    link, url = postgres_way
    async with opened(url) as postgres:
        await pid(postgres)
        await link.cut()
        for _ in range(3):
            await fails_in_time(lambda: pid(postgres))
        await link.open()
        await recovers(postgres)


async def test_a_server_that_restarts_is_away_and_then_back(opened: Open, things_url: str) -> None:
    async with opened() as postgres:
        await pid(postgres)
        other = await asyncpg.connect(things_url)
        await other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()"
        )
        await other.close()
        for _ in range(3):
            try:
                await pid(postgres)
            except Exception as error:
                assert is_away(error), repr(error)
        await recovers(postgres)


async def test_a_request_that_is_given_up_takes_its_connection_along(opened: Open, things_url: str) -> None:
    async with opened(size=1, deadline=5) as postgres:
        before = await pid(postgres)
        inside = asyncio.Event()

        async def slow() -> None:
            async with postgres.transaction() as connection:
                await connection.execute("INSERT INTO things VALUES (8)")
                inside.set()
                await connection.execute("SELECT pg_sleep(10)")

        task = asyncio.create_task(slow())
        await inside.wait()
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()
        assert await pid(postgres) != before
        async with postgres.connection() as connection:
            assert await connection.fetchval("SELECT count(*) FROM things WHERE id = 8") == 0


async def test_a_lock_that_is_not_had_is_away_and_keeps_the_connection(opened: Open, things_url: str) -> None:
    async with opened(deadline=3, settings={"lock_timeout": "50"}) as postgres:
        before = await pid(postgres)
        other = await asyncpg.connect(things_url)
        async with other.transaction():
            await other.execute("LOCK TABLE things")
            with pytest.raises(asyncpg.LockNotAvailableError) as caught:
                async with postgres.transaction() as connection:
                    await connection.execute("LOCK TABLE things")
        await other.close()
        assert is_away(caught.value)
        assert await pid(postgres) == before


async def test_a_mistake_is_not_away_and_keeps_the_connection(opened: Open) -> None:
    async with opened() as postgres:
        before = await pid(postgres)
        for statement in ("SELECT 1 / 0", "SELEC", "INSERT INTO things VALUES (1), (1)", "SELECT * FROM nothing"):
            with pytest.raises(asyncpg.PostgresError) as caught:
                async with postgres.transaction() as connection:
                    await connection.execute(statement)
            assert not is_away(caught.value)
        assert await pid(postgres) == before


async def test_it_can_be_stopped_while_the_server_is_frozen(opened: Open, postgres_way: Way) -> None:
    link, url = postgres_way
    async with opened(url, deadline=5) as postgres:
        await pid(postgres)
        link.freeze()
        using = asyncio.create_task(pid(postgres))
        await asyncio.sleep(0)
        async with within(1.3):
            await postgres.stop()
        with pytest.raises(Exception) as caught:
            await using
        assert is_away(caught.value)


async def test_who_waits_for_a_connection_is_seen_in_the_metrics(opened: Open) -> None:
    def value(name: str) -> float:
        return REGISTRY.get_sample_value(name) or 0.0

    async with opened(size=1, deadline=10.0) as postgres:
        before = value("parley_postgres_wait_seconds_count")
        async with postgres.connection():
            waiting = asyncio.create_task(pid(postgres))

            async def both() -> bool:
                return value("parley_postgres_connections_busy") == 2

            await until(both, "the second one to wait")
        await waiting
        assert value("parley_postgres_connections_busy") == 0
        assert value("parley_postgres_wait_seconds_count") == before + 2
