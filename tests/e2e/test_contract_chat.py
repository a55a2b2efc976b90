"""The contract's table of chat over HTTP, row by row, through the gateway."""

from typing import Any

import pytest

from tests.e2e.people import Person, Platform
from tests.e2e.shapes import MESSAGE, ROOM, is_problem, is_shaped, number, one_of, page_of, uuid

NOBODY = "00000000-0000-7000-8000-000000000000"


async def test_a_pair_has_one_direct_room(alice: Person, bob: Person) -> None:
    first = await alice.call("POST", "/api/chat/rooms/", {"type": "direct", "user": bob.username})
    assert first.status_code == 201, first.text
    room = first.json()
    is_shaped(room, ROOM)
    assert (room["type"], room["friend"]["id"], room["last_message"]) == ("direct", bob.id, "")
    assert (room["last_message_at"], room["unread_count"], room["last_seq"]) == (None, 0, 0)
    for person, other in ((alice, bob.id), (bob, alice.username), (bob, alice.id)):
        again = await person.call("POST", "/api/chat/rooms", {"type": "direct", "user": other})
        assert (again.status_code, again.json()["id"]) == (200, room["id"])
    problem = {"type": "direct", "user": alice.username}
    assert (await alice.call("POST", "/api/chat/rooms/", problem)).status_code == 422
    is_problem(await alice.call("POST", "/api/chat/rooms/", {"type": "direct", "user": NOBODY}), 404, "user_not_found")
    is_problem(await alice.call("POST", "/api/chat/rooms/", {"type": "direct"}), 422, "invalid")
    is_problem(await alice.call("POST", "/api/chat/rooms/", {"type": "square", "user": bob.id}), 422, "invalid")


async def test_a_group_has_a_name_and_members(platform: Platform, alice: Person, bob: Person) -> None:
    body = {"type": "group", "name": "Three", "members": [bob.username, (await platform.register("carol")).id]}
    made = await alice.call("POST", "/api/chat/rooms/", body)
    assert made.status_code == 201, made.text
    is_shaped(made.json(), ROOM)
    assert (made.json()["type"], made.json()["name"], made.json()["friend"]) == ("group", "Three", None)
    assert (await bob.get(f"/api/chat/users/{made.json()['id']}/"))["name"] == "Three"
    is_problem(await alice.call("POST", "/api/chat/rooms/", {"type": "group", "name": " "}), 422, "invalid")
    stranger = {"type": "group", "name": "x", "members": [NOBODY]}
    is_problem(await alice.call("POST", "/api/chat/rooms/", stranger), 404, "user_not_found")


async def test_my_rooms_come_by_latest_activity(platform: Platform, alice: Person, bob: Person) -> None:
    carol = await platform.register("carol")
    first, second = await alice.direct(bob), await alice.direct(carol)
    await bob.say(first, "to the top")
    page = await alice.get("/api/chat/users/")
    is_shaped(page, page_of(ROOM))
    assert (page["count"], [room["id"] for room in page["results"]]) == (2, [first, second])
    assert (page["results"][0]["last_message"], page["results"][0]["unread_count"]) == ("to the top", 1)
    page = await alice.get("/api/chat/users/?page=2&page_size=1")
    assert [room["id"] for room in page["results"]] == [second]
    assert (page["next"], (await alice.get(page["previous"]))["results"][0]["id"]) == (None, first)
    is_problem(await alice.call("GET", "/api/chat/users/?page=3&page_size=1"), 404, "page_not_found")


async def test_the_online_filter_shows_rooms_of_connected_friends(
    platform: Platform, alice: Person, bob: Person
) -> None:
    room = await alice.direct(bob)
    await alice.direct(await platform.register("carol"))
    async with bob.connected() as socket:
        await socket.quiet()
        page = await alice.get("/api/chat/users/?filter=online")
    assert [one["id"] for one in page["results"]] == [room]
    assert page["results"][0]["friend"]["is_online"] is True


