"""Editing and deleting messages: what everybody sees of it, at once, later, and after coming back."""

import asyncio
import contextlib
import json
import random
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from chat_service.store import messages as store
from tests.support.auth import User
from tests.support.chat import Client, Pod, component, until
from tests.support.links import link_to
from tests.support.views import View

People = Callable[[int], list[User]]
StartPod = Callable[..., Any]


async def edit(client: Client, room: UUID, seq: int, content: str) -> dict[str, Any]:
    """Edit a message; the answer."""
    await client.send("chat.edit", room=room, seq=seq, content=content, client_id=f"e{content}")
    return await client.next("chat.changed")


async def delete(client: Client, room: UUID, seq: int) -> dict[str, Any]:
    """Delete a message; the answer."""
    await client.send("chat.delete", room=room, seq=seq)
    return await client.next("chat.changed")


async def stored(pod: Pod, user: User, room: UUID) -> dict[int, tuple[int, str, bool]]:
    """All messages of a room as HTTP shows them: rev, content and whether it is deleted, by seq."""
    found: dict[int, tuple[int, str, bool]] = {}
    following: str | None = f"/api/chat/{room}/messages/?after=0&limit=200"
    while following:
        page = (await pod.get(following, user)).json()
        found |= {m["seq"]: (m["rev"], m["content"], m.get("deleted", False)) for m in page["results"]}
        following = page["next"]
    return found


async def test_an_edit_reaches_everybody_and_is_answered(pods: tuple[Pod, Pod], people: People) -> None:
    alice, bob = people(2)
    room = await pods[0].direct(alice, bob)
    async with pods[0].connect(alice) as a, pods[1].connect(bob) as b, pods[1].connect(alice) as other:
        ack = await a.say(room, "helo", "c")
        answer = await edit(a, room, 1, "hello")
        assert answer == {"client_id": "ehello", "room": str(room), "seq": 1, "id": ack["id"], "rev": 1}
        seen = [await client.next("chat.edited") for client in (a, other, b)]
        first = await b.next("chat.message")
    assert seen[0] == seen[1] == {**seen[2], "direction": "sent", "client_id": "c"}
    assert "client_id" not in seen[2]
    assert seen[2].pop("edited_at") > first["created_at"]
    assert seen[2] == {**first, "content": "hello", "rev": 1}
    assert "edited_at" not in first


async def test_an_edit_and_a_resume_say_of_ones_own_message_how_it_stands(
    pods: tuple[Pod, Pod], people: People
) -> None:
    alice, bob = people(2)
    room = await pods[0].direct(alice, bob)
    for text in ("read", "arrived", "neither"):
        await pods[0].post("/api/chat/messages/", alice, {"room": str(room), "message": text})
    async with pods[1].connect(bob) as b:
        await b.send("chat.read", room=str(room), seq=1)
        await b.send("chat.received", room=str(room), seq=2)
        await until(lambda: stands(pods[0], alice, room, [(True, True), (False, True), (False, False)]), "both marks")
        async with pods[0].connect(alice, f"&resume={room}:0") as a:
            resumed = [await a.next("chat.message") for _ in range(3)]
            assert [(m["is_read"], m["is_delivered"]) for m in resumed] == [
                (True, True),
                (False, True),
                (False, False),
            ]
            for seq, expected in ((1, (True, True)), (2, (False, True)), (3, (False, False))):
                await edit(a, room, seq, f"edited {seq}")
                for client in (a, b):
                    edited = await client.next("chat.edited")
                    assert (edited["is_read"], edited["is_delivered"]) == expected
        async with pods[0].connect(alice, f"&resume={room}:3:0") as a:
            changed = [await a.next("chat.edited") for _ in range(3)]
            assert [m["is_read"] for m in changed] == [True, False, False]


