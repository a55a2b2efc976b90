"""Chat over HTTP: rooms, pages, sending, and everything that must be refused."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from tests.support.auth import FakeAuth, User
from tests.support.chat import Pod

NOWHERE = "5d0f1d3e-7b7e-4f3c-9d1e-2f6a1c0b9a87"  # an id of nothing; names of tests have it, so it stays the same

People = Callable[[int], list[User]]


@pytest.fixture
async def pod(start_pod: Callable[..., Any]) -> Pod:
    """One pod."""
    pod: Pod = await start_pod("chat-1")
    return pod


async def say(pod: Pod, user: User, room: object, text: str, **more: Any) -> Any:
    response = await pod.post("/api/chat/messages/", user, {"room": str(room), "message": text, **more})
    assert response.status_code in (200, 201), response.text
    return response.json()


async def test_the_direct_room_of_a_pair_is_one_whoever_asks(pod: Pod, people: People) -> None:
    alice, bob = people(2)
    first = await pod.post("/api/chat/rooms/", alice, {"type": "direct", "user": bob.username.upper()})
    again = await pod.post("/api/chat/rooms/", bob, {"type": "direct", "user": str(alice.id)})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    room = first.json()
    assert room == {
        "id": room["id"],
        "type": "direct",
        "name": None,
        "friend": {
            "id": str(bob.id),
            "username": bob.username,
            "full_name": bob.username,
            "is_online": False,
            "last_seen": None,
            "bg_color": room["friend"]["bg_color"],
        },
        "last_message": "",
        "last_message_at": None,
        "unread_count": 0,
        "last_seq": 0,
        "read_seq": 0,
        "joined_seq": 0,
        "rev": 0,
        "muted": False,
    }


async def test_rooms_come_with_the_latest_activity_first(pod: Pod, people: People) -> None:
    alice, bob, carol, dave = people(4)
    rooms = [await pod.direct(alice, friend) for friend in (bob, carol, dave)]
    for room, text in ((rooms[1], "first"), (rooms[0], "second"), (rooms[1], "third")):
        await say(pod, alice, room, text)
    listing = (await pod.get("/api/chat/users/", alice)).json()
    assert (listing["count"], listing["next"], listing["previous"]) == (3, None, None)
    assert [room["last_message"] for room in listing["results"]] == ["third", "second", ""]
    page = (await pod.get("/api/chat/users/?page=1&page_size=2", alice)).json()
    assert page["next"] == "/api/chat/users/?page=2&page_size=2"
    following = (await pod.get(page["next"], alice)).json()
    assert following["previous"] == "/api/chat/users/?page=1&page_size=2"
    assert [room["id"] for room in page["results"] + following["results"]] == [r["id"] for r in listing["results"]]


async def test_unread_counts_follow_messages_and_reading(pod: Pod, people: People) -> None:
    alice, bob = people(2)
    room = await pod.direct(alice, bob)
    for text in ("one", "two", "three"):
        await say(pod, alice, room, text)
    unread = [(await pod.get(f"/api/chat/users/{room}/", user)).json()["unread_count"] for user in (alice, bob)]
    assert unread == [0, 3]
    marked = await pod.post(f"/api/chat/{room}/messages/", bob)
    assert (marked.status_code, marked.json()) == (200, {"room": str(room), "read_seq": 3})
    assert (await pod.get(f"/api/chat/users/{room}/", bob)).json()["unread_count"] == 0


async def test_pages_and_cursors_give_every_message_once(pod: Pod, people: People) -> None:
    alice, bob = people(2)
    room = await pod.direct(alice, bob)
    for number in range(1, 13):
        await say(pod, alice if number % 2 else bob, room, str(number))

    async def walk(path: str) -> list[int]:
        seqs = []
        following: str | None = path
        while following:
            page = (await pod.get(following, bob)).json()
            assert page["count"] == 12
            seqs += [message["seq"] for message in page["results"]]
            following = page["next"]
        return seqs

    path = f"/api/chat/{room}/messages/"
    newest_first = list(range(12, 0, -1))
    assert await walk(path) == newest_first
    assert await walk(f"{path}?page_size=5") == newest_first
    assert await walk(f"{path}?before=9&limit=3") == list(range(8, 0, -1))
    assert await walk(f"{path}?after=4&limit=3") == list(range(5, 13))
    assert await walk(f"{path}?after=12") == []
    assert (await pod.get(f"{path}?page=4&page_size=5", bob)).status_code == 404
    messages = (await pod.get(path, bob)).json()["results"]
    assert [m["direction"] for m in messages[:2]] == ["sent", "received"]


async def test_a_message_by_http_is_sent_once_per_client_id(pod: Pod, people: People) -> None:
    alice, bob = people(2)
    body = {"receiver": bob.username, "message": "hello", "client_id": "c"}
    first, again = [await pod.post("/api/chat/messages/", alice, body) for _ in range(2)]
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == {**first.json(), "duplicate": True}
    assert "duplicate" not in first.json()
    reused = await pod.post("/api/chat/messages/", alice, {**body, "message": "other"})
    assert (reused.status_code, reused.json()["code"]) == (409, "client_id_reused")
    talk = (await pod.get(f"/api/chat/messages/?with={alice.username}", bob)).json()
    assert [message["content"] for message in talk["results"]] == ["hello"]
    assert (await pod.get(f"/api/chat/messages/?with={bob.username}&limit=1", alice)).json()["count"] == 1


async def test_a_reply_by_http_names_a_message_of_its_room(pod: Pod, people: People) -> None:
    alice, bob = people(2)
    room = await pod.direct(alice, bob)
    await say(pod, alice, room, "a question")
    reply = await say(pod, bob, room, "an answer", reply_to=1, client_id="r")
    assert reply["reply_to"] == 1
    assert await say(pod, bob, room, "an answer", reply_to=1, client_id="r") == {**reply, "duplicate": True}
    messages = (await pod.get(f"/api/chat/{room}/messages/", bob)).json()["results"]
    assert messages[0] == reply
    assert "reply_to" not in messages[1]
    body = {"room": str(room), "message": "x", "reply_to": 3}
    refused = await pod.post("/api/chat/messages/", bob, body)
    assert (refused.status_code, refused.json()["code"]) == (422, "reply_not_found")
    assert refused.json()["errors"][0]["field"] == "reply_to"


async def test_a_message_by_http_reaches_sockets(pod: Pod, people: People) -> None:
    alice, bob = people(2)
    room = await pod.direct(alice, bob)
    async with pod.connect(bob) as b:
        sent = await say(pod, alice, room, "by http", client_id="c")
        received = await b.next("chat.message")
    assert received == {**{k: v for k, v in sent.items() if k != "client_id"}, "direction": "received"}


async def test_a_room_is_not_there_for_a_stranger(pod: Pod, people: People) -> None:
    alice, bob, eve = people(3)
    room = await pod.direct(alice, bob)
    for path in (f"/api/chat/users/{room}/", f"/api/chat/{room}/messages/", f"/api/chat/{room}/messages/?after=0"):
        assert (await pod.get(path, eve)).status_code == 404
    assert (await pod.post(f"/api/chat/{room}/messages/", eve)).status_code == 404
    refused = await pod.post("/api/chat/messages/", eve, {"room": str(room), "message": "hi"})
    assert (refused.status_code, refused.json()["code"]) == (404, "room_not_found")


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "field"),
    [
        ("POST", "/api/chat/rooms/", {"type": "direct"}, 422, "user"),
        ("POST", "/api/chat/rooms/", {"type": "direct", "user": "no.such.user"}, 404, None),
        ("POST", "/api/chat/rooms/", {"type": "direct", "user": NOWHERE}, 404, None),
        ("POST", "/api/chat/rooms/", {"type": "direct", "user": "ALICE"}, 422, "user"),
        ("POST", "/api/chat/rooms/", {"type": "club", "user": "x"}, 422, "type"),
        ("POST", "/api/chat/rooms/", {"type": "group"}, 422, "name"),
        ("POST", "/api/chat/rooms/", {"type": "group", "name": " ", "members": []}, 422, "name"),
        ("POST", "/api/chat/rooms/", {"type": "group", "name": "x", "members": ["nobody.here"]}, 404, None),
        ("POST", "/api/chat/rooms/", {"type": "group", "name": "a\x00b", "members": []}, 422, "name"),
        ("POST", "/api/chat/rooms/", [], 422, ""),
        ("POST", "/api/chat/messages/", {"receiver": "x"}, 422, "message"),
        ("POST", "/api/chat/messages/", {"message": "x"}, 422, "receiver"),
        ("POST", "/api/chat/messages/", {"message": "", "receiver": "x"}, 422, "message"),
        ("POST", "/api/chat/messages/", {"message": " \n", "receiver": "x"}, 422, "message"),
        ("POST", "/api/chat/messages/", {"message": "x" * 4001, "receiver": "x"}, 422, "message"),
        ("POST", "/api/chat/messages/", {"message": "x", "room": "y"}, 422, "room"),
        ("POST", "/api/chat/messages/", {"message": "x", "receiver": "x", "reply_to": -1}, 422, "reply_to"),
        ("POST", "/api/chat/messages/", {"message": "x", "room": NOWHERE}, 404, None),
        ("POST", "/api/chat/messages/", {"message": "x", "room": NOWHERE, "client_id": ""}, 422, "client_id"),
        ("GET", "/api/chat/users/?page=0", None, 422, "page"),
        ("GET", "/api/chat/users/?page=x", None, 422, "page"),
        ("GET", "/api/chat/users/?page=2", None, 404, None),
        ("GET", "/api/chat/users/?page_size=201", None, 422, "page_size"),
        ("GET", "/api/chat/users/?filter=offline", None, 422, "filter"),
        ("GET", "/api/chat/users/not-an-id/", None, 404, None),
        ("GET", f"/api/chat/{NOWHERE}/messages/", None, 404, None),
        ("GET", f"/api/chat/{NOWHERE}/messages/?limit=0", None, 422, "limit"),
        ("GET", f"/api/chat/{NOWHERE}/messages/?after=-1", None, 422, "after"),
        ("GET", f"/api/chat/{NOWHERE}/messages/?after=1&before=2", None, 422, "page"),
        ("GET", f"/api/chat/{NOWHERE}/messages/?before=99999999999999999999", None, 422, "before"),
        ("GET", "/api/chat/messages/", None, 422, "with"),
        ("GET", "/api/chat/messages/?with=no.such.user", None, 404, None),
        ("GET", "/api/chat/nothing/here/", None, 404, None),
        ("DELETE", "/api/chat/users/", None, 405, None),
    ],
)
async def test_bad_input_is_refused_with_its_field(
    pod: Pod, people: People, method: str, path: str, body: Any, status: int, field: str | None
) -> None:
    [alice] = people(1)
    if isinstance(body, dict) and body.get("user") == "ALICE":
        body = {**body, "user": alice.username}
    response = await pod.client.request(method, path, headers=alice.headers, json=body)
    problem = response.json()
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")
    assert problem["request_id"] == response.headers["x-request-id"]
    assert problem["code"]
    if field is not None:
        assert field in [error["field"] for error in problem["errors"]]


@pytest.mark.parametrize("path", ["/api/chat/users/", "/api/chat/messages/?with=x", f"/api/chat/{NOWHERE}/messages/"])
async def test_without_a_token_nothing_is_told(pod: Pod, path: str) -> None:
    for headers in (
        {},
        {"Authorization": "Bearer x.y.z"},
        {"Authorization": "Basic eDp5"},
        {"X-User-Id": str(uuid4())},
    ):
        response = await pod.client.get(path, headers=headers)
        assert response.status_code == 401
        assert response.headers["www-authenticate"].startswith("Bearer")


async def test_a_user_whom_auth_cannot_tell_now_is_503(pod: Pod, people: People, auth: FakeAuth) -> None:
    alice, bob, carol = people(3)
    await pod.direct(alice, bob)
    await auth.close()
    known = await pod.post("/api/chat/rooms/", alice, {"type": "direct", "user": bob.username})
    assert known.status_code == 200
    unknown = await pod.post("/api/chat/rooms/", alice, {"type": "direct", "user": carol.username})
    assert (unknown.status_code, unknown.headers["retry-after"]) == (503, "2")