async def test_a_room_is_shown_to_its_members_only(platform: Platform, alice: Person, bob: Person) -> None:
    room = await alice.direct(bob)
    is_shaped(await alice.get(f"/api/chat/users/{room}/"), ROOM)
    carol = await platform.register("carol")
    for path in (f"/api/chat/users/{room}/", f"/api/chat/{room}/messages/"):
        is_problem(await carol.call("GET", path), 404, "room_not_found")
    is_problem(await carol.call("POST", f"/api/chat/{room}/messages/"), 404, "room_not_found")
    is_problem(await carol.call("POST", "/api/chat/messages/", {"room": room, "message": "x"}), 404, "room_not_found")
    is_problem(await alice.call("GET", f"/api/chat/users/{NOBODY}/"), 404, "room_not_found")


async def test_a_message_goes_to_a_username_or_a_room(alice: Person, bob: Person) -> None:
    sent = await alice.call("POST", "/api/chat/messages/", {"receiver": bob.username, "message": "Hello"})
    assert sent.status_code == 201, sent.text
    is_shaped(sent.json(), MESSAGE)
    assert (sent.json()["content"], sent.json()["direction"], sent.json()["seq"]) == ("Hello", "sent", 1)
    room = sent.json()["room"]
    again = await bob.call("POST", "/api/chat/messages", {"room": room, "content": "Hi", "client_id": "c-1"})
    assert (again.status_code, again.json()["seq"], again.json()["client_id"]) == (201, 2, "c-1")
    repeated = await bob.call("POST", "/api/chat/messages/", {"room": room, "content": "Hi", "client_id": "c-1"})
    assert (repeated.status_code, repeated.json()["duplicate"]) == (200, True)
    assert repeated.json()["id"] == again.json()["id"]
    other = {"room": room, "content": "Something else", "client_id": "c-1"}
    is_problem(await bob.call("POST", "/api/chat/messages/", other), 409, "client_id_reused")
    assert (await alice.get(f"/api/chat/{room}/messages/"))["count"] == 2


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"message": "to nobody"}, "invalid"),
        ({"receiver": "{bob}", "room": "{room}", "message": "to two"}, "invalid"),
        ({"receiver": "{bob}"}, "invalid"),
        ({"receiver": "{bob}", "message": ""}, "invalid"),
        ({"receiver": "{bob}", "message": " \n\t"}, "invalid"),
        ({"receiver": "{bob}", "message": "nul\x00"}, "invalid"),
        ({"receiver": "{bob}", "message": "x" * 4001}, "too_long"),
        ({"receiver": "{bob}", "message": "x", "client_id": ""}, "invalid"),
        ({"receiver": "{bob}", "message": "x", "client_id": "c" * 65}, "invalid"),
        ({"room": "nonsense", "message": "x"}, "invalid"),
    ],
)
async def test_what_cannot_be_sent(alice: Person, bob: Person, body: dict[str, str], code: str) -> None:
    words = {"{bob}": bob.username, "{room}": await alice.direct(bob)}
    filled = {name: words.get(value, value) for name, value in body.items()}
    is_problem(await alice.call("POST", "/api/chat/messages/", filled), 422, code)


@pytest.mark.parametrize("more", [{"message": " "}, {"client_id": "c" * 65}, {"reply_to": 1}])
async def test_a_refused_message_opens_no_room(alice: Person, bob: Person, more: dict[str, Any]) -> None:
    body = {"receiver": bob.username, "message": "x", **more}
    assert (await alice.call("POST", "/api/chat/messages/", body)).status_code == 422
    assert [(await one.get("/api/chat/users/"))["count"] for one in (alice, bob)] == [0, 0]


async def test_pages_of_rooms_keep_what_was_asked_for(platform: Platform, alice: Person, bob: Person) -> None:
    async with bob.connected() as socket, (carol := await platform.register("carol")).connected():
        wanted = {await alice.direct(bob), await alice.direct(carol)}
        await alice.direct(await platform.register("dave"))
        await socket.quiet()
        first = await alice.get("/api/chat/users/?filter=online&page_size=1")
        assert "filter=online" in first["next"] and "page_size=1" in first["next"]
        second = await alice.get(first["next"])
        assert {page["results"][0]["id"] for page in (first, second)} == wanted
        assert ((await alice.get(second["previous"]))["results"], second["next"]) == (first["results"], None)