async def stands(pod: Pod, user: User, room: object, expected: list[tuple[bool, bool]]) -> bool:
    """Whether the room's messages are read and delivered so, the oldest first."""
    page = (await pod.get(f"/api/chat/{room}/messages/?after=0", user)).json()["results"]
    return [(message["is_read"], message["is_delivered"]) for message in page] == expected


async def test_a_deletion_reaches_everybody_and_leaves_no_words(pods: tuple[Pod, Pod], people: People) -> None:
    alice, bob = people(2)
    room = await pods[0].direct(alice, bob)
    async with pods[0].connect(alice) as a, pods[1].connect(bob) as b:
        ack = await a.say(room, "a secret")
        await a.say(room, "a reply to it")
        answer = await delete(a, room, 1)
        assert answer == {"client_id": None, "room": str(room), "seq": 1, "id": ack["id"], "rev": 1}
        seen = [await client.next("chat.deleted") for client in (a, b)]
        assert seen[0] == seen[1]
        assert {name: seen[0][name] for name in ("room", "seq", "id", "rev")} == {
            name: answer[name] for name in ("room", "seq", "id", "rev")
        }
        assert seen[0].keys() == {"room", "seq", "id", "rev", "deleted_at"}
        await b.send("room.join", room=room)
        shown = (await b.next("chat.history"))["messages"]
        assert [(m["seq"], m["content"], m["rev"], m.get("deleted")) for m in shown] == [
            (1, "", 1, True),
            (2, "a reply to it", 0, None),
        ]
        assert await delete(a, room, 1) == answer
        await a.send("chat.edit", room=room, seq=1, content="back", client_id="x")
        refusal = await a.next("error")
        assert (refusal["code"], refusal["client_id"]) == ("message_deleted", "x")
        assert "chat.deleted" not in await b.quiet()


async def test_lists_and_counts_after_changes(pods: tuple[Pod, Pod], people: People) -> None:
    pod = pods[0]
    alice, bob = people(2)
    room = await pod.direct(alice, bob)
    async with pod.connect(alice) as a:
        for text in ("one", "two", "three"):
            await a.say(room, text, text)
        before = (await pod.get(f"/api/chat/users/{room}/", bob)).json()
        await edit(a, room, 3, "drei")
        edited = (await pod.get(f"/api/chat/users/{room}/", bob)).json()
        await delete(a, room, 3)
        deleted = (await pod.get(f"/api/chat/users/{room}/", bob)).json()
        again = await a.say(room, "three", "three")
    assert [shown["last_message"] for shown in (before, edited, deleted)] == ["three", "drei", ""]
    assert [shown["rev"] for shown in (before, edited, deleted)] == [0, 1, 2]
    same = ("unread_count", "last_seq", "last_message_at", "read_seq")
    assert [[shown[name] for name in same] for shown in (edited, deleted)] == [[before[name] for name in same]] * 2
    assert before["unread_count"] == 3
    assert (again["seq"], again["duplicate"]) == (3, True)


async def test_over_http_a_message_is_edited_and_deleted(pods: tuple[Pod, Pod], people: People) -> None:
    alice, bob = people(2)
    room = await pods[0].direct(alice, bob)
    async with pods[1].connect(bob) as b:
        body = {"room": str(room), "message": "helo", "client_id": "c"}
        sent = (await pods[0].post("/api/chat/messages/", alice, body)).json()
        path = f"/api/chat/{room}/messages/1/"
        patched = await pods[0].client.patch(path, headers=alice.headers, json={"content": "hello"})
        assert (patched.status_code, patched.headers["content-type"]) == (200, "application/json")
        assert patched.json() == {**sent, "content": "hello", "rev": 1, "edited_at": patched.json()["edited_at"]}
        assert (await b.next("chat.edited"))["content"] == "hello"
        again = await pods[0].client.patch(path, headers=alice.headers, json={"content": "hello"})
        assert again.json() == patched.json()
        repeated = await pods[1].post("/api/chat/messages/", alice, body)
        assert (repeated.status_code, repeated.json()) == (200, {**patched.json(), "duplicate": True})
        for _ in range(2):
            deleted = await pods[0].client.delete(path, headers=alice.headers)
            assert (deleted.status_code, deleted.content) == (204, b"")
        assert (await b.next("chat.deleted"))["rev"] == 2
        late = await pods[0].client.patch(path, headers=alice.headers, json={"content": "hello"})
        assert (late.status_code, late.json()["code"]) == (409, "message_deleted")
    [shown] = (await pods[1].get(f"/api/chat/{room}/messages/", alice)).json()["results"]
    assert shown == {**patched.json(), "content": "", "rev": 2, "deleted": True}


