"""What a message costs the engines: `python -m deploy.capacity.measure` prints what `measured.json` holds."""

import asyncio
import os
import sys
import tempfile
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
from redis.asyncio import Redis

from chassis.ids import uuid7
from chassis.migrations import Migrations
from chassis.postgres import SESSION_SETTINGS
from chat_service.store import SESSION_SETTINGS as STORE_SETTINGS
from chat_service.store import messages as store
from devstack.engines import Engines

from .constants import Engines as Costs

ROOMS, BATCHES, TEXT = 200, 250, "x" * 100
PUBLISHES, PIPELINE, BODY = 100_000, 100, b"x" * 400
FEW, MANY = 1, 16


async def fill(connection: Any) -> tuple[float, float]:
    """Bytes stored, and of WAL, per message."""
    rooms, user = [uuid7() for _ in range(ROOMS)], uuid7()
    await connection.execute("INSERT INTO users (id, username, display_name) VALUES ($1, 'alice', 'Alice')", user)
    for room in rooms:
        await connection.execute("INSERT INTO rooms (id, kind, name) VALUES ($1, 'group', 'g')", room)
        await connection.execute("INSERT INTO members (room_id, user_id) VALUES ($1, $2)", room, user)
    before = await sizes(connection)
    for _ in range(BATCHES):
        await send(connection, rooms, user)
    after = await sizes(connection)
    count = ROOMS * BATCHES
    return (after[0] - before[0]) / count, (after[1] - before[1]) / count


async def send(connection: Any, rooms: list[UUID], user: UUID) -> None:
    """A message to each room, in one commit."""
    ids = [uuid7() for _ in rooms]
    columns = [[user] * ROOMS, [one.hex for one in ids], [TEXT] * ROOMS, [None] * ROOMS]
    await store.send_messages(connection, ids, rooms, *columns)  # type: ignore[arg-type]


async def sizes(connection: Any) -> tuple[float, float]:
    """Bytes of the messages with their indexes, and of all WAL ever written."""
    row = await connection.fetchrow(
        """SELECT (SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits
                    WHERE inhparent = 'messages'::regclass) AS stored,
                  pg_current_wal_lsn() - '0/0' AS wal"""
    )
    return float(row["stored"]), float(row["wal"])


async def publish(url: str, pid: int, listeners: int) -> float:
    """Microseconds of Redis' CPU per PUBLISH that so many hear."""
    clients = [Redis.from_url(url) for _ in range(listeners + 1)]
    heard = [client.pubsub() for client in clients[1:]]
    for one in heard:
        await one.subscribe("room")
    tasks = [asyncio.create_task(_listen(one)) for one in heard]
    before = cpu_seconds(pid)
    for _ in range(PUBLISHES // PIPELINE):
        pipeline = clients[0].pipeline(transaction=False)
        for _ in range(PIPELINE):
            pipeline.publish("room", BODY)
        await pipeline.execute()
    took = cpu_seconds(pid) - before
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for client in clients:
        await client.aclose()
    return took / PUBLISHES * 1e6


async def _listen(pubsub: Any) -> None:
    async for _ in pubsub.listen():
        pass


def cpu_seconds(pid: int) -> float:
    """User and system time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def measure(folder: Path) -> Costs:
    """All of it, on fresh engines that write every page to the WAL as a real server does."""
    async with Engines.start(folder) as engines:
        url = await engines.create_database("chat")
        await Migrations("chat_service").apply(url)
        connection = await asyncpg.connect(url, server_settings={**SESSION_SETTINGS, **STORE_SETTINGS})
        stored, wal = await fill(connection)
        await connection.close()
        few = await publish(engines.redis_url, engines.pids["valkey"], FEW)
        many = await publish(engines.redis_url, engines.pids["valkey"], MANY)
    heard = (many - few) / (MANY - FEW)
    return Costs(round(stored), round(wal), round(few - FEW * heard, 2), round(heard, 2))


def main() -> int:
    """The command."""
    with tempfile.TemporaryDirectory(prefix="parley-measure-") as folder:
        found = asyncio.run(measure(Path(folder)))
    sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
