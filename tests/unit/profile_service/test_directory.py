"""Asking auth, whatever it answers."""

from collections.abc import Callable
from uuid import UUID

import httpx
import msgspec
import pytest

from chassis.ids import uuid7
from chassis.problems import Unavailable
from chassis.times import utc_now
from profile_service.directory import Directory, account_of

WHEN = "2026-01-31T12:00:00.5Z"
Answer = Callable[[httpx.Request], httpx.Response]


def directory(answer: Answer) -> Directory:
    client = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    return Directory(client, "http://auth/", concurrency=4, seconds=1)


def users(*records: dict[str, object]) -> httpx.Response:
    return httpx.Response(200, content=msgspec.json.encode({"users": records}))


def record(user_id: UUID, username: str = "Alice") -> dict[str, object]:
    return {"id": user_id, "username": username, "display_name": "A", "created_at": WHEN}


async def test_only_the_one_who_was_asked_for_is_taken() -> None:
    alice = uuid7()
    asks = directory(lambda request: users(record(uuid7(), "bob"), record(alice)))
    found = await asks.find(alice)
    assert found is not None
    assert (found.id, found.username, found.created_at.isoformat()) == (
        alice,
        "Alice",
        "2026-01-31T12:00:00.500000+00:00",
    )
    assert await asks.find(uuid7()) is None
    named = await asks.find_named("ALICE")
    assert named == found


@pytest.mark.parametrize(
    "response",
    [
        httpx.Response(500),
        httpx.Response(404),
        httpx.Response(302, headers={"Location": "http://elsewhere/"}),
        httpx.Response(200, content=b"<html>"),
        httpx.Response(200, content=b'{"users": [{"id": "me"}]}'),
    ],
)
async def test_a_wrong_answer_is_no_answer(response: httpx.Response) -> None:
    asks = directory(lambda request: response)
    with pytest.raises(Unavailable):
        await asks.find(uuid7())


async def test_a_wrong_time_is_no_answer() -> None:
    alice = uuid7()
    asks = directory(lambda request: users(record(alice) | {"created_at": "yesterday"}))
    with pytest.raises(Unavailable):
        await asks.find(alice)


async def test_after_a_failure_names_are_not_asked_for_but_ids_are() -> None:
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.query)
        return httpx.Response(500)

    asks = directory(answer)
    for question in (asks.find_named("alice"), asks.find_named("bob"), asks.find(uuid7())):
        with pytest.raises(Unavailable):
            await question
    assert [query.split(b"=")[0] for query in asked] == [b"username", b"id"]


def test_an_account_is_cut_to_what_the_table_takes() -> None:
    account = account_of(uuid7(), "u" * 60, " " * 101 + "x", utc_now())
    assert (len(account.username), account.display_name) == (50, "u" * 50)
