"""Muting a room: for oneself, until then or for good; and who notifies others hears of it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest

from chassis.times import rfc3339, utc_now
from contracts.events import MEMBER_MUTED, Event
from contracts.internal import STANDINGS_PATH
from tests.support.auth import User
from tests.support.chat import Pod

People = Callable[[int], list[User]]
StartPod = Callable[..., Any]


@pytest.fixture
async def pod(start_pod: StartPod) -> Pod:
    """One pod."""
    pod: Pod = await start_pod("chat-1")
    return pod


async def mute(pod: Pod, user: User, room: object, **wish: object) -> Any:
    return await pod.client.put(f"/api/chat/rooms/{room}/mute", json=wish, headers=user.headers)


async def is_muted(pod: Pod, user: User, room: UUID) -> tuple[bool, bool]:
    """As he sees it, and as other services do."""
    seen = (await pod.get(f"/api/chat/users/{room}/", user)).json()["muted"]
    body = {"rooms": [{"room": str(room), "users": [str(user.id)]}]}
    [standing] = (await pod.client.post(STANDINGS_PATH, json=body)).json()["standings"]
    return seen, standing["muted"]


async def events(database_url: str, room: UUID) -> list[dict[str, Any]]:
    connection = await asyncpg.connect(database_url)
    try:
        rows = await connection.fetch(
            "SELECT payload FROM outbox WHERE key = $1 AND type = $2 ORDER BY id", room, MEMBER_MUTED
        )
    finally:
        await connection.close()
    return [msgspec.json.decode(row["payload"], type=Event).data for row in rows]


async def test_a_room_is_muted_for_good_and_heard_again(pod: Pod, people: People, database_url: str) -> None:
    alice, bob = people(2)
    room = await pod.direct(alice, bob)
    assert await is_muted(pod, bob, room) == (False, False)
    for _ in range(2):  # once more says nothing new
        response = await mute(pod, bob, room, muted=True)
        assert (response.status_code, response.json()) == (200, {"room": str(room), "muted": True, "until": None})
    assert await is_muted(pod, bob, room) == (True, True)
    assert await is_muted(pod, alice, room) == (False, False)
    response = await mute(pod, bob, room, muted=False)
    assert response.json() == {"room": str(room), "muted": False, "until": None}
    assert await is_muted(pod, bob, room) == (False, False)
    said = {"room": str(room), "user": str(bob.id), "until": None}
    assert await events(database_url, room) == [{**said, "muted": True}, {**said, "muted": False}]


async def test_a_room_is_muted_until_some_time(pod: Pod, people: People, database_url: str) -> None:
    alice, bob = people(2)
    room = await pod.direct(alice, bob)
    until = rfc3339(utc_now() + timedelta(hours=8))
    for wish in ({"until": until}, {"muted": True, "until": until}):
        response = await mute(pod, bob, room, **wish)
        assert (response.status_code, response.json()) == (200, {"room": str(room), "muted": True, "until": until})
    assert await is_muted(pod, bob, room) == (True, True)
    assert [event["until"] for event in await events(database_url, room)] == [until]
    soon = rfc3339(utc_now() + timedelta(seconds=0.3))
    assert (await mute(pod, bob, room, until=soon)).status_code == 200
    connection = await asyncpg.connect(database_url)
    await connection.execute("SELECT pg_sleep_until($1)", utc_now() + timedelta(seconds=0.4))
    await connection.close()
    assert await is_muted(pod, bob, room) == (False, False)
    assert (await mute(pod, bob, room, until=None)).json()["muted"] is False


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({}, "muted"),
        ({"muted": "yes"}, "muted"),
        ({"until": "tomorrow"}, "until"),
        ({"until": "2026-01-01T00:00:00"}, "until"),
        ({"until": "2026-01-01T00:00:00Z"}, "until"),
        ({"muted": False, "until": "2999-01-01T00:00:00Z"}, "until"),
    ],
    ids=str,
)
async def test_a_wish_that_makes_no_sense_is_refused(
    pod: Pod, people: People, wish: dict[str, object], field: str
) -> None:
    alice, bob = people(2)
    room = await pod.direct(alice, bob)
    response = await mute(pod, bob, room, **wish)
    assert response.status_code == 422, response.text
    assert [error["field"] for error in response.json()["errors"]] == [field]


async def test_a_stranger_mutes_nothing(pod: Pod, people: People) -> None:
    alice, bob, carol = people(3)
    room = await pod.direct(alice, bob)
    for where in (room, uuid4()):
        response = await mute(pod, carol, where, muted=True)
        assert (response.status_code, response.json()["code"]) == (404, "room_not_found")


async def test_his_other_devices_see_it_and_nobody_else_does(start_pod: StartPod, people: People) -> None:
    pods = await start_pod("chat-1"), await start_pod("chat-2")
    alice, bob = people(2)
    room = await pods[0].direct(alice, bob)
    async with pods[0].connect(alice) as a, pods[0].connect(bob) as here, pods[1].connect(bob) as there:
        for muted in (True, False):
            assert (await mute(pods[0], bob, room, muted=muted)).status_code == 200
            for device in (here, there):
                shown = await device.next("room.updated")
                assert (shown["id"], shown["muted"]) == (str(room), muted)
        assert (await mute(pods[0], alice, uuid4(), muted=True)).status_code == 404
        assert await a.quiet() == []
