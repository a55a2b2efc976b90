"""A profile exists as soon as its user has registered: it is made when somebody first asks for it."""

import asyncio
from typing import Any

import httpx

from chassis.ids import uuid7
from tests.support.auth import FakeAuth


async def asked(auth: FakeAuth, count: int) -> None:
    """Wait until auth has been asked for users so many times."""
    while len(auth.asked) < count:
        await asyncio.sleep(0.001)


async def test_many_first_readers_ask_auth_once(client: httpx.AsyncClient, auth: FakeAuth) -> None:
    alice, bob = auth.register("alice"), auth.register("bob")
    await client.get("/profiles/me", headers=bob.headers)
    auth.asked.clear()
    auth.hold()
    readers = [asyncio.create_task(client.get(alice.path, headers=bob.headers)) for _ in range(20)]
    await asked(auth, 1)
    readers[0].cancel()  # the one that asked leaves: the others still get the answer
    auth.answering.set()
    responses = await asyncio.gather(*readers, return_exceptions=True)
    assert isinstance(responses[0], asyncio.CancelledError)
    assert [r.status_code for r in responses[1:] if isinstance(r, httpx.Response)] == [200] * 19
    assert len(auth.asked) == 1
    assert (await client.get(alice.path, headers=bob.headers)).status_code == 200
    assert len(auth.asked) == 1


async def test_two_processes_make_one_profile(start: Any, auth: FakeAuth) -> None:
    alice = auth.register("alice", "Alice")
    async with start() as one, start() as other:
        auth.hold()
        first, second = (asyncio.create_task(c.get("/profiles/me", headers=alice.headers)) for c in (one, other))
        await asked(auth, 2)
        auth.answering.set()
        bodies = [(await task).json() for task in (first, second)]
        assert bodies[0] == bodies[1]
        assert bodies[0]["displayName"] == "Alice"


async def test_the_request_id_goes_along_to_auth(client: httpx.AsyncClient, auth: FakeAuth) -> None:
    alice = auth.register("alice")
    await client.get("/profiles/me", headers=alice.headers | {"X-Request-Id": "lazy-creation-1"})
    assert "lazy-creation-1" in auth.request_ids


async def test_an_unknown_user_becomes_known_as_soon_as_he_has_registered(start: Any, auth: FakeAuth) -> None:
    bob = auth.register("bob")
    alice = auth.register("alice")
    record = auth.users.pop(alice.id)
    async with start() as client:
        assert (await client.get(alice.path, headers=bob.headers)).status_code == 404
        questions = len(auth.asked)
        assert (await client.get(alice.path, headers=bob.headers)).status_code == 404
        assert len(auth.asked) == questions  # remembered, briefly
        auth.users[alice.id] = record
        async with asyncio.timeout(1):
            while (await client.get(alice.path, headers=bob.headers)).status_code != 200:
                await asyncio.sleep(0.02)


async def test_without_auth_what_is_here_is_served_and_the_rest_is_503(start: Any, auth: FakeAuth) -> None:
    alice, bob, carol = auth.register("alice"), auth.register("bob"), auth.register("carol")
    async with start() as client:
        assert (await client.get(alice.path, headers=bob.headers)).status_code == 200
        await auth.close()
        assert (await client.get(alice.path, headers=bob.headers)).status_code == 200
        response = await client.get(carol.path, headers=bob.headers)
        assert (response.status_code, response.json()["code"]) == (503, "unavailable")
        assert int(response.headers["retry-after"]) >= 1
        # His token tells enough to make his own.
        own = await client.patch("/profiles/me", headers=carol.headers, json={"statusMessage": "alone"})
        assert (own.status_code, own.json()["displayName"]) == (200, "carol")
        assert (await client.get(carol.path, headers=bob.headers)).json()["statusMessage"] == "alone"
        search = await client.get("/profiles?search=nobody.of.this.name", headers=bob.headers)
        assert (search.status_code, search.json()["results"]) == (200, [])
        await auth.open()


async def test_a_frozen_auth_costs_its_deadline_and_no_more(start: Any, auth: FakeAuth) -> None:
    alice, bob = auth.register("alice"), auth.register("bob")
    async with start(lookup_seconds=0.3) as client:
        await client.get("/profiles/me", headers=bob.headers)
        auth.hold()
        began = asyncio.get_running_loop().time()
        response = await client.get(alice.path, headers=bob.headers)
        assert response.status_code == 503
        assert asyncio.get_running_loop().time() - began < 1
        auth.answering.set()
        assert (await client.get(alice.path, headers=bob.headers)).status_code == 200


async def test_questions_to_auth_are_bounded(start: Any, auth: FakeAuth) -> None:
    bob = auth.register("bob")
    async with start(lookup_concurrency=2, lookup_seconds=5) as client:
        await client.get("/profiles/me", headers=bob.headers)
        auth.asked.clear()
        auth.hold()
        paths = [f"/profiles/{uuid7()}" for _ in range(12)]
        readers = [asyncio.create_task(client.get(path, headers=bob.headers)) for path in paths]
        await asked(auth, 2)
        await client.get("/profiles/me", headers=bob.headers)  # by then all the others wait too
        assert len(auth.asked) == 2
        auth.answering.set()
        assert {(await reader).status_code for reader in readers} == {404}
        assert auth.most_at_once == 2


async def test_a_user_whom_auth_no_longer_knows_has_no_profile(client: httpx.AsyncClient, auth: FakeAuth) -> None:
    ghost = auth.register("ghost")
    del auth.users[ghost.id]
    for method, path in (("GET", "/profiles/me"), ("PATCH", "/profiles/me"), ("POST", "/profiles")):
        response = await client.request(
            method, path, headers=ghost.headers, json=None if method == "GET" else {"statusMessage": "boo"}
        )
        assert response.status_code == 404, method


async def test_a_registration_that_is_longer_than_a_profile_is_cut(client: httpx.AsyncClient, auth: FakeAuth) -> None:
    alice = auth.register("alice", "x" * 300)
    assert (await client.get("/profiles/me", headers=alice.headers)).json()["displayName"] == "x" * 100
    blank = auth.register("blank", "   ")
    assert (await client.get("/profiles/me", headers=blank.headers)).json()["displayName"] == "blank"
