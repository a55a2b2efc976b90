"""A backup taken while people talk, and restored: numbers go on without a gap, in another life of the database."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest

import devstack
from chassis.ids import uuid7
from chassis.migrations import Migrations
from chassis.postgres import SESSION_SETTINGS
from chat_service.store import SESSION_SETTINGS as STORE_SETTINGS
from chat_service.store import messages as store
from chat_service.store.epoch import select_epoch
from devstack.binaries import postgres_folder
from devstack.engines import Engines

ROOMS = 5
GUIDE = Path(devstack.__file__).parents[1] / "docs" / "operations" / "backup.md"
RECOVERY = """
restore_command = 'false'
recovery_target = 'immediate'
recovery_target_action = 'promote'
"""


@asynccontextmanager
async def connected(engines: Engines) -> AsyncIterator[Any]:
    """A connection as the service's."""
    url = await engines.create_database("chat")
    connection = await asyncpg.connect(url, server_settings={**SESSION_SETTINGS, **STORE_SETTINGS})
    try:
        yield connection
    finally:
        await connection.close()


async def make_rooms(connection: Any) -> tuple[list[UUID], UUID]:
    """Some rooms and somebody in all of them."""
    rooms, user = [uuid7() for _ in range(ROOMS)], uuid7()
    await connection.execute("INSERT INTO users (id, username, display_name) VALUES ($1, 'alice', 'Alice')", user)
    for room in rooms:
        await connection.execute("INSERT INTO rooms (id, kind, name) VALUES ($1, 'group', 'g')", room)
        await connection.execute("INSERT INTO members (room_id, user_id) VALUES ($1, $2)", room, user)
    return rooms, user


async def send(connection: Any, rooms: list[UUID], user: UUID) -> list[int]:
    """A message to each room; their numbers."""
    count = len(rooms)
    ids = [uuid7() for _ in rooms]
    rows = await store.send_messages(
        connection, ids, rooms, [user] * count, [one.hex for one in ids], ["hello"] * count, [None] * count
    )
    assert {row["outcome"] for row in rows} == {"stored"}
    return [row["seq"] for row in sorted(rows, key=lambda row: int(row["ord"]))]


async def back_up(engines: Engines, into: Path) -> None:
    """A base backup with the WAL that it needs."""
    program = postgres_folder() / "pg_basebackup"
    options = ["--checkpoint=fast", "--wal-method=stream", "--no-sync"]
    process = await asyncio.create_subprocess_exec(
        str(program), "--dbname", engines.postgres_url, "--pgdata", str(into), *options
    )
    assert await process.wait() == 0


def put_back(backup: Path, before: Path, after: Path) -> None:
    """Make a data directory of a backup, to be recovered to where the backup ended."""
    after.mkdir()
    shutil.copy2(before / "secret", after / "secret")
    owner = (before / "postgres" / "cluster").stat()
    cluster = after / "postgres" / "cluster"
    (after / "postgres").mkdir(mode=0o700)
    backup.rename(cluster)
    (cluster / "recovery.signal").touch()
    with (cluster / "postgresql.auto.conf").open("a") as file:
        file.write(RECOVERY)
    for path in [after / "postgres", cluster, *cluster.rglob("*")]:
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def checks() -> list[str]:
    """The two queries of the guide that must find nothing."""
    found = [block.strip() for block in GUIDE.read_text().split("\n\n") if block.startswith("    SELECT")]
    assert len(found) == 2
    return found


async def test_numbers_go_on_after_a_restore_in_another_life(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("restore")
    before, backup, after = folder / "before", folder / "backup", folder / "after"
    acknowledged: list[list[int]] = []
    async with Engines.start(before, valkey=False, durable=False) as engines:
        await Migrations("chat_service").apply(await engines.create_database("chat"))
        async with connected(engines) as connection:
            rooms, user = await make_rooms(connection)
            epoch = await select_epoch(connection)
            backing_up = asyncio.create_task(back_up(engines, backup))
            while not backing_up.done():
                acknowledged.append(await send(connection, rooms, user))
            await backing_up
            acknowledged.append(await send(connection, rooms, user))
    await asyncio.to_thread(put_back, backup, before, after)

    async with Engines.start(after, valkey=False, durable=False) as engines, connected(engines) as connection:
        while await connection.fetchval("SELECT pg_is_in_recovery()"):
            await asyncio.sleep(0.05)
        assert await select_epoch(connection) != epoch
        for query in checks():
            assert await connection.fetch(query) == []
        kept = dict(await connection.fetch("SELECT id, last_seq FROM rooms"))
        assert 0 < min(kept.values()) <= max(kept.values()) < len(acknowledged)  # the last one was after the backup
        assert await send(connection, rooms, user) == [kept[room] + 1 for room in rooms]
        for query in checks():
            assert await connection.fetch(query) == []
