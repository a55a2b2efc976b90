"""Migrations: each once, in order, whole or not at all, by however many at the same time."""

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest

from chassis import migrations as module
from chassis.lifecycle import Fatal
from chassis.migrations import Migrations
from tests.support.links import link_to
from tests.support.serving import free_ports

ONE = "CREATE TABLE things (id int PRIMARY KEY);\nINSERT INTO things VALUES (1);"
TWO = "ALTER TABLE things ADD COLUMN name text NOT NULL DEFAULT 'é';"
THREE = "CREATE FUNCTION three() RETURNS int LANGUAGE sql AS 'SELECT 3';"

Write = Callable[[dict[str, str]], Migrations]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """`write({"0001_one.sql": SQL})`: the migrations of a package with exactly these files."""
    package, folder = tmp_path / "things_service", tmp_path / "migrations"
    package.mkdir()
    folder.mkdir()
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))

    def files(content: dict[str, str]) -> Migrations:
        for file in folder.iterdir():
            file.unlink()
        for name, text in content.items():
            (folder / name).write_text(text, encoding="utf-8")
        return Migrations("things_service")

    return files


@pytest.fixture
def url(postgres_database: Callable[..., str]) -> str:
    """An empty database."""
    return postgres_database("migrations")


async def fetch(url: str, query: str) -> list[tuple[object, ...]]:
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(query)]
    finally:
        await connection.close()


async def applied(url: str) -> list[tuple[object, ...]]:
    return await fetch(url, "SELECT version, name FROM schema_migrations ORDER BY version")


async def test_each_is_applied_once_in_order(write: Write, url: str) -> None:
    migrations = write({"0002_two.sql": TWO, "0001_one.sql": ONE})
    assert [migration.version for migration in await migrations.apply(url)] == [1, 2]
    assert await migrations.apply(url) == []
    later = write({"0001_one.sql": ONE, "0002_two.sql": TWO, "0003_three.sql": THREE})
    assert [migration.name for migration in await later.apply(url)] == ["three"]
    assert await applied(url) == [(1, "one"), (2, "two"), (3, "three")]
    assert await fetch(url, "SELECT id, name, three() FROM things") == [(1, "é", 3)]


async def test_four_at_once_apply_each_once(write: Write, url: str) -> None:
    migrations = write({"0001_one.sql": ONE + "\nSELECT pg_sleep(0.1);", "0002_two.sql": TWO, "0003_three.sql": THREE})
    results = await asyncio.gather(*(migrations.apply(url) for _ in range(4)))
    assert sorted(len(fresh) for fresh in results) == [0, 0, 0, 3]
    assert await applied(url) == [(1, "one"), (2, "two"), (3, "three")]


async def test_a_file_that_changed_after_it_was_applied_is_refused(write: Write, url: str) -> None:
    await write({"0001_one.sql": ONE}).apply(url)
    changed = write({"0001_one.sql": ONE + " ", "0002_two.sql": TWO})
    with pytest.raises(Fatal, match="migration 0001 of things_service was changed after it was applied"):
        await changed.apply(url)
    assert await applied(url) == [(1, "one")]
    renamed = write({"0001_another_name.sql": ONE, "0002_two.sql": TWO})
    assert len(await renamed.apply(url)) == 1  # what counts is what was run


async def test_line_ends_of_another_system_are_no_change(write: Write, url: str, tmp_path: Path) -> None:
    await write({"0001_one.sql": ONE}).apply(url)
    (tmp_path / "migrations" / "0001_one.sql").write_bytes(ONE.replace("\n", "\r\n").encode())
    assert await Migrations("things_service").apply(url) == []


BOOKED_TWICE = "INSERT INTO schema_migrations (version, name, checksum) VALUES (2, '', '');"


@pytest.mark.parametrize("broken", ["SELECT 1 / 0;", "CREATE TABLE things (id int);", "SELEC;", BOOKED_TWICE])
async def test_a_file_that_fails_leaves_nothing(write: Write, url: str, broken: str) -> None:
    bad = write({"0001_one.sql": ONE, "0002_two.sql": f"CREATE TABLE more (id int); {broken}", "0003_three.sql": THREE})
    with pytest.raises(asyncpg.PostgresError):
        await bad.apply(url)
    assert await applied(url) == [(1, "one")]
    assert await fetch(url, "SELECT to_regclass('more')") == [(None,)]
    good = write({"0001_one.sql": ONE, "0002_two.sql": TWO, "0003_three.sql": THREE})
    assert len(await good.apply(url)) == 2


async def test_a_database_is_compared_with_the_code(write: Write, url: str) -> None:
    migrations = write({"0001_one.sql": ONE, "0002_two.sql": TWO})
    connection = await asyncpg.connect(url)
    try:
        with pytest.raises(Fatal, match="at schema 0, not 2: migrate first"):
            await migrations.check(connection)
        await write({"0001_one.sql": ONE}).apply(url)
        with pytest.raises(Fatal, match="at schema 1, not 2: migrate first"):
            await migrations.check(connection)
        await migrations.apply(url)
        await migrations.check(connection)
        await write({"0001_one.sql": ONE}).check(connection)  # an older release runs on a newer schema
    finally:
        await connection.close()


