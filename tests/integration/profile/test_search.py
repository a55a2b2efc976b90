"""Finding users by the beginning of a name."""

import base64
import itertools
from collections.abc import Sequence
from typing import Any

import asyncpg
import httpx
import msgspec
import pytest

from chassis.ids import uuid7
from chassis.times import utc_now
from profile_service.model import Account, search_key
from profile_service.policy import NOBODY, end_of
from profile_service.store.profiles import insert_profile, search_profiles
from tests.support.auth import FakeAuth, User

_prefixes = (f"s{number:03}" for number in itertools.count())


@pytest.fixture
def prefix() -> str:
    """What the names of one test begin with."""
    return next(_prefixes)


async def fill(url: str, names: Sequence[tuple[str, str]]) -> None:
    connection = await asyncpg.connect(url)
    for username, display_name in names:
        assert await insert_profile(connection, Account(uuid7(), username, display_name, utc_now()))
    await connection.close()


async def pages(client: httpx.AsyncClient, user: User, **query: Any) -> list[list[str]]:
    """The usernames of every page."""
    found, cursor = [], ""
    while True:
        response = await client.get("/profiles", params={**query, "cursor": cursor}, headers=user.headers)
        assert response.status_code == 200, response.text
        body = response.json()
        found.append([item["username"] for item in body["results"]])
        cursor = body["next_cursor"]
        if cursor is None:
            return found


async def test_the_beginning_of_either_name_finds_whatever_its_case(
    client: httpx.AsyncClient, auth: FakeAuth, database_url: str, prefix: str
) -> None:
    bob = auth.register("bob")
    names = [
        (f"{prefix}.Anna", "Zoe"),
        (f"{prefix}.bert", f"{prefix.upper()} ÉMILE"),
        (f"other.{prefix}", f"{prefix} Straße"),
        (f"x.{prefix}", "nobody"),
        (f"y.{prefix}", f"{prefix} \uff26\uff35\uff2c\uff2c Ⅷ"),
    ]
    await fill(database_url, names)

    async def find(term: str) -> set[str]:
        return {name for page in await pages(client, bob, search=term) for name in page}

    assert await find(prefix) == {f"{prefix}.Anna", f"{prefix}.bert", f"other.{prefix}", f"y.{prefix}"}
    assert await find(f"{prefix}.a") == await find(f"{prefix.upper()}.ANNA") == {f"{prefix}.Anna"}
    assert await find(f"{prefix} émi") == await find(f"{prefix} E\u0301M") == {f"{prefix}.bert"}
    assert await find(f"{prefix} STRASSE") == await find(f"{prefix} strass") == {f"other.{prefix}"}
    assert await find(f"{prefix} full viii") == {f"y.{prefix}"}
    assert await find(f"  {prefix}.a") == {f"{prefix}.Anna"}
    assert await find(f"{prefix}.annabel") == set()


async def test_percent_underscore_and_backslash_are_letters_like_others(
    client: httpx.AsyncClient, auth: FakeAuth, database_url: str, prefix: str
) -> None:
    bob = auth.register("bob")
    await fill(
        database_url, [(f"{prefix}_a", "100% sure"), (f"{prefix}-a", "100 sure"), (f"{prefix}b", f"{prefix}\\b")]
    )

    async def find(term: str) -> list[str]:
        return [name for page in await pages(client, bob, search=term) for name in page]

    assert await find(f"{prefix}_") == [f"{prefix}_a"]
    assert await find(f"{prefix}%") == []
    assert await find(f"{prefix}\\") == [f"{prefix}b"]
    assert await find("100%") == [f"{prefix}_a"]
    assert await find("%") == await find("_") == await find("\\") == []


@pytest.mark.parametrize("limit", [1, 3, 7, 100])
async def test_pages_are_complete_and_repeat_nobody(
    client: httpx.AsyncClient, auth: FakeAuth, database_url: str, prefix: str, limit: int
) -> None:
    bob = auth.register("bob")
    both = [(f"{prefix}.{n:02}", f"{prefix} both {n:02}") for n in range(12)]  # hit by both names
    same = [(f"x.{prefix}.{n}", f"{prefix} the same") for n in range(7)]  # told apart by their ids alone
    equal = [(f"{prefix}-equal", f"{prefix}-EQUAL")]  # both names at one place of the order
    await fill(database_url, both + same + equal)
    found = await pages(client, bob, search=prefix, limit=limit)
    assert max(len(page) for page in found) <= limit
    flat = list(itertools.chain.from_iterable(found))
    assert sorted(flat) == sorted(name for name, _ in both + same + equal)
    assert flat == list(itertools.chain.from_iterable(await pages(client, bob, search=prefix, limit=100)))


@pytest.mark.parametrize("limit", [2, 15, 29])
async def test_a_row_is_met_first_by_the_name_that_comes_first(
    client: httpx.AsyncClient, auth: FakeAuth, database_url: str, prefix: str, limit: int
) -> None:
    """All display names come before all usernames: the second half of what the search meets is nothing new."""
    bob = auth.register("bob")
    names = [(f"{prefix}z{n:02}", f"{prefix}a{n:02}") for n in range(30)]
    await fill(database_url, names)
    found = await pages(client, bob, search=prefix, limit=limit)
    assert [name for page in found for name in page] == [name for name, _ in names]
    assert len(found[0]) == limit


