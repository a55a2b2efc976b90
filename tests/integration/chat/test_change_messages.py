"""Edits and deletions in SQL: who may, what is left of the words, and what a rev finds again."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from chassis.ids import uuid7
from chassis.outbox_rows import mark_sent, unmark_sent
from chassis.postgres import SESSION_SETTINGS, is_away
from chat_service.store import SESSION_SETTINGS as STORE_SETTINGS
from chat_service.store import messages as store
from tests.integration.chat.test_send_messages import make_rooms, send

SETTINGS = {**SESSION_SETTINGS, **STORE_SETTINGS}


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[Any]:
    """A connection with the settings of the service."""
    connection = await asyncpg.connect(database_url, server_settings=SETTINGS)
    yield connection
    await connection.close()


async def say(connection: Any, room: UUID, user: UUID, *words: str) -> None:
    """Messages, each with itself as its client_id."""
    await send(connection, [(uuid7(), room, user, word, word) for word in words])


async def everything(connection: Any, room: UUID) -> str:
    """All that is stored of a room, as text."""
    tables = {"messages": "room_id", "outbox": "key", "rooms": "id", "members": "room_id"}
    found = [await connection.fetch(f"SELECT t::text FROM {t} t WHERE {key} = $1", room) for t, key in tables.items()]
    return "\n".join(row["t"] for rows in found for row in rows)


async def test_an_edit_gives_other_words_and_moves_the_rev(connection: Any) -> None:
    [room], [alice] = await make_rooms(connection, 1, 1)
    await say(connection, room, alice, "one", "two")
    first = await store.edit_message(connection, room, 1, alice, "uno")
    second = await store.edit_message(connection, room, 2, alice, "due")
    assert [(c.outcome, c.last_seq, c.room_rev) for c in (first, second)] == [("changed", 2, 1), ("changed", 2, 2)]
    assert first.message is not None
    assert second.message is not None
    assert (first.message.content, first.message.rev, first.message.client_id) == ("uno", 1, "one")
    assert first.message.edited_at is not None
    assert second.message.edited_at is not None
    assert first.message.created_at < first.message.edited_at < second.message.edited_at
    assert first.message.deleted_at is None
    assert await store.select_messages_after(connection, room, 0, 9) == [first.message, second.message]
    again = await store.edit_message(connection, room, 1, alice, "uno")
    assert (again.outcome, again.room_rev, again.message) == ("unchanged", 2, first.message)


async def test_a_deletion_leaves_nothing_of_the_words(connection: Any) -> None:
    [room], [alice] = await make_rooms(connection, 1, 1)
    await say(connection, room, alice, "kept", "secret0")
    for word in ("secret1", "secret2"):
        await store.edit_message(connection, room, 2, alice, word)
    sent = [row["id"] for row in await connection.fetch("SELECT id FROM outbox WHERE key = $1", room)]
    await mark_sent(connection, sent, keep=True)
    change = await store.delete_message(connection, room, 2, alice)
    assert (change.outcome, change.room_rev) == ("changed", 3)
    assert change.message is not None
    assert (change.message.content, change.message.rev) == ("", 3)
    assert change.message.deleted_at is not None
    left = await everything(connection, room)
    assert "kept" in left
    assert left.count("secret0") == 1, "the client_id, and nothing else"
    assert "secret1" not in left
    assert "secret2" not in left
    again = await store.delete_message(connection, room, 2, alice)
    assert (again.outcome, again.room_rev, again.message) == ("unchanged", 3, change.message)
    assert (await store.edit_message(connection, room, 2, alice, "back")).outcome == "deleted"


async def test_events_that_are_sent_again_say_what_the_message_says_now(connection: Any) -> None:
    [room], [alice] = await make_rooms(connection, 1, 1)
    await say(connection, room, alice, "a", "b")
    for seq, word in ((1, "a1"), (2, "b1"), (1, "a2")):
        await store.edit_message(connection, room, seq, alice, word)
    await store.delete_message(connection, room, 2, alice)
    await connection.execute("UPDATE outbox SET sent_at = now() WHERE key = $1", room)
    await unmark_sent(connection, 1000)
    rows = await connection.fetch("SELECT type, payload FROM outbox WHERE key = $1 ORDER BY id", room)
    events = [(row["type"], json.loads(row["payload"])["data"]) for row in rows]
    seen = [(kind, data["seq"], data.get("rev"), data.get("content")) for kind, data in events]
    assert seen == [
        ("message.created", 1, None, "a2"),
        ("message.created", 2, None, ""),
        ("message.changed", 1, 1, None),
        ("message.changed", 2, 2, None),
        ("message.changed", 1, 3, "a2"),
        ("message.changed", 2, 4, None),
    ]
    assert [data.get("deleted") for _, data in events][:2] == [None, True]
    assert ["edited_at" in data or "deleted_at" in data for _, data in events[2:]] == [True] * 4
    assert {data["user"] for _, data in events} == {data["by"] for _, data in events[2:]} == {str(alice)}


async def test_who_may_change_what(connection: Any) -> None:
    [room], [owner, alice, eve] = await make_rooms(connection, 1, 3)
    await connection.execute("UPDATE members SET role = 'owner' WHERE user_id = $1", owner)
    await connection.execute("DELETE FROM members WHERE user_id = $1", eve)
    await say(connection, room, alice, "alice's")
    await say(connection, room, owner, "owner's")
    attempts = {
        "another's edit": await store.edit_message(connection, room, 2, alice, "x"),
        "the owner's edit of another's": await store.edit_message(connection, room, 1, owner, "x"),
        "another's deletion": await store.delete_message(connection, room, 2, alice),
        "a stranger's": await store.delete_message(connection, room, 1, eve),
        "in no room": await store.delete_message(connection, uuid7(), 1, alice),
        "beyond the last": await store.delete_message(connection, room, 3, alice),
        "before the first": await store.edit_message(connection, room, 0, alice, "x"),
        "the owner's deletion of another's": await store.delete_message(connection, room, 1, owner),
    }
    assert [change.outcome for change in attempts.values()] == [
        *["forbidden"] * 3,
        *["no_room"] * 2,
        *["no_message"] * 2,
        "changed",
    ]
    assert [change.message is None for change in attempts.values()] == [True] * 7 + [False]
    assert await connection.fetchval("SELECT rev FROM rooms WHERE id = $1", room) == 1
    by = "SELECT payload->'data'->>'by' FROM outbox WHERE key = $1 AND type = 'message.changed'"
    assert await connection.fetchval(by, room) == str(owner)


async def test_a_send_of_a_message_that_was_changed_meanwhile_is_its_duplicate(connection: Any) -> None:
    [room], [alice] = await make_rooms(connection, 1, 1)
    await say(connection, room, alice, "one", "two")
    await store.edit_message(connection, room, 1, alice, "uno")
    await store.delete_message(connection, room, 2, alice)
    rows = await send(connection, [(uuid7(), room, alice, word, word) for word in ("one", "two")])
    assert [(row["outcome"], row["seq"]) for row in rows] == [("duplicate", 1), ("duplicate", 2)]
    contents = [row.content for row in await store.select_messages_after(connection, room, 0, 9)]
    assert contents == ["uno", ""]
    assert await connection.fetchval("SELECT last_seq FROM rooms WHERE id = $1", room) == 2


async def test_random_sends_and_changes_under_killed_backends_keep_both_orders_dense(
    database_url: str, connection: Any
) -> None:
    chance = random.Random(7)
    rooms, users = await make_rooms(connection, 3, 4)
    backends: set[int] = set()
    changed: dict[tuple[UUID, int], store.Change] = {}
    running = 4

    async def worker(number: int) -> None:
        nonlocal running
        chance = random.Random(number)
        link: Any = None
        for turn in range(60):
            room, user = chance.choice(rooms), chance.choice(users)
            while True:
                try:
                    if link is None or link.is_closed():
                        link = await asyncpg.connect(database_url, server_settings=SETTINGS)
                        backends.add(link.get_server_pid())
                    what, seq = chance.random(), chance.randint(1, 30)
                    author = "SELECT sender_id FROM messages WHERE room_id = $1 AND seq = $2"
                    user = await link.fetchval(author, room, seq) or user
                    if what < 0.5:
                        name = f"{number}:{turn}"
                        await send(link, [(uuid7(), room, user, f"{name}:{n}", name) for n in range(3)])
                    elif what < 0.85:
                        change = await store.edit_message(link, room, seq, user, f"edit {number}:{turn}")
                    else:
                        change = await store.delete_message(link, room, seq, user)
                    if what >= 0.5 and change.outcome == "changed":
                        changed[room, change.room_rev] = change
                    break
                except Exception as error:
                    if not is_away(error):
                        raise
                    if link is not None:
                        link.terminate()
                    link = None
        running -= 1
        await link.close()

    async def trouble() -> None:
        while running:
            await asyncio.sleep(0.02)
            if backends and chance.random() < 0.3:
                await connection.execute("SELECT pg_terminate_backend($1)", backends.pop())

    async with asyncio.TaskGroup() as group:
        group.create_task(trouble())
        for number in range(4):
            group.create_task(worker(number))
    assert len(changed) > 20
    for room in rooms:
        last_seq, rev = await connection.fetchrow("SELECT last_seq, rev FROM rooms WHERE id = $1", room)
        rows = await store.select_messages_after(connection, room, 0, 1000)
        assert [row.seq for row in rows] == list(range(1, last_seq + 1))
        events = await connection.fetch(
            """SELECT (payload->'data'->>'rev')::int AS rev, payload->'data'->>'content' AS content, id
                 FROM outbox WHERE key = $1 AND type = 'message.changed' ORDER BY id""",
            room,
        )
        assert [event["rev"] for event in events] == list(range(1, rev + 1))
        states = {row.rev: row for row in rows if row.rev}
        found = []
        after = 0
        while page := await store.select_changes(connection, room, after, rev, 3):
            found += page
            after = page[-1].rev
        assert found == [states[number] for number in sorted(states)]
        for event in events:
            row = states.get(event["rev"])
            if row is None:
                assert event["content"] is None, "superseded words are gone"
            elif row.deleted_at is None:
                assert event["content"] == row.content
        for (changed_room, number), change in changed.items():
            if changed_room == room and number in states:
                assert change.message == states[number]