REFUSED_OVER_HTTP: list[tuple[str, str, str, Any, int, str]] = [
    ("PATCH", "bob", "1", {"content": "x"}, 403, "not_the_author"),
    ("PATCH", "owner", "1", {"content": "x"}, 403, "not_the_author"),
    ("PATCH", "eve", "1", {"content": "x"}, 404, "room_not_found"),
    ("PATCH", "alice", "2", {"content": "x"}, 404, "message_not_found"),
    ("PATCH", "alice", "0", {"content": "x"}, 404, "message_not_found"),
    ("PATCH", "alice", "9" * 30, {"content": "x"}, 404, "message_not_found"),
    ("PATCH", "alice", "-1", {"content": "x"}, 404, "not_found"),
    ("PATCH", "alice", "one", {"content": "x"}, 404, "not_found"),
    ("PATCH", "alice", "1", {}, 422, "invalid"),
    ("PATCH", "alice", "1", {"content": ""}, 422, "invalid"),
    ("PATCH", "alice", "1", {"content": " \n"}, 422, "invalid"),
    ("PATCH", "alice", "1", {"content": "a\x00b"}, 422, "invalid"),
    ("PATCH", "alice", "1", {"content": 7}, 422, "invalid"),
    ("PATCH", "alice", "1", {"content": "x" * 4001}, 422, "too_long"),
    ("DELETE", "bob", "1", None, 403, "not_the_author"),
    ("DELETE", "eve", "1", None, 404, "room_not_found"),
    ("DELETE", "alice", "2", None, 404, "message_not_found"),
    ("DELETE", "alice", "9" * 30, None, 404, "message_not_found"),
    ("GET", "alice", "1", None, 405, "method_not_allowed"),
]


async def test_what_may_not_be_done_over_http(start_pod: StartPod, people: People) -> None:
    pod = await start_pod("chat-1")
    owner, alice, bob, eve = people(4)
    room = await pod.group(owner, alice, bob)
    assert (await pod.post("/api/chat/messages/", alice, {"room": str(room), "message": "m"})).status_code == 201
    users = {"owner": owner, "alice": alice, "bob": bob, "eve": eve}
    for method, who, seq, body, status, code in REFUSED_OVER_HTTP:
        path = f"/api/chat/{room}/messages/{seq}/"
        answer = await pod.client.request(method, path, headers=users[who].headers, json=body)
        assert (answer.status_code, answer.json()["code"]) == (status, code), (method, who, seq, body)
    assert await stored(pod, alice, room) == {1: (0, "m", False)}


