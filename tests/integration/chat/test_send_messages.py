"""The group commit in SQL: whatever happens to its callers, no gap, no double, no lost acknowledgement."""

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from chassis.ids import uuid7
from chassis.postgres import SESSION_SETTINGS, is_away
from chat_service.store import SESSION_SETTINGS as STORE_SETTINGS
from chat_service.store import messages as store

SETTINGS = {**SESSION_SETTINGS, **STORE_SETTINGS}
ROOMS, SENDERS, CONNECTIONS, BATCHES = 12, 6, 5, 60
Send = tuple[Any, ...]  # id, room, sender, client_id, content, and what it replies to if it does


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[Any]:
    """A connection with the settings of the service."""
    connection = await asyncpg.connect(database_url, server_settings=SETTINGS)
    yield connection
    await connection.close()


async def make_rooms(connection: Any, rooms: int, members: int) -> tuple[list[UUID], list[UUID]]:
    """Groups, each with all of the members."""
    room_ids, user_ids = [uuid7() for _ in range(rooms)], [uuid7() for _ in range(members)]
    await connection.executemany(
        "INSERT INTO users (id, username, display_name) VALUES ($1, $2, $2)", [(u, f"s{u.hex}") for u in user_ids]
    )
    await connection.executemany(
        "INSERT INTO rooms (id, kind, name) VALUES ($1, 'group', 'g')", [(r,) for r in room_ids]
    )
    await connection.executemany(
        "INSERT INTO members (room_id, user_id) VALUES ($1, $2)", [(r, u) for r in room_ids for u in user_ids]
    )
    return room_ids, user_ids


async def send(connection: Any, sends: Sequence[Send]) -> list[Any]:
    """One group commit; rows in the order of `sends`."""
    whole = [entry if len(entry) == 6 else (*entry, None) for entry in sends]
    rows = await store.send_messages(connection, *([entry[column] for entry in whole] for column in range(6)))
    assert sorted(row["ord"] for row in rows) == list(range(1, len(sends) + 1))
    return sorted(rows, key=lambda row: int(row["ord"]))


async def test_a_batch_is_numbered_in_its_order_per_room(connection: Any) -> None:
    [one, two], [user] = await make_rooms(connection, 2, 1)
    sends = [(uuid7(), room, user, str(n), f"m{n}") for n, room in enumerate([one, two, one, one, two])]
    rows = await send(connection, sends)
    assert [(row["outcome"], row["seq"]) for row in rows] == [("stored", s) for s in (1, 1, 2, 3, 2)]
    assert await connection.fetchval("SELECT last_seq FROM rooms WHERE id = $1", one) == 3


async def test_the_same_client_id_gets_the_first_row_in_a_batch_and_after_it(connection: Any) -> None:
    [room], [user] = await make_rooms(connection, 1, 1)
    sends = [(uuid7(), room, user, "same", "words") for _ in range(3)]
    rows = await send(connection, sends)
    assert [row["outcome"] for row in rows] == ["stored", "duplicate", "duplicate"]
    assert {(row["id"], row["seq"], row["created_at"]) for row in rows} == {(sends[0][0], 1, rows[0]["created_at"])}
    [again] = await send(connection, [(uuid7(), room, user, "same", "words")])
    assert (again["outcome"], again["id"], again["created_at"]) == ("duplicate", sends[0][0], rows[0]["created_at"])


async def test_the_same_client_id_with_other_words_is_refused(connection: Any) -> None:
    [room], [user] = await make_rooms(connection, 1, 1)
    rows = await send(connection, [(uuid7(), room, user, "same", "words"), (uuid7(), room, user, "same", "other")])
    assert [row["outcome"] for row in rows] == ["stored", "client_id_reused"]
    [later] = await send(connection, [(uuid7(), room, user, "same", "other")])
    assert later["outcome"] == "client_id_reused"
    assert await connection.fetchval("SELECT count(*) FROM messages WHERE room_id = $1", room) == 1


async def test_client_ids_belong_to_their_sender_and_room(connection: Any) -> None:
    [one, two], [alice, bob] = await make_rooms(connection, 2, 2)
    sends = [(uuid7(), room, user, "same", "words") for room in (one, two) for user in (alice, bob)]
    assert {row["outcome"] for row in await send(connection, sends)} == {"stored"}


