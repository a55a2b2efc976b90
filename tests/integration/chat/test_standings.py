"""What other services may know of rooms and their members."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import uuid4

import msgspec

from contracts.internal import MAX_STANDINGS, ROOMS_PATH, STANDINGS_PATH, RoomRecord, Standings
from tests.support.auth import User
from tests.support.chat import Pod, until

People = Callable[[int], list[User]]
StartPod = Callable[..., Any]


async def ask(pod: Pod, *rooms: tuple[object, Sequence[object]]) -> Standings:
    body = {"rooms": [{"room": str(room), "users": [str(user) for user in users]} for room, users in rooms]}
    response = await pod.client.post(STANDINGS_PATH, json=body)
    assert response.status_code == 200, response.text
    return msgspec.json.decode(response.content, type=Standings)


async def test_a_room_is_shown_with_its_members(pods: tuple[Pod, Pod], people: People) -> None:
    alice, bob, carol = people(3)
    group, direct = await pods[0].group(alice, bob, carol), await pods[0].direct(alice, bob)
    async with pods[0].connect(alice) as a:
        await a.say(group, "hello")
    found = [
        msgspec.json.decode((await pods[1].client.get(f"{ROOMS_PATH}/{room}")).content, type=RoomRecord)
        for room in (group, direct)
    ]
    assert [(room.id, room.type, room.name, room.last_seq, set(room.members)) for room in found] == [
        (group, "group", "group", 1, {alice.id, bob.id, carol.id}),
        (direct, "direct", None, 0, {alice.id, bob.id}),
    ]
    response = await pods[0].client.get(f"{ROOMS_PATH}/{uuid4()}")
    assert (response.status_code, response.json()["code"]) == (404, "room_not_found")


async def test_marks_are_those_of_this_moment_and_strangers_are_left_out(pods: tuple[Pod, Pod], people: People) -> None:
    alice, bob, carol, dave = people(4)
    group, direct = await pods[0].group(alice, bob, carol), await pods[0].direct(alice, bob)
    async with pods[0].connect(alice) as a, pods[1].connect(bob) as b:
        for number in range(3):
            await a.say(group, str(number))
        await b.messages(3)
        await b.send("chat.received", room=str(group), seq=2)
        await b.send("chat.read", room=str(group), seq=1)
        await a.next("chat.read")
        await a.next("chat.delivered")
        found = await ask(pods[0], (group, [alice.id, bob.id, carol.id, dave.id]), (direct, [bob.id]))
        assert {(s.room, s.user): (s.read_seq, s.delivered_seq, s.muted) for s in found.standings} == {
            (group, alice.id): (3, 3, False),
            (group, bob.id): (1, 2, False),
            (group, carol.id): (0, 0, False),
            (direct, bob.id): (0, 0, False),
        }

        async def are_online() -> bool:
            found = await ask(pods[0], (group, [alice.id, bob.id, carol.id]))
            return {s.user for s in found.standings if s.online} == {alice.id, bob.id}

        await until(are_online)


async def test_not_more_than_so_many_are_answered_at_once(pods: tuple[Pod, Pod]) -> None:
    users = [str(uuid4()) for _ in range(MAX_STANDINGS + 1)]
    room = str(uuid4())
    assert (await ask(pods[0], (room, users[1:]))).standings == []
    response = await pods[0].client.post(STANDINGS_PATH, json={"rooms": [{"room": room, "users": users}]})
    assert (response.status_code, response.json()["code"]) == (422, "invalid")