REFUSED_OVER_SOCKETS: list[tuple[str, dict[str, Any], str]] = [
    ("chat.edit", {"seq": 2, "content": "x"}, "not_the_author"),
    ("chat.delete", {"seq": 2}, "not_the_author"),
    ("chat.edit", {"seq": 3, "content": "x"}, "message_not_found"),
    ("chat.delete", {"seq": 0}, "message_not_found"),
    ("chat.edit", {"seq": 1, "content": "x", "room": str(uuid4())}, "not_a_member"),
    ("chat.delete", {"seq": 1, "room": str(uuid4())}, "not_a_member"),
    ("chat.edit", {"seq": 1, "content": "x" * 4001}, "too_long"),
    ("chat.edit", {"seq": 1, "content": ""}, "bad_frame"),
    ("chat.edit", {"seq": 1, "content": " \n"}, "bad_frame"),
    ("chat.edit", {"seq": 1, "content": "a\x00b"}, "bad_frame"),
    ("chat.edit", {"seq": 1}, "bad_frame"),
    ("chat.edit", {"content": "x"}, "bad_frame"),
    ("chat.edit", {"seq": -1, "content": "x"}, "bad_frame"),
    ("chat.edit", {"seq": 10**20, "content": "x"}, "bad_frame"),
    ("chat.edit", {"seq": "1", "content": "x"}, "bad_frame"),
    ("chat.edit", {"seq": 1, "content": None}, "bad_frame"),
    ("chat.edit", {"seq": 1, "content": "x", "client_id": "x" * 65}, "bad_frame"),
    ("chat.delete", {"seq": 1, "client_id": ""}, "bad_frame"),
    ("chat.delete", {}, "bad_frame"),
    ("chat.delete", {"seq": 1, "room": "x"}, "bad_frame"),
    ("room.join", {"since": 1, "rev": -1}, "bad_frame"),
    ("room.join", {"since": 1, "rev": "0"}, "bad_frame"),
]


async def test_what_may_not_be_done_over_a_socket(start_pod: StartPod, people: People) -> None:
    pod = await start_pod("chat-1")
    alice, bob = people(2)
    room = await pod.direct(alice, bob)
    async with pod.connect(alice) as a, pod.connect(bob) as b:
        await a.say(room, "alice's")
        await b.say(room, "bob's")
        for kind, data, code in REFUSED_OVER_SOCKETS:
            named = {} if "client_id" in data else {"client_id": "w"}
            await a.socket.send(json.dumps({"type": kind, "data": {"room": str(room), **named, **data}}))
            refusal = await a.next("error")
            assert refusal["code"] == code, (kind, data)
            if kind != "room.join" and "client_id" not in data:
                assert refusal["client_id"] == "w", (kind, data)
            await a.send("ping")  # so many bad frames in a row would close the socket
        assert not {"chat.edited", "chat.deleted"} & set(await b.quiet())
    assert await stored(pod, alice, room) == {1: (0, "alice's", False), 2: (0, "bob's", False)}


async def test_an_owner_deletes_what_others_said_in_his_group(pods: tuple[Pod, Pod], people: People) -> None:
    owner, alice, bob = people(3)
    room = await pods[0].group(owner, alice, bob)
    async with pods[0].connect(alice) as a, pods[1].connect(owner) as o, pods[1].connect(bob) as b:
        await a.say(room, "unkind")
        await b.send("chat.delete", room=room, seq=1)
        assert (await b.next("error"))["code"] == "not_the_author"
        assert (await delete(o, room, 1))["rev"] == 1
        assert (await a.next("chat.deleted"))["seq"] == 1


async def test_what_a_socket_says_last_is_what_remains(pods: tuple[Pod, Pod], people: People) -> None:
    alice, bob = people(2)
    room = await pods[0].direct(alice, bob)
    async with pods[0].connect(alice) as a, pods[1].connect(bob) as b:
        await a.say(room, "0")
        for number in range(1, 41):
            await a.send("chat.edit", room=room, seq=1, content=str(number), client_id=str(number))
        answers = [await a.next("chat.changed") for _ in range(40)]
        assert [(answer["client_id"], answer["rev"]) for answer in answers] == [(str(n), n) for n in range(1, 41)]
        edits = [await b.next("chat.edited") for _ in range(40)]
        assert [(message["content"], message["rev"]) for message in edits] == [(str(n), n) for n in range(1, 41)]
    assert await stored(pods[0], alice, room) == {1: (40, "40", False)}


