"""Losing the bell, and losing the truth: slower or refused, never wrong, and over by itself."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import pytest
import websockets
from redis.asyncio import Redis

from chat_service.realtime import epoch, sending
from contracts import keys
from tests.support.auth import User
from tests.support.chat import Pod, component, until
from tests.support.links import Link, link_to

People = Callable[[int], list[User]]
StartPod = Callable[..., Any]


@pytest.fixture
async def redis_link(redis_url: str) -> AsyncIterator[tuple[Link, str]]:
    """A proxy in front of Redis."""
    link, url = await link_to(redis_url)
    yield link, url
    await link.cut()


@pytest.fixture
async def postgres_link(database_url: str) -> AsyncIterator[tuple[Link, str]]:
    """A proxy in front of Postgres."""
    link, url = await link_to(database_url)
    yield link, url
    await link.cut()


@pytest.mark.parametrize("how", ["cut", "frozen"])
async def test_without_redis_messages_still_arrive_once_in_order_and_no_socket_closes(
    start_pod: StartPod, people: People, redis_link: tuple[Link, str], how: str
) -> None:
    link, url = redis_link
    one, two = await start_pod("chat-1", redis_url=url), await start_pod("chat-2", redis_url=url)
    alice, bob = people(2)
    room = await one.direct(alice, bob)
    async with one.connect(alice) as a, two.connect(bob) as b:
        await a.say(room, "1")
        await b.messages(1)
        if how == "cut":
            await link.cut()
        else:
            link.freeze()
        await until(lambda: not broker_up(one) and not broker_up(two), "both to notice")
        for number in range(2, 12):
            await a.say(room, str(number))
        assert [message["seq"] for message in await a.messages(11)] == list(range(1, 12))
        assert [message["seq"] for message in await b.messages(10)] == list(range(2, 12))
        assert one.service.lifecycle.not_ready() == {}
        await until(lambda: not broker_up(one) and not broker_up(two), "the pods to notice")
        if how == "cut":
            await link.open()
        else:
            link.thaw()
        await until(lambda: broker_up(one) and broker_up(two), "the bell to be back")
        started = time.monotonic()
        await a.say(room, "back")
        assert (await b.next("chat.message"))["content"] == "back"
        assert time.monotonic() - started < 0.9, "by the bell, not by polling"
        assert await b.quiet() == []


async def test_what_was_rung_before_a_pod_noticed_that_redis_is_away_is_rung_again(
    start_pod: StartPod, people: People, redis_link: tuple[Link, str]
) -> None:
    link, url = redis_link
    one, two = await start_pod("chat-1", redis_url=url), await start_pod("chat-2")
    alice, bob, carol = people(3)
    room = await one.group(alice, bob)
    async with one.connect(alice) as a, two.connect(bob) as b, two.connect(carol) as c:
        await a.say(room, "heard")
        await b.messages(1)
        await link.cut()
        await a.say(room, "rung into the void")
        await until(lambda: not broker_up(one), "the pod to notice")
        await a.say(room, "not rung at all")
        added = await one.post(f"/api/chat/rooms/{room}/members/", alice, {"user": carol.username})
        assert added.status_code == 201
        assert [*await b.quiet(), *await c.quiet()] == []
        await link.open()
        assert [message["seq"] for message in await b.messages(2)] == [2, 3]
        assert (await c.next("room.created"))["joined_seq"] == 3


async def test_while_postgres_is_frozen_sends_are_unavailable_and_sockets_stay(
    start_pod: StartPod, people: People, postgres_link: tuple[Link, str]
) -> None:
    link, url = postgres_link
    pod = await start_pod("chat-1", database_url=url)
    alice, bob = people(2)
    room = await pod.direct(alice, bob)
    async with pod.connect(alice) as a, pod.connect(bob) as b:
        await a.say(room, "before")
        link.freeze()
        started = time.monotonic()
        await a.send("chat.message", room=room, content="during", client_id="c")
        history = asyncio.create_task(pod.get(f"/api/chat/{room}/messages/", alice))
        refused = await a.next("error")
        assert (refused["code"], refused["client_id"]) == ("unavailable", "c")
        assert refused["retry_after"] >= 1
        assert time.monotonic() - started < 5
        response = await history
        assert (response.status_code, response.headers["retry-after"]) == (503, "2")
        assert time.monotonic() - started < 5
        assert await b.quiet() == ["chat.message"]
        link.thaw()

        ack = await a.say(room, "during", "c")
        assert ack["seq"] == 2
        assert [message["content"] for message in await b.messages(2)] == ["before", "during"]


async def test_what_was_on_its_way_behind_a_message_that_was_given_up_keeps_its_place(
    start_pod: StartPod, people: People, postgres_link: tuple[Link, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "BEHIND_SECONDS", 30)
    link, url = postgres_link
    pod = await start_pod("chat-1", database_url=url)
    alice, bob = people(2)
    room, other = await pod.direct(alice, bob), await pod.group(alice, bob)
    async with pod.connect(alice) as a:
        link.freeze()
        await a.send("chat.message", room=room, content="one", client_id="1")
        assert (await a.next("error"))["client_id"] == "1"
        link.thaw()
        await until(lambda: _answers(pod, room, alice), "PostgreSQL to be back")
        for client_id in ("2", None, "3"):  # as if written before the error came
            await a.send("chat.message", room=room, content=str(client_id), client_id=client_id)
            error = await a.next("error")
            assert (error["code"], error.get("client_id"), error["retry_after"]) == ("unavailable", client_id, 1.0)
        assert (await a.say(other, "another room", "4"))["seq"] == 1
        assert [(await a.say(room, text, text))["seq"] for text in "123"] == [1, 2, 3]


async def test_who_never_repeats_what_was_given_up_waits_for_a_moment_only(
    start_pod: StartPod, people: People, postgres_link: tuple[Link, str]
) -> None:
    link, url = postgres_link
    pod = await start_pod("chat-1", database_url=url)
    alice, bob = people(2)
    room = await pod.direct(alice, bob)
    async with pod.connect(alice) as a:
        link.freeze()
        await a.send("chat.message", room=room, content="never mind", client_id="1")
        assert (await a.next("error"))["client_id"] == "1"
        link.thaw()

        async def stored() -> bool:
            await a.send("chat.message", room=room, content="something else", client_id="2")
            frame = await a.next_of("chat.ack", "error")
            return bool(frame["type"] == "chat.ack")

        await until(lambda: _answers(pod, room, alice), "PostgreSQL to be back")
        started = time.monotonic()
        await until(stored, "the next message to be stored")
        assert time.monotonic() - started < 1


async def test_history_is_503_within_the_deadline_while_postgres_is_frozen(
    start_pod: StartPod, people: People, postgres_link: tuple[Link, str]
) -> None:
    link, url = postgres_link
    pod = await start_pod("chat-1", database_url=url)
    alice, bob = people(2)
    room = await pod.direct(alice, bob)
    link.freeze()
    started = time.monotonic()
    responses = await asyncio.gather(*(pod.get(f"/api/chat/{room}/messages/", alice) for _ in range(30)))
    assert time.monotonic() - started < 5, "it waited for PostgreSQL"
    assert {response.status_code for response in responses} == {503}
    link.thaw()
    started = time.monotonic()
    await until(lambda: _answers(pod, room, alice), "the first success")
    assert time.monotonic() - started < 1


async def _answers(pod: Pod, room: object, user: User) -> bool:
    return (await pod.get(f"/api/chat/{room}/messages/", user)).status_code == 200


async def test_a_restarted_postgres_is_used_again_by_itself(
    start_pod: StartPod, people: People, postgres_link: tuple[Link, str]
) -> None:
    link, url = postgres_link
    pod = await start_pod("chat-1", database_url=url)
    alice, bob = people(2)
    room = await pod.direct(alice, bob)
    async with pod.connect(alice) as a:
        await link.cut()
        await a.send("chat.message", room=room, content="lost?", client_id="c")
        assert (await a.next("error"))["code"] == "unavailable"
        await link.open()
        ack = await a.say(room, "lost?", "c")
        assert (ack["seq"], ack["duplicate"]) == (1, False)


async def test_a_login_that_ended_while_redis_was_away_loses_its_sockets_when_it_is_back(
    start_pod: StartPod, people: People, redis_link: tuple[Link, str], redis_url: str
) -> None:
    link, url = redis_link
    pod = await start_pod("chat-1", redis_url=url)
    alice, bob = people(2)
    async with pod.connect(alice) as a, pod.connect(bob) as b:
        await link.cut()
        async with Redis.from_url(redis_url) as redis:  # the pod hears no bell of this
            await redis.set(keys.revoked_session(alice.session_id), b"1", ex=60)
        await link.open()
        assert await a.closed() == 4401
        assert await b.quiet() == []


async def test_a_ticket_that_was_of_no_use_is_good_for_the_next_pod(
    start_pod: StartPod, people: People, postgres_link: tuple[Link, str], redis_url: str
) -> None:
    link, url = postgres_link
    one, two = await start_pod("chat-1", database_url=url), await start_pod("chat-2")
    [alice] = people(1)
    async with two.connect(alice):
        pass  # so that the second pod knows her
    await link.cut()
    async with Redis.from_url(redis_url) as redis:
        await redis.set(keys.ws_ticket(hashlib.sha256(b"secret").hexdigest()), alice.token, ex=30)
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with one.dial(None, "ticket=secret"):
            pass
    assert refused.value.response.status_code == 503
    async with two.dial(None, "ticket=secret"):
        pass


async def test_another_life_of_the_database_resets_rooms_instead_of_discarding_messages(
    start_pod: StartPod, people: People, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pod = await start_pod("chat-1")
    alice, bob = people(2)
    room = await pod.direct(alice, bob)
    async with pod.connect(alice) as a, pod.connect(bob) as b:
        for number in range(5):
            await a.say(room, str(number))
        await b.messages(5)
        before = b.ready["epoch"]

        async def promoted(_: object) -> str:
            return "another-life"

        monkeypatch.setattr(epoch, "select_epoch", promoted)
        link = await asyncpg.connect(database_url)  # the last two commits did not reach the standby
        await link.execute("DELETE FROM messages WHERE room_id = $1 AND seq > 3", room)
        await link.execute("UPDATE rooms SET last_seq = 3 WHERE id = $1", room)
        await link.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> $1",
            link.get_server_pid(),
        )
        await link.close()
        await until(lambda: _answers(pod, room, alice), "the new server")
        assert await b.next("room.reset") == {"room": str(room), "last_seq": 3, "rev": 0}
        ack = await a.say(room, "new")
        assert ack["seq"] == 4
        assert [(m["seq"], m["content"]) for m in await b.messages(1)] == [(4, "new")]
        async with pod.connect(bob, f"&resume={room}:5&epoch={before}") as again:
            assert again.ready["epoch"] == "another-life"
            assert await again.next("room.reset") == {"room": str(room), "last_seq": 4, "rev": 0}


def broker_up(pod: Pod) -> bool:
    """Whether the pod is subscribed at Redis."""
    return bool(component(pod, "broker").up)