async def test_four_thousand_characters_are_a_message(alice: Person, bob: Person) -> None:
    text = "é" * 4000
    message = await alice.say(await alice.direct(bob), text)
    assert message["content"] == text


async def filled_room(alice: Person, bob: Person, count: int) -> str:
    """A room with that many messages, "1", "2", …"""
    room = await alice.direct(bob)
    for number_ in range(1, count + 1):
        await alice.say(room, str(number_))
    return room


def seqs(page: dict[str, Any]) -> list[int]:
    """The places of a page's messages."""
    return [message["seq"] for message in page["results"]]


async def test_pages_are_newest_first(alice: Person, bob: Person) -> None:
    room = await filled_room(alice, bob, 7)
    page = await bob.get(f"/api/chat/{room}/messages/?page_size=3")
    is_shaped(page, page_of(MESSAGE))
    assert (page["count"], seqs(page), page["previous"]) == (7, [7, 6, 5], None)
    assert {message["direction"] for message in page["results"]} == {"received"}
    second = await bob.get(page["next"])
    third = await bob.get(second["next"])
    assert (seqs(second), seqs(third), third["next"]) == ([4, 3, 2], [1], None)
    assert seqs(await bob.get(third["previous"])) == [4, 3, 2]
    is_problem(await bob.call("GET", f"/api/chat/{room}/messages/?page=4&page_size=3"), 404, "page_not_found")
    assert seqs(await bob.get(f"/api/chat/{room}/messages/")) == [7, 6, 5, 4, 3, 2, 1]


async def test_cursors_ascend_and_descend(alice: Person, bob: Person) -> None:
    room = await filled_room(alice, bob, 5)
    after = await bob.get(f"/api/chat/{room}/messages/?after=1&limit=2")
    is_shaped(after, page_of(MESSAGE))
    assert seqs(after) == [2, 3]
    last = await bob.get(after["next"])
    assert (seqs(last), last["next"]) == ([4, 5], None)
    before = await bob.get(f"/api/chat/{room}/messages/?before=4&limit=2")
    assert seqs(before) == [3, 2]
    first = await bob.get(before["next"])
    assert (seqs(first), first["next"]) == ([1], None)
    assert seqs(await bob.get(f"/api/chat/{room}/messages/?after=5")) == []


@pytest.mark.parametrize(
    "query",
    [
        "page=0",
        "page=x",
        "page_size=0",
        "page_size=201",
        "limit=201&after=0",
        "after=-1",
        "before=x",
        "after=1&before=2",
    ],
)
async def test_a_page_that_makes_no_sense_is_refused(alice: Person, bob: Person, query: str) -> None:
    room = await alice.direct(bob)
    is_problem(await alice.call("GET", f"/api/chat/{room}/messages/?{query}"), 422, "invalid")


async def test_the_conversation_with_one_user(platform: Platform, alice: Person, bob: Person) -> None:
    empty = await alice.get(f"/api/chat/messages/?with={bob.username}")
    assert empty == {"count": 0, "next": None, "previous": None, "results": []}
    await filled_room(alice, bob, 3)
    page = await bob.get(f"/api/chat/messages/?with={alice.username}&limit=2")
    is_shaped(page, page_of(MESSAGE))
    assert seqs(page) == [3, 2]
    assert seqs(await bob.get(page["next"])) == [1]
    assert seqs(await bob.get(f"/api/chat/messages/?with={alice.username}&before=2")) == [1]
    is_problem(await alice.call("GET", "/api/chat/messages/?with=nobody-here"), 404, "user_not_found")
    is_problem(await alice.call("GET", "/api/chat/messages/"), 422, "invalid")