@pytest.mark.parametrize(
    "names",
    [
        [],
        ["0002_two.sql"],
        ["0001_one.sql", "0003_three.sql"],
        ["0001_one.sql", "0001_two.sql"],
        ["0000_zero.sql", "0001_one.sql"],
    ],
)
def test_a_gap_or_a_repeat_in_the_numbers_is_refused(write: Write, names: list[str]) -> None:
    with pytest.raises(Fatal, match="are not numbered 0001, 0002"):
        write(dict.fromkeys(names, ONE))


@pytest.mark.parametrize(
    "name", ["2_two.sql", "0002-two.sql", "0002_Two.sql", "0002_two.v2.sql", "two.sql", "0002.sql"]
)
def test_a_file_of_another_name_is_not_passed_over(write: Write, name: str) -> None:
    with pytest.raises(Fatal, match=f"{name} is not named like 0001_what_it_does.sql"):
        write({"0001_one.sql": ONE, name: TWO})


def test_other_files_do_not_matter(write: Write) -> None:
    assert len(write({"0001_one.sql": ONE, "README.md": "", "0002_two.sql.orig": ""}).all) == 1


def test_a_package_without_migrations_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Fatal, match="there is no package nowhere_service"):
        Migrations("nowhere_service")
    (tmp_path / "inside" / "bare_service").mkdir(parents=True)
    (tmp_path / "inside" / "bare_service" / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path / "inside"))
    with pytest.raises(Fatal, match="bare_service has no migrations"):
        Migrations("bare_service")


async def test_a_lock_that_is_held_too_long_is_given_up(
    write: Write, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOCK_WAIT_SECONDS", 0.3)
    holder = await asyncpg.connect(url)
    await holder.execute("SELECT pg_advisory_lock($1)", module.LOCK)
    migrations = write({"0001_one.sql": ONE})
    with pytest.raises(Fatal, match="another migration has held the lock"):
        await migrations.apply(url)
    await holder.close()
    assert len(await migrations.apply(url)) == 1


async def command(*arguments: str, path: Path | None = None, **environment: str) -> tuple[int | None, str, str]:
    """`python -m chassis.migrations ...`: exit code, stdout, stderr."""
    root = Path(__file__).parents[3]
    paths = [str(root), *(str(root / name) for name in ("auth", "profile", "chat")), *([str(path)] if path else [])]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "chassis.migrations",
        *arguments,
        env={"PATH": os.environ.get("PATH", ""), "PYTHONPATH": os.pathsep.join(paths), **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(30):
        out, errors = await process.communicate()
    return process.returncode, out.decode(), errors.decode()


async def test_the_command_applies_says_so_and_ends_well(write: Write, url: str, tmp_path: Path) -> None:
    write({"0001_one.sql": ONE, "0002_two.sql": TWO})
    done = await command("things", path=tmp_path, DATABASE_URL=url)
    assert done == (0, "things: 0001_one, 0002_two\n", "")
    assert await command("things", path=tmp_path, DATABASE_URL=url) == (0, "things: nothing to do\n", "")


@pytest.mark.parametrize(
    ("arguments", "url_set"),
    [([], True), (["auth"], False), (["auth", "profile"], True), (["auth", "--wait", "a"], True)],
)
async def test_the_command_says_how_it_is_used(arguments: list[str], url_set: bool) -> None:
    code, out, errors = await command(*arguments, DATABASE_URL="postgresql://h/d" if url_set else "")
    assert (code, out) == (2, "")
    assert errors.startswith("usage: DATABASE_URL=")


async def test_the_command_waits_for_a_database_that_is_not_there_yet(write: Write, url: str, tmp_path: Path) -> None:
    write({"0001_one.sql": ONE})
    link, behind = await link_to(url)
    await link.cut()
    tried: asyncio.Queue[None] = asyncio.Queue()

    def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()
        tried.put_nowait(None)

    async with await asyncio.start_server(refuse, "127.0.0.1", link.port):
        waiting = asyncio.create_task(command("things", "--wait", "20", path=tmp_path, DATABASE_URL=behind))
        await tried.get()
        await tried.get()
    await link.open()
    assert await waiting == (0, "things: 0001_one\n", "")
    await link.cut()


async def test_the_command_fails_in_one_line(write: Write, url: str, tmp_path: Path) -> None:
    write({"0001_one.sql": "SELECT 1 / 0"})
    (port,) = free_ports(1)
    cases = [
        (["things"], url, "division by zero"),
        (["nowhere"], url, "there is no package nowhere_service"),
        (["things"], f"postgresql://u:secret@127.0.0.1:{port}/d", "Connect call failed"),
        (["things"], "redis://u:secret@127.0.0.1/0", "invalid DSN"),
        (["things"], "postgresql://u:secret@127.0.0.1:port/d", "invalid literal"),
    ]
    results = await asyncio.gather(*(command(*names, path=tmp_path, DATABASE_URL=where) for names, where, _ in cases))
    for (names, _, reason), (code, out, errors) in zip(cases, results, strict=True):
        assert (code, out, errors.count("\n")) == (1, "", 1), errors
        assert errors.startswith(f"could not migrate {names[0]}: ")
        assert reason in errors
        assert "secret" not in errors


@pytest.mark.parametrize("service", ["auth", "profile", "chat"])
async def test_each_services_migrations_can_be_applied(service: str, url: str) -> None:
    migrations = Migrations(f"{service}_service")
    fresh = await migrations.apply(url)
    assert [migration.version for migration in fresh] == list(range(1, len(fresh) + 1))
    assert await migrations.apply(url) == []
