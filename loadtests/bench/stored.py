"""A room with many messages: what one more costs, and what a page of its history does."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import msgspec

from chassis.postgres import SESSION_SETTINGS
from chat_service.store import SESSION_SETTINGS as STORE_SETTINGS
from chat_service.store.messages import select_messages_before

from .accounts import Person
from .machine import cpu_seconds
from .results import OfStored
from .rig import Rig, Server, socket_of

PAGE = 50
PAGES = 400  # at some hundred microseconds each: many ticks of the clock that counts CPU time
WARM_PAGES = 50
WINDOW = 16

FILL = """
    INSERT INTO messages (room_id, seq, id, sender_id, client_id, content, created_at)
    SELECT $1, n, gen_random_uuid(), $2, 'old-' || n, n || ': The quick brown fox jumps over the lazy dog.', now()
      FROM generate_series(1, $3::bigint) n"""


class Explaining:
    """In a connection's place: plans and runs a query, and keeps how many buffers that touched."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.buffers = 0

    async def fetch(self, query: str, *values: object) -> list[Any]:
        """No rows."""
        plan = await self._connection.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query}", *values)
        top = msgspec.json.decode(plan)[0]["Plan"]
        self.buffers = top["Shared Hit Blocks"] + top["Shared Read Blocks"]
        return []


async def fill(rig: Rig, room_id: str, count: int) -> None:
    """Give a new room that many messages, of its owner, and leave nothing behind that the engine would do later."""
    connection = await asyncpg.connect(rig.database)
    try:
        room = UUID(room_id)
        async with connection.transaction():
            owner = await connection.fetchval("SELECT user_id FROM members WHERE room_id = $1 AND role = 'owner'", room)
            await connection.execute(FILL, room, owner, count, timeout=300)
            await connection.execute("UPDATE rooms SET last_seq = $2 WHERE id = $1", room, count)
        await connection.execute("VACUUM ANALYZE messages", timeout=300)
    finally:
        await connection.close()
    admin = await asyncpg.connect(rig.engines.postgres_url)
    try:
        await admin.execute("CHECKPOINT", timeout=300)
    finally:
        await admin.close()


async def measure_stored(
    rig: Rig, pod: Server, people: Sequence[Person], room_id: str, count: int, seconds: float
) -> OfStored:
    """What a message and a page cost in a room of two with `count` messages.

    Arguments:
        people: both members.
        seconds: how long messages are sent; they come on top of `count`.
    """
    newest, middle, oldest = await _buffers(rig, room_id, count)
    per_page = await _page_us(pod, people[0], room_id, count)
    sockets = [socket_of(person, room_id, pod) for person in people]
    backends = _backends(rig.engines.pids["postgres"])
    load = await rig.generator.run(sockets, [pod.pid, *backends], room_size=2, window=WINDOW, seconds=seconds)
    used = {process.pid: process.cpu_seconds for process in load.processes}
    postgres = sum(used[pid] for pid in backends)
    return OfStored(
        messages=count,
        pod_us_per_message=round(used[pod.pid] / load.messages * 1e6, 2),
        postgres_us_per_message=round(postgres / load.messages * 1e6, 2),
        pod_us_per_page=round(per_page, 1),
        buffers_newest=newest,
        buffers_middle=middle,
        buffers_oldest=oldest,
        messages_per_s=round(load.messages / load.seconds, 1),
    )


async def _buffers(rig: Rig, room_id: str, count: int) -> list[int]:
    """Touched by the newest page, one in the middle and the oldest; each read once before, to warm the catalogue."""
    connection = await asyncpg.connect(rig.database, server_settings={**SESSION_SETTINGS, **STORE_SETTINGS})
    try:
        explaining = Explaining(connection)
        touched = []
        for before in (count + 1, count // 2, PAGE + 1):
            for _ in range(2):
                await select_messages_before(explaining, UUID(room_id), before, PAGE)
            touched.append(explaining.buffers)
        return touched
    finally:
        await connection.close()


async def _page_us(pod: Server, person: Person, room_id: str, count: int) -> float:
    """CPU of the pod for a page over HTTP, at places all over the room."""
    headers = {"Authorization": f"Bearer {person.token}"}
    async with httpx.AsyncClient(base_url=pod.url, timeout=30, trust_env=False, headers=headers) as client:

        async def read(pages: int) -> None:
            for n in range(pages):
                before = PAGE + 1 + (count - PAGE) * n // pages
                query = {"before": before, "limit": PAGE}
                response = await client.get(f"/api/chat/{room_id}/messages/", params=query)
                response.raise_for_status()

        await read(WARM_PAGES)
        start = cpu_seconds(pod.pid)
        await read(PAGES)
        return (cpu_seconds(pod.pid) - start) / PAGES * 1e6


def _backends(postmaster: int) -> list[int]:
    """The server processes of chat's connections."""
    lists = Path(f"/proc/{postmaster}/task").glob("*/children")
    children = [int(pid) for file in lists for pid in file.read_text().split()]
    return [pid for pid in children if Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"postgres: chat ")]