async def test_reading_moves_the_marker_and_shows_the_sender(alice: Person, bob: Person) -> None:
    room = await filled_room(alice, bob, 3)
    assert (await bob.get(f"/api/chat/users/{room}/"))["unread_count"] == 3
    assert (await alice.get(f"/api/chat/users/{room}/"))["unread_count"] == 0
    marked = await bob.call("POST", f"/api/chat/{room}/messages/")
    assert marked.status_code == 200, marked.text
    is_shaped(marked.json(), {"room": uuid, "read_seq": number})
    assert marked.json() == {"room": room, "read_seq": 3}
    body = {"content": "as old clients send it", "is_read": True}
    assert (await bob.call("POST", f"/api/chat/{room}/messages", body)).json()["read_seq"] == 3
    assert (await bob.get(f"/api/chat/users/{room}/"))["unread_count"] == 0
    page = await alice.get(f"/api/chat/{room}/messages/")
    assert {(message["is_read"], message["is_delivered"]) for message in page["results"]} == {(True, True)}
    is_shaped(page["results"][0], {**MESSAGE, "direction": one_of("sent")})


async def test_an_owner_renames_and_others_do_not(alice: Person, bob: Person) -> None:
    room, pair = await alice.group("before", bob), await alice.direct(bob)
    renamed = await alice.call("PATCH", f"/api/chat/rooms/{room}/", {"name": "after"})
    assert renamed.status_code == 200, renamed.text
    is_shaped(renamed.json(), ROOM)
    assert renamed.json()["name"] == (await bob.get(f"/api/chat/users/{room}/"))["name"] == "after"
    is_problem(await bob.call("PATCH", f"/api/chat/rooms/{room}", {"name": "mine"}), 403, "not_the_owner")
    is_problem(await alice.call("PATCH", f"/api/chat/rooms/{room}/", {"name": " "}), 422, "invalid")
    assert (await alice.call("PATCH", f"/api/chat/rooms/{pair}/", {"name": "ours"})).status_code in (403, 422)


async def test_any_member_invites_and_who_comes_sees_the_history_read(
    platform: Platform, alice: Person, bob: Person
) -> None:
    room, carol = await alice.group("three", bob), await platform.register("carol")
    await alice.say(room, "before carol")
    is_problem(await carol.call("POST", f"/api/chat/rooms/{room}/members/", {"user": carol.id}), 404, "room_not_found")
    invited = await bob.call("POST", f"/api/chat/rooms/{room}/members/", {"user": carol.username})
    assert invited.status_code in (200, 201), invited.text
    is_shaped(invited.json(), ROOM)
    seen = await carol.get(f"/api/chat/users/{room}/")
    assert (seen["unread_count"], seen["last_message"]) == (0, "before carol")
    assert seqs(await carol.get(f"/api/chat/{room}/messages/")) == [1]
    is_problem(await bob.call("POST", f"/api/chat/rooms/{room}/members", {"user": NOBODY}), 404, "user_not_found")


async def test_an_owner_removes_anybody_leaves_and_the_oldest_inherits(
    platform: Platform, alice: Person, bob: Person
) -> None:
    carol, dave = await platform.register("carol"), await platform.register("dave")
    room = await alice.group("four", bob, carol, dave)
    members = f"/api/chat/rooms/{room}/members"
    is_problem(await bob.call("DELETE", f"{members}/{carol.id}/"), 403, "not_the_owner")
    assert (await alice.call("DELETE", f"{members}/{dave.id}/")).status_code == 204
    is_problem(await dave.call("GET", f"/api/chat/{room}/messages/"), 404, "room_not_found")
    is_problem(await alice.call("DELETE", f"{members}/{dave.id}"), 404, "member_not_found")
    assert (await alice.call("DELETE", f"{members}/{alice.id}/")).status_code == 204
    is_problem(await alice.call("GET", f"/api/chat/users/{room}/"), 404, "room_not_found")
    heirs = [await one.call("PATCH", f"/api/chat/rooms/{room}/", {"name": "inherited"}) for one in (bob, carol)]
    assert sorted(reply.status_code for reply in heirs) == [200, 403]
    pair = await bob.direct(carol)
    assert (await bob.call("DELETE", f"/api/chat/rooms/{pair}/members/{bob.id}/")).status_code in (403, 422)
