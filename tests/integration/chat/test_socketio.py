"""Socket.IO clients, WebSocket clients and HTTP in the same rooms, on two pods."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
import socketio

from chassis.ids import uuid7
from chat_service.realtime.socketio import server
from tests.support.auth import FakeAuth, User
from tests.support.chat import Pod, until
from tests.support.socketio import NAMESPACE, SocketClient, connected

NOBODY = "5d0f1d3e-7b7e-4f3c-9d1e-2f6a1c0b9a87"  # the same in every run: names of tests have it

People = Callable[..., list[User]]
Pods = tuple[Pod, Pod]


@pytest.fixture(params=["polling", "websocket"])
def transports(request: pytest.FixtureRequest) -> list[str]:
    """Each transport alone; going from one to the other is what the JavaScript client does by default."""
    return [request.param]


async def test_messages_go_both_ways_once_and_in_order(pods: Pods, people: People, transports: list[str]) -> None:
    alice, bob = people(2)
    room = await pods[0].direct(alice, bob)
    async with connected(pods[0], alice, transports=transports) as hers, pods[1].connect(bob) as his:
        for number in range(30):
            await hers.tell("send_message", {"chat_id": str(room), "message": f"hers {number}"})
            await his.send("chat.message", room=room, content=f"his {number}")
        theirs = await his.messages(60)
        await hers.until("receive_message", 60)
        assert hers.seqs(room) == [message["seq"] for message in theirs] == list(range(1, 61))
        texts = [message["content"] for message in theirs]
        assert [text for text in texts if text.startswith("hers")] == [f"hers {number}" for number in range(30)]
        assert [data["message"] for data in hers.all("receive_message")] == texts


async def test_a_send_is_acknowledged_after_the_commit_and_once(pods: Pods, people: People) -> None:
    alice, bob = people(2)
    room = str(await pods[0].direct(alice, bob))
    async with connected(pods[0], alice) as hers:
        said = {"chat_id": room, "message": "hello", "client_id": "one"}
        first = await hers.call("send_message", said)
        assert (first["chat_id"], first["sender_id"], first["seq"]) == (room, str(alice.id), 1)
        [stored] = (await pods[1].get(f"/api/chat/{room}/messages/", bob)).json()["results"]
        assert (stored["id"], stored["created_at"]) == (first["message_id"], first["created_at"])
        again = await hers.call("send_message", said)
        assert again == {**first, "duplicate": True}
        other = await hers.call("send_message", {**said, "message": "something else"})
        assert other["error"]["code"] == "client_id_reused"
        reply = await hers.call("send_message", {"chat_id": room, "message": "reply", "reply_to": 1})
        assert reply["seq"] == 2
        await hers.until("receive_message", 2)
        assert hers.all("receive_message")[1]["reply_to"] == 1
        assert (await hers.call("send_message", {**said, "client_id": "x", "reply_to": 9}))["error"] == {
            "code": "reply_not_found",
            "detail": "there is no such message in this room to reply to",
        }


async def test_a_private_chat_is_started_and_joined_on_both_sides(pods: Pods, people: People) -> None:
    alice, bob = people(2)
    async with connected(pods[0], alice) as hers, connected(pods[1], bob) as his:
        started = await hers.call("start_private_chat", {"user": bob.username.upper()})
        assert started["created"] is True
        room = started["chat_id"]
        [session] = pods[0].sessions()
        assert room in {str(joined) for joined in session.rooms}  # before the acknowledgement
        created = await his.until("chat_created")
        assert (created["chat_id"], created["user"]["id"], created["room"]["type"]) == (room, str(alice.id), "direct")
        await his.tell("send_message", {"chat_id": room, "message": "hello"})
        assert (await hers.until("receive_message"))["message"] == "hello"
        assert await his.call("start_private_chat", {"user": str(alice.id)}) == {"chat_id": room, "created": False}
        assert len(hers.all("chat_created")) == len(his.all("chat_created")) == 1


@pytest.mark.parametrize(
    ("who", "code"), [("nobody-at-all", "user_not_found"), (NOBODY, "user_not_found"), (None, "self_room")]
)
async def test_a_private_chat_with_nobody_is_refused(pods: Pods, people: People, who: str | None, code: str) -> None:
    [alice] = people(1)
    async with connected(pods[0], alice) as hers:
        refused = await hers.call("start_private_chat", {"user": who or alice.username})
        assert refused["error"]["code"] == code


async def test_receipts_reach_the_sender(pods: Pods, people: People) -> None:
    alice, bob = people(2)
    room = str(await pods[0].direct(alice, bob))
    async with connected(pods[0], alice) as hers, connected(pods[1], bob) as his:
        await hers.call("send_message", {"chat_id": room, "message": "hello"})
        await his.until("receive_message")
        assert await his.call("receive_message", {"chat_id": room, "seq": 9}) == {"chat_id": room, "seq": 1}
        assert await hers.until("message_delivered") == {"chat_id": room, "user_id": str(bob.id), "seq": 1}
        await his.tell("chat.read", {"room": room})  # what a WebSocket can do, too
        assert await hers.until("chat.read") == {"room": room, "user": str(bob.id), "seq": 1}
        await his.tell("friend.typing.start", {"room": room})
        assert await hers.until("friend.typing.start") == {"room": room, "user": str(bob.id)}


async def test_who_is_added_to_a_group_hears_it_and_who_is_removed_does_not(pods: Pods, people: People) -> None:
    alice, bob = people(2)
    async with connected(pods[1], bob) as his:
        room = str(await pods[0].group(alice, bob))
        created = await his.until("chat_created")
        assert (created["chat_id"], created["user"], created["room"]["name"]) == (room, None, "group")
        await pods[0].post("/api/chat/messages/", alice, {"room": room, "message": "one"})
        await his.until("receive_message")
        path = f"/api/chat/rooms/{room}/members/{bob.id}/"
        assert (await pods[0].client.delete(path, headers=alice.headers)).status_code == 204
        assert await his.until("room.removed") == {"room": room}
        await pods[0].post("/api/chat/messages/", alice, {"room": room, "message": "two"})
        refused = await his.call("send_message", {"chat_id": room, "message": "me too"})
        assert refused["error"]["code"] == "not_a_member"
        assert his.seqs(room) == [1]


async def test_a_token_comes_in_one_of_three_ways(pods: Pods, people: People) -> None:
    [alice] = people(1)
    url = f"http://127.0.0.1:{pods[0].port}"
    ways: list[tuple[str, dict[str, Any]]] = [
        (url, {"auth": {"token": alice.token}}),
        (f"{url}?token={alice.token}", {}),
        (url, {"headers": alice.headers}),
    ]
    for address, options in ways:
        client = SocketClient()
        await client.library.connect(address, namespaces=[NAMESPACE], **options)
        assert (await client.until("session.ready"))["user"]["id"] == str(alice.id)
        await client.library.disconnect()
        await until(lambda: not pods[0].sessions(), "the end of the session")


async def test_who_may_not_come_in_is_told_why(pods: Pods, people: People) -> None:
    [alice] = people(1)
    given: list[tuple[Any, str]] = [
        (None, "unauthorized"),
        ({}, "unauthorized"),
        ({"token": 5}, "unauthorized"),
        ({"token": "nonsense"}, "token_invalid"),
        ({"token": "x" * 9000}, "token_invalid"),
        ({"token": alice.fresh_token(-60)}, "token_expired"),
        ({"token": alice.token, "resume": {"nowhere": 1}}, "invalid"),
        ({"token": alice.token, "resume": "everything"}, "invalid"),
    ]
    for auth, code in given:
        client = SocketClient()
        with pytest.raises(socketio.exceptions.ConnectionError):
            await client.library.connect(f"http://127.0.0.1:{pods[0].port}", namespaces=[NAMESPACE], auth=auth)
        [refusal] = client.all("$connect_error")
        assert refusal["data"]["code"] == code
        assert refusal["message"] == refusal["data"]["detail"]
        await client.library.disconnect()
    assert pods[0].sessions() == []


async def test_other_namespaces_are_refused(pods: Pods, people: People) -> None:
    [alice] = people(1)
    heard: list[Any] = []
    client = socketio.AsyncClient(reconnection=False)
    client.on("connect_error", heard.append, namespace="/")
    with pytest.raises(socketio.exceptions.ConnectionError):
        await client.connect(f"http://127.0.0.1:{pods[0].port}", auth={"token": alice.token})
    assert heard[0]["data"]["code"] == "no_such_namespace"
    await client.disconnect()


async def test_a_token_is_refreshed_and_its_end_disconnects(pods: Pods, people: People) -> None:
    alice, bob = people(2)
    alice.token = alice.fresh_token(2)
    async with connected(pods[0], alice) as hers:
        assert (await hers.call("auth.refresh", {"token": bob.token}))["error"]["code"] == "token_invalid"
        assert (await hers.call("auth.refresh", {"token": "nonsense"}))["error"]["code"] == "token_invalid"
        later = alice.fresh_token(3)
        assert (await hers.call("auth.refresh", {"token": later}))["expires_at"].endswith("Z")
        [session] = pods[0].sessions()
        await until(lambda: session.closing, "the end of the second token")
        assert await hers.until("session.closing") == {"code": 4401, "detail": "the access token has expired"}
        await hers.until("$disconnect")


async def test_where_to_go_on_may_be_said_with_the_connect(pods: Pods, people: People) -> None:
    alice, bob = people(2)
    room, other = str(await pods[0].direct(alice, bob)), str(await pods[0].group(bob, alice))
    for number in range(5):
        await pods[0].post("/api/chat/messages/", bob, {"room": room, "message": str(number)})
        await pods[0].post("/api/chat/messages/", bob, {"room": other, "message": str(number)})
    async with connected(pods[1], alice, resume={room: 2, str(uuid7()): 4}) as hers:
        await hers.until("room.removed")
        await pods[0].post("/api/chat/messages/", bob, {"room": room, "message": "5"})
        await pods[0].post("/api/chat/messages/", bob, {"room": other, "message": "5"})
        await hers.until("receive_message", 5)
        assert (hers.seqs(room), hers.seqs(other)) == ([3, 4, 5, 6], [6])


@pytest.mark.parametrize("announced", [True, None], ids=["announced", "at once"])
async def test_what_is_said_between_connect_and_resume_comes_once_and_behind(
    pods: Pods, people: People, announced: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "RESUME_SECONDS", 30)
    alice, bob = people(2)
    room = str(await pods[0].direct(alice, bob))
    for number in range(3):
        await pods[0].post("/api/chat/messages/", bob, {"room": room, "message": str(number)})
    async with connected(pods[1], alice, resume=announced) as hers, pods[1].connect(alice) as beside:
        await pods[0].post("/api/chat/messages/", bob, {"room": room, "message": "meanwhile"})
        await beside.next("chat.message")
        assert hers.all("receive_message") == []
        assert await hers.call("auth.resume", {"rooms": {room: 1}}) == {"rooms": [room]}
        await pods[0].post("/api/chat/messages/", bob, {"room": room, "message": "later"})
        await hers.until("receive_message", 4)
        assert hers.seqs(room) == [2, 3, 4, 5]


async def test_who_says_nothing_of_resuming_hears_what_is_new_after_a_moment(
    pods: Pods, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "RESUME_SECONDS", 0.3)
    alice, bob = people(2)
    room = str(await pods[0].direct(alice, bob))
    await pods[0].post("/api/chat/messages/", bob, {"room": room, "message": "old"})
    async with connected(pods[1], alice, resume=None) as hers:
        await pods[0].post("/api/chat/messages/", bob, {"room": room, "message": "new"})
        await hers.until("receive_message")
        assert hers.seqs(room) == [2]
        await hers.call("auth.resume", {"rooms": {room: 0}})  # late: what has come comes again
        await hers.until("receive_message", 3)
        assert hers.seqs(room) == [2, 1, 2]
        await hers.call("auth.resume", {"rooms": {room: 1}, "epoch": "another life"})
        assert await hers.until("room.reset") == {"room": room, "last_seq": 2, "rev": 0}


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"content": "x" * 4001}, "too_long"),
        ({"content": " \n"}, "bad_frame"),
        ({"content": "a\0b"}, "bad_frame"),
        ({"content": "hello", "client_id": "x" * 65}, "bad_frame"),
    ],
    ids=["too long", "empty", "nul", "client_id"],
)
async def test_a_text_that_cannot_be_is_refused_in_the_acknowledgement(
    pods: Pods, people: People, wrong: dict[str, str], code: str
) -> None:
    alice, bob = people(2)
    room = str(await pods[0].direct(alice, bob))
    async with connected(pods[0], alice) as hers:
        for event, fields in (("chat.message", {}), ("chat.edit", {"seq": 1})):
            reply = await hers.call(event, {"room": room, **fields, **wrong})
            assert reply["error"]["code"] == code
            assert reply["error"]["detail"]
        assert hers.all("error") == []
        assert await hers.call("chat.message", {"room": room, "content": "hello"}) == {}
        assert (await hers.until("chat.ack"))["seq"] == 1


async def test_a_client_counts_as_a_socket(pods: Pods, people: People, auth: FakeAuth) -> None:
    alice, bob = people(2)
    room = await pods[0].direct(alice, bob)
    async with connected(pods[1], bob):
        assert len(pods[1].sessions()) == 1

        async def is_online() -> bool:
            shown = await pods[0].get(f"/api/chat/users/{room}/", alice)
            return bool(shown.json()["friend"]["is_online"])

        await until(is_online, "bob's being online")
    await until(lambda: not pods[1].sessions(), "the end of the session")


async def test_a_pod_that_goes_away_tells_its_clients_to_come_again(
    pods: Pods, people: People, transports: list[str]
) -> None:
    [alice] = people(1)
    async with connected(pods[0], alice, transports=transports) as hers:
        [session] = pods[0].sessions()
        session.gateway_connection = "mine"
        body = {"connections": ["mine"], "budget_seconds": 0.1}
        assert (await pods[0].client.post("/internal/sockets/drain", json=body)).json() == {"closed": 1}
        assert (await hers.until("session.draining"))["reconnect_after_ms"] >= 0
        assert (await hers.until("session.closing"))["code"] == 1012
        await hers.until("$disconnect")
        await until(lambda: not pods[0].sessions(), "the end of the session")


async def test_many_events_at_once_are_carried_out_in_order(pods: Pods, people: People, transports: list[str]) -> None:
    alice, bob = people(2)
    room = str(await pods[0].direct(alice, bob))
    async with connected(pods[0], alice, transports=transports) as hers:
        numbers = range(100)
        calls = [hers.call("send_message", {"chat_id": room, "message": str(number)}) for number in numbers]
        replies = await asyncio.gather(*calls)
        assert [reply["seq"] for reply in replies] == [number + 1 for number in numbers]
        results = (await pods[0].get(f"/api/chat/{room}/messages/?after=0&limit=200", bob)).json()["results"]
        assert [json.loads(message["content"]) for message in results] == list(numbers)