async def test_a_change_is_told_although_its_socket_closes_meanwhile(
    pods: tuple[Pod, Pod], people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = people(2)
    room = await pods[0].direct(alice, bob)
    begun, left = asyncio.Event(), asyncio.Event()
    edit_message = store.edit_message

    async def slow(*arguments: Any) -> Any:
        begun.set()
        await left.wait()
        return await edit_message(*arguments)

    monkeypatch.setattr(store, "edit_message", slow)
    async with pods[1].connect(bob) as b:
        async with pods[0].connect(alice) as a:
            await a.say(room, "x")
            await a.send("chat.edit", room=room, seq=1, content="y")
            await begun.wait()
            a.socket.transport.abort()
        await until(lambda: not pods[0].sessions(), "the end of the session")
        left.set()
        assert (await b.next("chat.edited"))["content"] == "y"


async def test_lost_bells_of_changes_are_made_up_for(start_pod: StartPod, people: People, redis_url: str) -> None:
    link, url = await link_to(redis_url)
    one, two = await start_pod("chat-1"), await start_pod("chat-2", redis_url=url)
    alice, bob = people(2)
    room = await one.direct(alice, bob)
    async with one.connect(alice) as a, two.connect(bob) as b:
        for number in range(1, 6):
            await a.say(room, f"m{number}")
        await b.messages(5)
        await link.cut()
        for seq, words in ((2, "two"), (1, "one"), (2, "deux")):
            await edit(a, room, seq, words)
        await delete(a, room, 3)
        await a.say(room, "m6")
        await edit(a, room, 6, "six")
        await b.next("chat.message")
        await until(lambda: component(two, "feed")._hub.rooms[room].rev == 5, "what was missed")
        await b.quiet()
        view = View(room).take_all(b.frames)
        await link.open()
        await edit(a, room, 4, "four")
        await b.next("chat.edited", lambda data: data["rev"] == 6)
        view.take(b.frames[-1])
    assert view.messages == await stored(one, alice, room)
    assert view.rev == 6
    await link.cut()


async def test_a_resume_brings_what_was_changed_of_what_one_has(pods: tuple[Pod, Pod], people: People) -> None:
    alice, bob = people(2)
    room = await pods[0].direct(alice, bob)
    async with pods[0].connect(alice, max_queue=None) as a:
        for number in range(1, 461):
            await a.send("chat.message", room=room, content=str(number))
        for _ in range(460):
            await a.next("chat.ack")
        async with pods[1].connect(bob, f"&resume={room}:0:0") as b:
            await b.messages(460)
            seen = View(room).take_all(b.frames)
        for number, seq in enumerate([*range(450, 0, -1), 7, 451]):
            await a.send("chat.edit", room=room, seq=seq, content=f"{seq} by {number}")
            if number >= 100:  # so many may wait
                await a.next("chat.changed")
        for _ in range(100):
            await a.next("chat.changed")
        await delete(a, room, 9)
        await a.say(room, "461")
        for pod, rev in zip(pods, (454, 455), strict=True):
            async with pod.connect(bob, f"&resume={seen.position}") as b:
                view = View(room, seen.seq, seen.rev)
                view.messages = dict(seen.messages)
                await b.next("chat.message")
                await edit(a, room, 461, f"live {rev}")
                await b.next("chat.edited", lambda data, rev=rev: data["rev"] == rev)  # type: ignore[misc]
                assert view.take_all(b.frames).messages == await stored(pod, bob, room)
                assert [f["data"]["seq"] for f in b.frames if f["type"] == "chat.message"] == [461]
                assert view.changes == 451 + 1, "each message once, and the live one"
        async with pods[1].connect(bob, f"&resume={room}:460") as b:  # without a rev: what is new from now on
            await b.next("chat.message")
            await edit(a, room, 1, "later")
            await b.next("chat.edited")
            assert await b.quiet() == []
        async with pods[0].connect(bob, "&resume=frame") as b:
            await b.send("session.resume", rooms={str(room): [460, 452]}, epoch=b.ready["epoch"])
            await b.next("chat.message")
            await b.next("chat.deleted")
            assert (await b.next("chat.edited"))["content"] == "later"
            assert await b.quiet() == []


async def test_what_the_room_has_not_heard_of_makes_no_gap_in_a_resume(
    start_pod: StartPod, people: People, database_url: str
) -> None:
    pod = await start_pod("chat-1")
    alice, bob = people(2)
    room = await pod.direct(alice, bob)
    async with pod.connect(alice) as a:
        for number in range(1, 6):
            await a.say(room, str(number))
        connection = await asyncpg.connect(database_url)
        try:
            await store.edit_message(connection, room, 3, alice.id, "three")  # and nobody rings
        finally:
            await connection.close()
        async with pod.connect(bob, f"&resume={room}:1:0") as b:
            assert [(m["seq"], m["content"]) for m in await b.messages(4)] == [
                (2, "2"),
                (3, "three"),
                (4, "4"),
                (5, "5"),
            ]
            assert (await a.next("chat.edited"))["content"] == "three"
            await edit(a, room, 1, "one")
            assert (await b.next("chat.edited"))["rev"] == 2
            assert await b.quiet() == []


async def test_a_rev_beyond_the_room_is_reset(pods: tuple[Pod, Pod], people: People) -> None:
    alice, bob = people(2)
    room = await pods[0].direct(alice, bob)
    async with pods[0].connect(alice) as a:
        await a.say(room, "one")
        async with pods[1].connect(bob, f"&resume={room}:1:77") as b:
            assert await b.next("room.reset") == {"room": str(room), "last_seq": 1, "rev": 0}
            await edit(a, room, 1, "uno")
            assert (await b.next("chat.edited"))["rev"] == 1


@pytest.mark.parametrize("attached", [True, False])
async def test_a_join_brings_messages_and_then_changes(
    pods: tuple[Pod, Pod], people: People, monkeypatch: pytest.MonkeyPatch, attached: bool
) -> None:
    alice, bob = people(2)
    if not attached:
        monkeypatch.setattr(component(pods[0], "bells"), "membership", lambda *_, **__: None)
    async with pods[1].connect(bob) as b:
        room = await pods[0].direct(alice, bob)
        async with pods[0].connect(alice, max_queue=None) as a:
            for number in range(1, 251):
                await a.send("chat.message", room=room, content=str(number))
            for seq in (3, 200, 1, 120):
                await a.next("chat.ack", lambda data, seq=seq: data["seq"] == seq)  # type: ignore[misc]
                await edit(a, room, seq, "changed")
            await a.next("chat.ack", lambda data: data["seq"] == 250)
            if attached:
                await b.messages(250)
                [await b.next("chat.edited") for _ in range(4)]
            await b.send("room.join", room=room, since=130, rev=1)
            pages = [await b.next("chat.history") for _ in range(2)]
            assert [m["seq"] for page in pages for m in page["messages"]] == list(range(131, 251))
            assert [page["has_more"] for page in pages] == [True, False]
            changed = [await b.next("chat.edited") for _ in range(2)]
            assert [(data["seq"], data["rev"]) for data in changed] == [(1, 3), (120, 4)]
            await a.say(room, "251")
            assert (await b.next("chat.message"))["seq"] == 251
            await delete(a, room, 2)
            assert (await b.next("chat.deleted"))["rev"] == 5
            assert [kind for kind in await b.quiet() if kind != "room.created"] == []


async def test_who_is_removed_hears_of_no_change_although_no_bell_told(
    start_pod: StartPod, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = await start_pod("chat-1"), await start_pod("chat-2")
    alice, bob, carol = people(3)
    room = await one.group(alice, bob, carol)
    bells = component(one, "bells")
    monkeypatch.setattr(bells, "changed", lambda *_: None)
    monkeypatch.setattr(bells, "membership", lambda *_, **__: None)
    async with one.connect(alice) as a, two.connect(bob) as b, two.connect(carol) as c:
        await a.say(room, "all")
        await asyncio.gather(b.messages(1), c.messages(1))
        await edit(a, room, 1, "still all")
        await asyncio.gather(b.next("chat.edited"), c.next("chat.edited"))
        path = f"/api/chat/rooms/{room}/members/{carol.id}/"
        assert (await one.client.delete(path, headers=alice.headers)).status_code == 204
        await edit(a, room, 1, "without carol")
        assert (await b.next("chat.edited"))["content"] == "without carol"
        await delete(a, room, 1)
        await b.next("chat.deleted")
        assert await c.quiet() == ["room.removed"]
        await c.send("chat.delete", room=room, seq=1)
        assert (await c.next("error"))["code"] == "not_a_member"
    async with two.connect(carol, f"&resume={room}:1:1") as c:
        assert await c.quiet() == ["room.removed"]


async def test_an_edit_overtakes_no_message(pods: tuple[Pod, Pod], people: People) -> None:
    """Bells of sends and of changes by two pods cross each other all the time; the order of seq and of rev holds."""
    alice, bob = people(2)
    room = await pods[0].direct(alice, bob)
    async with pods[0].connect(alice) as a, pods[1].connect(bob) as b, pods[1].connect(alice) as other:
        for number in range(1, 101):
            await a.send("chat.message", room=room, content=str(number))
        for number in range(1, 101):
            await a.next("chat.ack", lambda data, number=number: data["seq"] == number)  # type: ignore[misc]
            await other.send("chat.edit", room=room, seq=number, content=f"{number}!")
            await a.send("chat.message", room=room, content="x")
        for client in (a, b, other):
            await client.next("chat.message", lambda data: data["seq"] == 200)
            await client.next("chat.edited", lambda data: data["rev"] == 100)
            assert View(room).take_all(client.frames).messages == await stored(pods[0], alice, room)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_whatever_is_sent_and_changed_everybody_sees_what_is_stored(
    start_pod: StartPod, people: People, redis_url: str, seed: int
) -> None:
    """Sends, edits and deletions over two pods, one of which loses its bells, by people who come and go."""
    chance = random.Random(seed)
    link, url = await link_to(redis_url)
    pods = await start_pod("chat-1"), await start_pod("chat-2", redis_url=url)
    users = people(3)
    room = await pods[0].group(*users)
    views = [View(room) for _ in users]
    busy = len(users)

    async def live(number: int) -> None:
        nonlocal busy
        user, view = users[number], views[number]
        for _ in range(6):
            async with chance.choice(pods).connect(user, f"&resume={view.position}", max_queue=None) as client:
                for _ in range(chance.randint(5, 40)):
                    kind = chance.random()
                    target = {"room": room, "seq": chance.randint(1, max(1, view.seq))}
                    if kind < 0.4 or view.seq < 5:
                        await client.send("chat.message", room=room, content=f"{chance.random()}")
                    elif kind < 0.85:
                        await client.send("chat.edit", **target, content=f"edit {chance.random()}")
                    else:
                        await client.send("chat.delete", **target)
                    await client.quiet()
                    client.frames = [view.take(frame) or frame for frame in client.frames][:0]  # type: ignore[func-returns-value]
                if chance.random() < 0.5:
                    client.socket.transport.abort()
        busy -= 1

    async def trouble() -> None:
        while busy:
            await link.cut()
            await asyncio.sleep(chance.random() * 0.3)
            await link.open()
            await asyncio.sleep(chance.random() * 0.3)

    async with asyncio.TaskGroup() as group:
        group.create_task(trouble())
        for number in range(len(users)):
            group.create_task(live(number))
    truth = await stored(pods[0], users[0], room)
    assert sum(rev > 0 for rev, _, _ in truth.values()) > 10
    for user, view, pod in zip(users, views, [*pods, pods[0]], strict=True):
        async with pod.connect(user, f"&resume={view.position}") as client:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(20):
                    while view.messages != truth:
                        await client.quiet()
                        client.frames = [view.take(frame) or frame for frame in client.frames][:0]  # type: ignore[func-returns-value]
        assert view.messages == truth
    await link.cut()
