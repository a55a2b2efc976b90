"""What auth says of users through Kafka, and what it does to profiles."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import msgspec
import pytest

from chassis.ids import uuid7
from chassis.kafka import Kafka
from chassis.migrations import Migrations
from chassis.outbox import OutboxRelay
from chassis.postgres import Postgres
from chassis.times import rfc3339, utc_now
from contracts.events import MESSAGE_CREATED, USER_DELETED, USER_REGISTERED, USER_TOPIC, USER_UPDATED, Event
from profile_service import events as events_module
from profile_service.events import UserEvents
from tests.support.auth import REGISTERED_AT, FakeAuth
from tests.support.outbox import TABLE


def event(kind: str, user_id: UUID, **data: object) -> Event:
    return Event(uuid7(), kind, 1, rfc3339(utc_now()) or "", {"user_id": str(user_id), **data})


def registered(user_id: UUID, username: str, display_name: str = "") -> Event:
    names = {"username": username, "display_name": display_name or username, "email": None}
    return event(USER_REGISTERED, user_id, **names, created_at=REGISTERED_AT)


@pytest.fixture
async def postgres(database_url: str) -> AsyncIterator[Postgres]:
    """The service's database."""
    postgres = Postgres(database_url, Migrations("profile_service"))
    await postgres.start()
    yield postgres
    await postgres.stop()


async def show(postgres: Postgres, user_id: UUID) -> Any:
    async with postgres.connection() as connection:
        return await connection.fetchrow(
            "SELECT username, display_name, username_key, display_key, deleted_at FROM user_profiles WHERE id = $1",
            user_id,
        )


async def test_a_registered_user_is_found_by_the_beginning_of_his_name_within_a_second(
    start: Any,
    auth: FakeAuth,
    kafka_url: str,
    postgres_database: Callable[..., str],
) -> None:
    url = postgres_database("auth")
    box = await asyncpg.connect(url)
    await box.execute(TABLE)
    relay = OutboxRelay(Kafka(kafka_url.removeprefix("kafka://")), url, USER_TOPIC)
    bob = auth.register("bob")

    async def tell(said: Event) -> None:
        sql = "INSERT INTO outbox (key, type, payload) VALUES ($1, $2, $3::text::jsonb)"
        await box.execute(sql, UUID(said.data["user_id"]), said.type, msgspec.json.encode(said).decode())

    async def found(client: httpx.AsyncClient, term: str, count: int) -> list[str]:
        while True:
            results = (await client.get("/profiles", params={"search": term}, headers=bob.headers)).json()["results"]
            if len(results) == count:
                return [item["displayName"] for item in results]
            await asyncio.sleep(0.02)

    await relay.start()
    try:
        async with start(kafka_url=kafka_url, kafka_session_seconds=2.0) as client:
            await tell(registered(uuid7(), "kafka.first"))
            async with asyncio.timeout(30):
                await found(client, "kafka.fir", 1)  # by now it has joined its group
            asked, carol = len(auth.asked), uuid7()
            async with asyncio.timeout(1):
                await tell(registered(carol, "kafka.carol", "Carol C."))
                assert await found(client, "kafka.car", 1) == ["Carol C."]
            async with asyncio.timeout(1):
                await tell(event(USER_UPDATED, carol, username="kafka.Karola"))
                assert await found(client, "kafka.kar", 1) == ["Carol C."]
            async with asyncio.timeout(1):
                await tell(event(USER_DELETED, carol))
                await found(client, "kafka.kar", 0)
            assert (await client.get(f"/profiles/{carol}", headers=bob.headers)).status_code == 404
            assert not [question for question in auth.asked[asked:] if str(carol) in question]
    finally:
        await relay.stop()
        await box.close()


async def test_an_event_is_applied_once(postgres: Postgres) -> None:
    users, user_id = UserEvents(postgres), uuid7()
    first, second = registered(user_id, "old", "Old"), event(USER_UPDATED, user_id, username="new", display_name="New")
    for said in (first, second, first, second, first):
        await users.apply(said)
    row = await show(postgres, user_id)
    assert tuple(row)[:4] == ("new", "New", "new", "new")
    await users.apply(event(USER_UPDATED, user_id, display_name="NEWER"))
    row = await show(postgres, user_id)
    assert tuple(row)[:4] == ("new", "NEWER", "new", "newer")


async def test_a_registration_completes_what_was_made_from_a_token(
    postgres: Postgres, start: Any, auth: FakeAuth
) -> None:
    alice, bob = auth.register("alice", "Alice A."), auth.register("bob", "Bob B.")
    async with start() as client:
        await client.get("/profiles/me", headers=auth.register("somebody").headers)  # the keys are known from now on
        await auth.close()
        for user in (alice, bob):
            mine = (await client.get("/profiles/me", headers=user.headers)).json()
            assert mine["displayName"] == user.username
        await client.patch("/profiles/me", headers=bob.headers, json={"displayName": "Bobby"})
        for user, name in ((alice, "Alice A."), (bob, "Bob B.")):
            await UserEvents(postgres).apply(registered(user.id, user.username, name))
        mine = (await client.get("/profiles/me", headers=alice.headers)).json()
        assert (mine["displayName"], mine["createdAt"]) == ("Alice A.", REGISTERED_AT)
        assert (await client.get("/profiles/me", headers=bob.headers)).json()["displayName"] == "Bobby"
        await auth.open()