async def test_a_stranger_and_an_unknown_room_are_refused_without_a_hole(connection: Any) -> None:
    [room], [user] = await make_rooms(connection, 1, 1)
    stranger, nowhere = uuid7(), uuid7()
    sends = [
        (uuid7(), room, stranger, "a", "x"),
        (uuid7(), room, user, "b", "y"),
        (uuid7(), nowhere, user, "c", "z"),
    ]
    rows = await send(connection, sends)
    assert [(row["outcome"], row["seq"]) for row in rows] == [
        ("not_a_member", None),
        ("stored", 1),
        ("not_a_member", None),
    ]


async def test_sending_moves_the_own_marker_and_posts_an_event_per_message(connection: Any) -> None:
    [room], [alice, bob] = await make_rooms(connection, 1, 2)
    sends = [(uuid7(), room, alice, str(n), "x") for n in range(3)]
    await send(connection, sends)
    marks = dict(await connection.fetch("SELECT user_id, read_seq FROM members WHERE room_id = $1", room))
    assert marks == {alice: 3, bob: 0}
    events = await connection.fetch(
        "SELECT payload->>'id' AS id, (payload->'data'->>'seq')::int AS seq FROM outbox WHERE key = $1 ORDER BY id",
        room,
    )
    assert [(UUID(row["id"]), row["seq"]) for row in events] == [(sends[n][0], n + 1) for n in range(3)]


async def test_a_reply_names_a_message_that_was_there_before_its_batch(connection: Any) -> None:
    [room, other], [user, eve] = await make_rooms(connection, 2, 2)
    await connection.execute("DELETE FROM members WHERE room_id = $1 AND user_id = $2", room, eve)
    await send(connection, [(uuid7(), room, user, "first", "x")])
    sends = [
        (uuid7(), room, user, "reply", "y", 1),
        (uuid7(), room, user, "to itself", "y", 3),
        (uuid7(), room, user, "too far", "y", 2),
        (uuid7(), room, user, "too far", "y", 2),
        (uuid7(), room, user, "nothing", "y", 0),
        (uuid7(), other, user, "elsewhere", "y", 1),
        (uuid7(), room, eve, "no member", "y", 7),
        (uuid7(), room, user, "plain", "y"),
    ]
    rows = await send(connection, sends)
    wrong = ("reply_not_found", None)
    outcomes = [(row["outcome"], row["seq"]) for row in rows]
    assert outcomes == [("stored", 2), *[wrong] * 5, ("not_a_member", None), ("stored", 3)]
    replies = await connection.fetch("SELECT seq, reply_to FROM messages WHERE room_id = $1 ORDER BY seq", room)
    assert [tuple(row) for row in replies] == [(1, None), (2, 1), (3, None)]
    told = "SELECT payload->'data'->'reply_to' FROM outbox WHERE key = $1 AND payload->>'id' = $2"
    assert await connection.fetchval(told, room, str(sends[0][0])) == "1"


async def test_the_same_client_id_as_a_reply_to_something_else_is_refused(connection: Any) -> None:
    [room], [user] = await make_rooms(connection, 1, 1)
    await send(connection, [(uuid7(), room, user, name, "x") for name in ("one", "two")])
    rows = await send(connection, [(uuid7(), room, user, "c", "x", reply) for reply in (1, 1, 2, None)])
    assert [row["outcome"] for row in rows] == ["stored", "duplicate", "client_id_reused", "client_id_reused"]
    rows = await send(connection, [(uuid7(), room, user, "c", "x", reply) for reply in (1, 2, None)])
    assert [row["outcome"] for row in rows] == ["duplicate", "client_id_reused", "client_id_reused"]


async def test_a_pod_of_the_version_before_sends_with_what_it_knows(connection: Any) -> None:
    [room], [user] = await make_rooms(connection, 1, 1)
    await send(connection, [(uuid7(), room, user, "one", "x"), (uuid7(), room, user, "two", "y")])
    await send(connection, [(uuid7(), room, user, "reply", "z", 1)])
    rows = await connection.fetch(
        "SELECT ord, outcome, seq FROM send_messages($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[])",
        [uuid7() for _ in range(4)],
        [room] * 4,
        [user] * 4,
        ["three", "reply", "one", "two"],
        ["w", "z", "x", "other"],
    )
    outcomes = {row["ord"]: (row["outcome"], row["seq"]) for row in rows}
    assert outcomes == {1: ("stored", 4), 2: ("duplicate", 3), 3: ("duplicate", 1), 4: ("client_id_reused", 2)}