async def test_no_term_lists_everybody_once(
    client: httpx.AsyncClient, auth: FakeAuth, database_url: str, prefix: str
) -> None:
    bob = auth.register("bob")
    await client.get("/profiles/me", headers=bob.headers)
    await fill(database_url, [(f"{prefix}.{n}", "") for n in range(3)])
    flat = [name for page in await pages(client, bob, limit=10) for name in page]
    connection = await asyncpg.connect(database_url)
    count = await connection.fetchval("SELECT count(*) FROM user_profiles WHERE deleted_at IS NULL")
    await connection.close()
    assert len(flat) == count >= 4
    assert {f"{prefix}.{n}" for n in range(3)} <= set(flat)


async def test_a_fresh_user_is_found_by_his_whole_name(client: httpx.AsyncClient, auth: FakeAuth, prefix: str) -> None:
    bob, fresh = auth.register("bob"), auth.register(f"{prefix}.Fresh")
    found = await client.get("/profiles", params={"search": f"{prefix}.fresh"}, headers=bob.headers)
    assert [item["id"] for item in found.json()["results"]] == [str(fresh.id)]
    await client.delete("/profiles/me", headers=fresh.headers)
    found = await client.get("/profiles", params={"search": f"{prefix}.fresh"}, headers=bob.headers)
    assert found.json() == {"results": [], "next_cursor": None}


async def test_preferences_are_for_their_owner_only(client: httpx.AsyncClient, auth: FakeAuth, prefix: str) -> None:
    one, other = auth.register(f"{prefix}.one"), auth.register(f"{prefix}.other")
    for user in (one, other):
        await client.patch("/profiles/me", headers=user.headers, json={"preferences": {"mine": 1}})
    results = (await client.get("/profiles", params={"search": prefix}, headers=one.headers)).json()["results"]
    assert [item.get("preferences") for item in results] == [{"mine": 1}, None]
    assert "preferences" not in results[1]


async def test_a_new_name_is_found_and_the_old_is_not(client: httpx.AsyncClient, auth: FakeAuth, prefix: str) -> None:
    one = auth.register("renamed", f"{prefix} old")
    await client.patch("/profiles/me", headers=one.headers, json={"displayName": f"{prefix} new"})
    assert await pages(client, one, search=f"{prefix} n") == [["renamed"]]
    assert await pages(client, one, search=f"{prefix} o") == [[]]


def cursor(*parts: object) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(parts)).rstrip(b"=").decode()


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "101"}, "limit"),
        ({"limit": "ten"}, "limit"),
        ({"limit": "1e400"}, "limit"),
        ({"search": "x" * 101}, "search"),
        ({"search": "a\x00"}, "search"),
        ({"cursor": "!"}, "cursor"),
        ({"cursor": "e"}, "cursor"),
        ({"cursor": "x" * 1001}, "cursor"),
        ({"cursor": "%ff%00"}, "cursor"),
        ({"cursor": "é"}, "cursor"),
        ({"cursor": cursor("a")}, "cursor"),
        ({"cursor": cursor("a", "b")}, "cursor"),
        ({"cursor": cursor(1, str(uuid7()))}, "cursor"),
        ({"cursor": cursor("a\x00", str(uuid7()))}, "cursor"),
        ({"cursor": cursor("a" * 101, str(uuid7()))}, "cursor"),
        ({"search": "al", "cursor": cursor("bo", str(uuid7()))}, "cursor"),
        ({"cursor": base64.urlsafe_b64encode(b"\xff\xfe[").decode()}, "cursor"),
        ({"cursor": base64.urlsafe_b64encode(b"[" * 600).decode()}, "cursor"),
    ],
)
async def test_a_bad_query_is_422(client: httpx.AsyncClient, auth: FakeAuth, query: dict[str, str], field: str) -> None:
    bob = auth.register("bob")
    response = await client.get("/profiles", params=query, headers=bob.headers)
    assert response.status_code == 422, response.text
    assert [error["field"] for error in response.json()["errors"]] == [field]


async def test_both_names_are_looked_up_by_index(database_url: str, prefix: str) -> None:
    """Also with a plan made before the term is known, as a prepared statement gets after its fifth use."""
    names = [(f"{prefix}.{n:04}", f"{prefix} {n:04}") for n in range(2000)]
    await fill(database_url, names)
    connection = await asyncpg.connect(database_url, server_settings={"plan_cache_mode": "force_generic_plan"})
    await connection.execute("ANALYZE user_profiles")
    plans: list[str] = []

    class Explaining:
        """Asks for the plan of what is fetched."""

        async def fetch(self, sql: str, *values: object) -> list[Any]:
            rows = await connection.fetch("EXPLAIN (ANALYZE, TIMING OFF) " + sql, *values)
            plans.extend(row[0] for row in rows)
            return []

    key = search_key(f"{prefix}.00")
    await search_profiles(Explaining(), uuid7(), (key, NOBODY), end_of(key), 101)
    await connection.close()
    text = "\n".join(plans)
    for index in ("user_profiles_username_key", "user_profiles_display_key"):
        assert f"Index Scan using {index}" in text, text
    assert "Seq Scan" not in text
    assert "Rows Removed" not in text
