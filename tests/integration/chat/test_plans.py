"""What history costs: a page touches as many buffers in a table of many messages as in one of few, at any depth."""

import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from chassis.ids import uuid7
from chassis.postgres import SESSION_SETTINGS
from chat_service import policy
from chat_service.store import SESSION_SETTINGS as STORE_SETTINGS
from chat_service.store import messages as store
from chat_service.store import rooms as room_store

PAGE = 50
FEW, MANY = 1_000, 60_000


class Explaining:
    """Stands in for a connection: runs the store's own statements under EXPLAIN."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.plan: dict[str, Any] = {}

    async def fetch(self, query: str, *arguments: Any) -> list[Any]:
        """Explain instead of answering."""
        explained = await self._connection.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query}", *arguments)
        self.plan = json.loads(explained)[0]["Plan"]
        return []


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[Any]:
    """A connection with the settings of the service."""
    settings = {**SESSION_SETTINGS, **STORE_SETTINGS, "statement_timeout": "60000"}
    connection = await asyncpg.connect(database_url, server_settings=settings)
    yield connection
    await connection.close()


async def fill(connection: Any, messages: int) -> UUID:
    """A room of one member with that many messages, as if they had been sent."""
    room, user = uuid7(), uuid7()
    await connection.execute("INSERT INTO users (id, username, display_name) VALUES ($1, $2, $2)", user, f"p{user.hex}")
    await connection.execute(
        "INSERT INTO rooms (id, kind, name, last_seq) VALUES ($1, 'group', 'g', $2)", room, messages
    )
    await connection.execute("INSERT INTO members (room_id, user_id) VALUES ($1, $2)", room, user)
    await connection.execute(
        """INSERT INTO messages (room_id, seq, id, sender_id, client_id, content, created_at)
           SELECT $1, n, gen_random_uuid(), $2, n::text, repeat('x', 80), now()
             FROM generate_series(1, $3::int) AS n""",
        room,
        user,
        messages,
    )
    return room


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """All nodes of a plan."""
    return [plan, *(node for child in plan.get("Plans", []) for node in nodes(child))]


def buffers(plan: dict[str, Any]) -> int:
    """Pages touched by a plan."""
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


async def test_a_page_costs_the_same_however_many_messages_there_are(connection: Any) -> None:
    few, many = await fill(connection, FEW), await fill(connection, MANY)
    await connection.execute("VACUUM ANALYZE messages")
    costs = {}
    for name, room, seqs in (("few", few, (FEW, FEW // 2)), ("many", many, (MANY, MANY // 2, 60))):
        for seq in seqs:
            for read in (store.select_messages_before, store.select_messages_after):
                explaining = Explaining(connection)
                await read(explaining, room, seq - (PAGE if read is store.select_messages_after else 0), PAGE)
                scans = [node for node in nodes(explaining.plan) if node.get("Alias", "").startswith("m")]
                used = [scan for scan in scans if scan.get("Actual Loops", 0) > 0]
                assert [scan["Node Type"] for scan in used] == ["Index Scan"], "one index of one partition"
                assert used[0]["Actual Rows"] <= PAGE
                assert not any(node["Node Type"] == "Sort" for node in nodes(explaining.plan))
                costs[name, seq, read.__name__] = buffers(used[0])
    assert max(costs.values()) <= 12, costs  # two or three index levels, a page of entries, a few of the table
    assert max(costs.values()) - min(costs.values()) <= 4, costs


async def test_changes_since_a_rev_cost_what_there_are_of_them(connection: Any) -> None:
    few, many = await fill(connection, FEW), await fill(connection, MANY)
    change = "UPDATE messages SET rev = seq / $2, content = 'y' WHERE room_id = $1 AND seq % $2 = 0"
    await connection.execute(change, few, 10)
    await connection.execute(change, many, 10)
    await connection.execute("VACUUM ANALYZE messages")
    costs = {}
    for name, room, last in (("few", few, FEW // 10), ("many", many, MANY // 10)):
        for after in (0, last // 2, last - PAGE, last):
            explaining = Explaining(connection)
            await store.select_changes(explaining, room, after, last + 9, PAGE)  # other changes moved the rev further
            scans = [node for node in nodes(explaining.plan) if node.get("Alias", "").startswith("m")]
            used = [scan for scan in scans if scan.get("Actual Loops", 0) > 0]
            assert [scan["Node Type"] for scan in used] == ["Index Scan"], "one index of one partition"
            assert "rev" in used[0]["Index Cond"]
            assert used[0]["Actual Rows"] == min(PAGE, last - after)
            assert not any(node["Node Type"] == "Sort" for node in nodes(explaining.plan))
            costs[name, after] = buffers(used[0])
    assert max(costs.values()) <= PAGE + 4, costs  # a page of the table for each, at worst, and the index
    assert max(costs["few", FEW // 10], costs["many", MANY // 10]) <= 3, costs  # nothing has changed


async def fill_direct(connection: Any, users: int, friends: int) -> list[UUID]:
    """So many users, each with a direct room with each of the next `friends`; the users."""
    ids = [uuid7() for _ in range(users)]
    await connection.execute(
        "INSERT INTO users (id, username, display_name) SELECT id, id::text, id::text FROM unnest($1::uuid[]) AS id",
        ids,
    )
    pairs = [(ids[n], ids[(n + step) % users]) for n in range(users) for step in range(1, friends + 1)]
    rooms, keys = [uuid7() for _ in pairs], [policy.direct_key(*pair) for pair in pairs]
    await connection.execute(
        """INSERT INTO rooms (id, kind, direct_key)
           SELECT id, 'direct', key FROM unnest($1::uuid[], $2::text[]) AS r (id, key)""",
        rooms,
        keys,
    )
    await connection.execute(
        "INSERT INTO members (room_id, user_id) SELECT * FROM unnest($1::uuid[], $2::uuid[])",
        [room for room in rooms for _ in range(2)],
        [user for pair in pairs for user in pair],
    )
    return ids


async def test_who_comes_or_goes_costs_as_much_as_he_has_partners(connection: Any) -> None:
    asked, friends = 20, 4
    few = await fill_direct(connection, 100, friends)
    many = await fill_direct(connection, 5_000, friends)
    await connection.execute("VACUUM ANALYZE users, rooms, members")
    for users in (few, many):
        partners = await room_store.select_direct_partners(connection, users[:asked])
        assert len(partners) == asked * 2 * friends
        members, rooms = [partner for _, _, partner in partners], [room for _, room, _ in partners]
        for read in (
            lambda explaining, users=users: room_store.select_direct_partners(explaining, users[:asked]),
            lambda explaining, members=members, rooms=rooms: room_store.select_rooms_seen(explaining, members, rooms),
        ):
            explaining = Explaining(connection)
            await read(explaining)
            kinds = {node["Node Type"] for node in nodes(explaining.plan)}
            assert "Seq Scan" not in kinds, explaining.plan
            assert buffers(explaining.plan) <= 25 * len(partners), buffers(explaining.plan)