async def test_nothing_brings_a_removed_profile_back(postgres: Postgres, start: Any, auth: FakeAuth) -> None:
    alice, stranger = auth.register("alice"), uuid7()
    async with start() as client:
        await client.delete("/profiles/me", headers=alice.headers)
    users = UserEvents(postgres)
    await users.apply(event(USER_DELETED, stranger))  # never heard of before
    for user_id in (alice.id, stranger):
        await users.apply(registered(user_id, "back"))
        await users.apply(event(USER_UPDATED, user_id, username="back"))
        row = await show(postgres, user_id)
        assert (row["username"], row["username_key"]) == ("", "")
        assert row["deleted_at"] is not None


async def test_a_user_who_is_not_here_is_not_made_by_a_change_of_name(postgres: Postgres) -> None:
    user_id = uuid7()
    await UserEvents(postgres).apply(event(USER_UPDATED, user_id, username="nobody"))
    assert await show(postgres, user_id) is None


async def test_events_of_other_kinds_are_no_concern_of_profiles(postgres: Postgres) -> None:
    said = Event(uuid7(), MESSAGE_CREATED, 1, "", {"anything": 1})
    await UserEvents(postgres).apply(said)
    async with postgres.connection() as connection:
        assert not await connection.fetchval("SELECT count(*) FROM applied_events WHERE id = $1", said.id)


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (USER_REGISTERED, {}),
        (USER_REGISTERED, {"username": "a", "display_name": "a", "created_at": "2026-01-31T12:00:00"}),
        (USER_UPDATED, {"username": 7}),
        (USER_DELETED, {"user_id": "me"}),
    ],
)
async def test_data_of_another_form_change_nothing(postgres: Postgres, kind: str, data: dict[str, object]) -> None:
    said = Event(uuid7(), kind, 1, "", {"user_id": str(uuid7()), **data})
    with pytest.raises(msgspec.ValidationError):
        await UserEvents(postgres).apply(said)
    async with postgres.connection() as connection:
        assert not await connection.fetchval("SELECT count(*) FROM applied_events WHERE id = $1", said.id)


async def test_names_are_cut_to_what_the_table_takes(postgres: Postgres) -> None:
    users, user_id = UserEvents(postgres), uuid7()
    await users.apply(registered(user_id, "u" * 60, "d" * 120))
    await users.apply(event(USER_UPDATED, user_id, username="v" * 60, display_name="e" * 120))
    row = await show(postgres, user_id)
    assert (row["username"], row["display_name"]) == ("v" * 50, "e" * 100)


async def test_old_events_are_forgotten(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events_module, "KEPT", timedelta(seconds=-60))  # what is made now is old
    said = registered(uuid7(), "somebody")
    await UserEvents(postgres).apply(said)
    monkeypatch.setattr(events_module, "KEPT", timedelta(seconds=60))
    kept = registered(uuid7(), "somebody.else")
    await UserEvents(postgres).apply(kept)
    async with postgres.connection() as connection:
        ids = {row["id"] for row in await connection.fetch("SELECT id FROM applied_events")}
    assert said.id not in ids
    assert kept.id in ids


async def test_what_others_see_of_a_user_is_told_when_it_changes(
    client: httpx.AsyncClient, auth: FakeAuth, postgres: Postgres
) -> None:
    user = auth.register("told")

    async def said() -> list[dict[str, Any]]:
        async with postgres.connection() as connection:
            rows = await connection.fetch("SELECT type, payload FROM outbox WHERE key = $1 ORDER BY id", user.id)
        assert {row["type"] for row in rows} <= {USER_UPDATED}
        return [row["payload"]["data"] for row in rows]

    for body in ({"statusMessage": "busy"}, {"preferences": {"theme": "dark"}}):
        assert (await client.patch("/profiles/me", headers=user.headers, json=body)).status_code == 200
    assert await said() == []
    picture = "https://example.org/a.png"
    for body in ({"displayName": "Told"}, {"avatarUrl": picture}):
        assert (await client.patch("/profiles/me", headers=user.headers, json=body)).status_code == 200
    assert (await client.delete("/profiles/me", headers=user.headers)).status_code == 204
    assert (await client.post("/profiles", headers=user.headers, json={"displayName": "Again"})).status_code == 201
    seen = [(data["display_name"], data["avatar_url"]) for data in await said()]
    assert seen == [("Told", None), ("Told", picture), ("told", None), ("Again", None)]
    moments = [data["updated_at"] for data in await said()]
    assert moments == sorted(set(moments))


async def test_what_was_told_comes_back_and_changes_nothing(
    client: httpx.AsyncClient, auth: FakeAuth, postgres: Postgres
) -> None:
    user = auth.register("echo")
    for name in ("First", "Second"):
        assert (await client.patch("/profiles/me", headers=user.headers, json={"displayName": name})).status_code == 200
    async with postgres.connection() as connection:
        rows = await connection.fetch("SELECT payload FROM outbox WHERE key = $1 ORDER BY id", user.id)
    before = (await client.get("/profiles/me", headers=user.headers)).json()
    for row in rows:
        await UserEvents(postgres).apply(msgspec.convert(row["payload"], Event))
        assert (await client.get("/profiles/me", headers=user.headers)).json() == before


async def test_nothing_is_told_any_more_of_who_is_gone(
    client: httpx.AsyncClient, auth: FakeAuth, postgres: Postgres
) -> None:
    user = auth.register("leaving")
    await client.patch("/profiles/me", headers=user.headers, json={"displayName": "Leaving"})
    await UserEvents(postgres).apply(event(USER_DELETED, user.id))
    async with postgres.connection() as connection:
        assert await connection.fetch("SELECT 1 FROM outbox WHERE key = $1", user.id) == []
        row = await connection.fetchrow("SELECT t::text AS row FROM user_profiles t WHERE id = $1", user.id)
    assert "eaving" not in row["row"]