async def test_a_rollback_leaves_no_hole(connection: Any) -> None:
    [room], [user] = await make_rooms(connection, 1, 1)
    with pytest.raises(ZeroDivisionError):
        async with connection.transaction():
            await send(connection, [(uuid7(), room, user, "lost", "x")])
            raise ZeroDivisionError
    [row] = await send(connection, [(uuid7(), room, user, "kept", "x")])
    assert row["seq"] == 1


@pytest.mark.parametrize("seed", [1, 2])
async def test_random_sends_with_churn_and_killed_backends_lose_and_double_nothing(
    database_url: str, connection: Any, seed: int
) -> None:
    chance = random.Random(seed)
    rooms, users = await make_rooms(connection, ROOMS, SENDERS)
    acked: dict[tuple[UUID, UUID, str], set[tuple[UUID, int]]] = defaultdict(set)
    words: dict[tuple[UUID, UUID, str], str] = {}
    backends: set[int] = set()
    running = CONNECTIONS

    async def writer(number: int) -> None:
        """Send batches full of repeats; after a kill, repeat the batch whose outcome is unknown."""
        nonlocal running
        chance = random.Random(seed * 100 + number)
        link: Any = None
        for _ in range(BATCHES):
            batch = []
            for _ in range(chance.randint(1, 40)):
                room, user, client = chance.choice(rooms), chance.choice(users), str(chance.randint(0, 150))
                content = words.setdefault((room, user, client), f"{room}{user}{client}")
                batch.append((uuid7(), room, user, client, content))
            while True:
                try:
                    if link is None or link.is_closed():
                        link = await asyncpg.connect(database_url, server_settings=SETTINGS)
                        backends.add(link.get_server_pid())
                    rows = await send(link, batch)
                    break
                except asyncpg.LockNotAvailableError:
                    continue
                except Exception as error:
                    if not is_away(error):
                        raise
                    if link is not None:
                        link.terminate()
                    link = None
            for entry, row in zip(batch, rows, strict=True):
                if row["outcome"] in ("stored", "duplicate"):
                    acked[entry[1], entry[2], entry[3]].add((row["id"], row["seq"]))
                else:
                    assert row["outcome"] == "not_a_member"
        running -= 1
        await link.close()

    async def trouble() -> None:
        """Kill backends, remove and add members."""
        while running:
            await asyncio.sleep(0.02)
            room, user = chance.choice(rooms), chance.choice(users)
            await connection.execute("DELETE FROM members WHERE room_id = $1 AND user_id = $2", room, user)
            if backends and chance.random() < 0.5:
                await connection.execute("SELECT pg_terminate_backend($1)", backends.pop())
            await connection.execute(
                "INSERT INTO members (room_id, user_id) VALUES ($1, $2) ON CONFLICT DO NOTHING", room, user
            )

    async with asyncio.TaskGroup() as group:
        group.create_task(trouble())
        for number in range(CONNECTIONS):
            group.create_task(writer(number))

    rows = await connection.fetch(
        """SELECT m.room_id, m.seq, m.id, m.sender_id, m.client_id, m.content, m.created_at, r.last_seq
             FROM messages m JOIN rooms r ON r.id = m.room_id WHERE m.room_id = ANY ($1) ORDER BY m.room_id, m.seq""",
        rooms,
    )
    stored = {(row["room_id"], row["sender_id"], row["client_id"]): (row["id"], row["seq"]) for row in rows}
    assert len(stored) == len(rows), "a client_id was stored twice"
    assert len(acked) > 500
    for key, answers in acked.items():
        assert answers == {stored[key]}, "an acknowledgement names another row than the stored one"
    by_room = defaultdict(list)
    for row in rows:
        by_room[row["room_id"]].append(row)
        assert row["content"] == words[row["room_id"], row["sender_id"], row["client_id"]]
    for room in by_room.values():
        assert [row["seq"] for row in room] == list(range(1, room[0]["last_seq"] + 1))
        assert [row["created_at"] for row in room] == sorted(row["created_at"] for row in room)
    events = await connection.fetch("SELECT payload->>'id' AS id FROM outbox WHERE key = ANY ($1)", rooms)
    assert sorted(row["id"] for row in events) == sorted(str(row["id"]) for row in rows)
