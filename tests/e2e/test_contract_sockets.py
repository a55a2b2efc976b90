"""The contract's words about WebSockets, frame by frame, through the gateway."""

import json
from typing import Any

import httpx
import pytest
import websockets

from tests.e2e.people import Person, Platform
from tests.e2e.shapes import MESSAGE, PROBLEM, ROOM, USER, flag, is_shaped, listed, number, shaped, text, time, uuid
from tests.support.chat import Client

NOBODY = "00000000-0000-7000-8000-000000000000"
ACK = {"id": uuid, "room": uuid, "seq": number, "created_at": time, "duplicate": flag}


async def refused(platform: Platform, query: str = "", **options: Any) -> tuple[int, dict[str, Any]]:
    """The status and the problem of a handshake that is refused."""
    with pytest.raises(websockets.InvalidStatus) as refusal:
        async with platform.dial(query, **options):
            pass
    response = refusal.value.response
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = json.loads(response.body)
    is_shaped(body, PROBLEM)
    return response.status_code, body


async def test_a_socket_begins_with_who_and_where_i_am(platform: Platform, alice: Person, bob: Person) -> None:
    room = await alice.direct(bob)
    await bob.say(room, "before")
    async with alice.connected() as socket:
        ready = socket.ready
        place = {"id": uuid, "last_seq": number, "rev": number, "read_seq": number}
        fields = {"connection_id": uuid, "user": shaped(USER), "epoch": text, "rooms": listed(shaped(place))}
        is_shaped(ready, {**fields, "heartbeat_s": number})
        assert ready["user"]["id"] == alice.id
        assert ready["rooms"] == [{"id": room, "last_seq": 1, "rev": 0, "read_seq": 0}]
        assert "chat.history" not in await socket.quiet()


@pytest.mark.parametrize("path", ["/api/chat/ws/chat/", "/api/chat/ws/chat", "/ws", "/ws/"])
async def test_a_token_comes_in_any_of_four_ways(platform: Platform, alice: Person, path: str) -> None:
    ticket = (await alice.call("POST", "/auth/ws-ticket")).json()["ticket"]
    pair = [websockets.Subprotocol("bearer"), websockets.Subprotocol(alice.token)]
    ways: list[tuple[str, dict[str, Any]]] = [
        (f"?ticket={ticket}", {}),
        (f"?token={alice.token}", {}),
        ("", {"additional_headers": {"Authorization": f"Bearer {alice.token}"}}),
        ("", {"subprotocols": pair}),
    ]
    for query, options in ways:
        async with platform.dial(query, path, **options) as socket:
            assert json.loads(await socket.recv())["type"] == "session.ready"
            assert socket.subprotocol == ("bearer" if "subprotocols" in options else None)


async def test_a_bad_token_is_answered_before_the_upgrade(platform: Platform, alice: Person) -> None:
    assert (await refused(platform))[1]["code"] == "unauthorized"
    status, problem = await refused(platform, "?token=nonsense")
    assert (status, problem["code"]) == (401, "token_invalid")
    ticket = (await alice.call("POST", "/auth/ws-ticket")).json()["ticket"]
    async with platform.dial(f"?ticket={ticket}"):
        pass
    status, problem = await refused(platform, f"?ticket={ticket}")  # a second time
    assert (status, problem["code"]) == (401, "ticket_invalid")


async def test_a_page_of_another_site_opens_no_socket(platform: Platform, alice: Person) -> None:
    query = f"?token={alice.token}"
    status, problem = await refused(platform, query, origin=websockets.Origin("https://evil.example"))
    assert (status, problem["code"]) == (403, "origin_refused")
    async with platform.dial(query, origin=websockets.Origin(platform.url)) as socket:
        assert '"session.ready"' in await socket.recv()


async def test_a_query_that_makes_no_sense_is_422(platform: Platform, alice: Person) -> None:
    for query in ("&room=x", "&resume=x", f"&resume={NOBODY}:x", f"&resume={NOBODY}:1:2:3"):
        status, problem = await refused(platform, f"?token={alice.token}{query}")
        assert (status, problem["code"]) == (422, "invalid")


async def test_asking_for_the_socket_without_an_upgrade_is_426(client: httpx.AsyncClient, platform: Platform) -> None:
    reply = await platform.call("GET", "/ws")
    assert (reply.status_code, reply.headers["upgrade"]) == (426, "websocket")


async def test_a_message_is_acknowledged_and_reaches_everybody(alice: Person, bob: Person) -> None:
    room = await alice.direct(bob)
    async with alice.connected() as ours, alice.connected() as second, bob.connected() as theirs:
        await ours.send("chat.message", room=room, content="Hello", client_id="c-1")
        ack = await ours.next("chat.ack")
        is_shaped(ack, ACK)
        assert (ack["client_id"], ack["seq"], ack["duplicate"], ack["room"]) == ("c-1", 1, False, room)
        for socket, direction in ((ours, "sent"), (second, "sent"), (theirs, "received")):
            message = await socket.next("chat.message")
            is_shaped(message, MESSAGE)
            assert (message["id"], message["content"], message["direction"]) == (ack["id"], "Hello", direction)
            assert message.get("client_id") == ("c-1" if direction == "sent" else None)
        await ours.send("chat.message", room=room, content="Hello", client_id="c-1")
        again = await ours.next("chat.ack")
        assert (again["duplicate"], again["id"], again["seq"]) == (True, ack["id"], 1)
        await ours.send("chat.message", room=room, content="without")
        assert (await ours.next("chat.ack"))["client_id"] is None
        assert await theirs.next("chat.message", lambda data: data["seq"] == 2)
        assert "chat.message" not in await theirs.quiet()


async def test_messages_over_http_reach_sockets(alice: Person, bob: Person) -> None:
    room = await alice.direct(bob)
    async with bob.connected() as socket:
        sent = await alice.say(room, "over HTTP")
        assert (await socket.next("chat.message"))["id"] == sent["id"]


async def test_frames_are_compact_with_the_type_first(platform: Platform, alice: Person, bob: Person) -> None:
    room = await alice.direct(bob)
    async with platform.dial(f"?token={alice.token}&room={room}") as socket:
        await socket.send(json.dumps({"data": {"room": room, "content": "ü"}, "type": "chat.message"}))
        kinds: set[str] = set()
        while not {"chat.ack", "chat.message"} <= kinds:
            frame = await socket.recv()
            document = json.loads(frame)
            assert frame == json.dumps(document, ensure_ascii=False, separators=(",", ":"))
            assert frame.startswith('{"type":"')
            kinds.add(document["type"])


async def test_the_last_hundred_messages_on_connect(alice: Person, bob: Person) -> None:
    room = await alice.direct(bob)
    async with alice.connected() as socket:
        for count in range(103):
            await socket.send("chat.message", room=room, content=str(count + 1))
        for _ in range(103):
            await socket.next("chat.ack")
        await socket.quiet()  # read everything: a client that does not read does not see the close either
    async with bob.connected(f"&room={room}") as socket:
        history = await socket.next("chat.history")
        is_shaped(history, {"room": uuid, "messages": listed(shaped(MESSAGE)), "has_more": flag})
        assert [message["seq"] for message in history["messages"]] == list(range(4, 104))
        assert history["has_more"] is True
        await socket.send("room.join", room=room, since=101)
        rest = await socket.next("chat.history")
        assert ([message["seq"] for message in rest["messages"]], rest["has_more"]) == ([102, 103], False)
        await socket.send("room.join", room=room)
        assert len((await socket.next("chat.history"))["messages"]) == 100


async def until_seq(socket: Client, seq: int) -> list[int]:
    """The places of the messages up to that one."""
    found: list[int] = []
    while not found or found[-1] < seq:
        found.append((await socket.next("chat.message"))["seq"])
    return found


async def test_resume_leaves_no_gap_and_repeats_nothing(platform: Platform, alice: Person, bob: Person) -> None:
    room, other = await alice.direct(bob), await alice.group("both", bob)
    for count in range(5):
        await alice.say(room, str(count))
        await alice.say(other, str(count))
    query = f"&resume={room}:2,{other}:4:0"
    async with bob.connected(query) as socket:
        await alice.say(room, "live")
        places = {room: [3, 4, 5, 6], other: [5]}
        for place, seqs in places.items():
            for seq in seqs:
                message = await socket.next("chat.message", lambda data, place=place: data["room"] == place)  # type: ignore[misc]
                assert message["seq"] == seq
        assert "chat.message" not in await socket.quiet()
    async with bob.connected("&resume=frame") as socket:
        await socket.send("session.resume", epoch=socket.ready["epoch"], rooms={room: [4], other: [5, 0]})
        assert await until_seq(socket, 6) == [5, 6]
        assert "chat.message" not in await socket.quiet()


async def test_a_position_of_another_epoch_is_reset(alice: Person, bob: Person) -> None:
    room = await alice.direct(bob)
    await alice.say(room, "one")
    async with bob.connected("&resume=frame") as socket:
        await socket.send("session.resume", epoch="another life", rooms={room: [7]})
        assert await socket.next("room.reset") == {"room": room, "last_seq": 1, "rev": 0}
        await alice.say(room, "two")
        assert (await socket.next("chat.message"))["seq"] == 2


async def test_typing_is_passed_to_the_others(alice: Person, bob: Person) -> None:
    room = await alice.direct(bob)
    async with alice.connected() as ours, bob.connected() as theirs:
        for kind in ("friend.typing.start", "friend.typing.stop"):
            await ours.send(kind, room=room)
            assert await theirs.next(kind) == {"room": room, "user": alice.id}
        assert not [kind for kind in await ours.quiet() if kind.startswith("friend.typing")]


async def test_reading_is_told_to_the_others_and_my_other_devices(alice: Person, bob: Person) -> None:
    room = await alice.direct(bob)
    await alice.say(room, "one")
    await alice.say(room, "two")
    async with alice.connected() as theirs, bob.connected() as ours, bob.connected() as second:
        await ours.send("chat.read", room=room, seq=1)
        for socket in (theirs, second):
            assert await socket.next("chat.read") == {"room": room, "user": bob.id, "seq": 1}
        await ours.send("chat.read", room=room, seq=99)  # not beyond the last message
        assert (await theirs.next("chat.read"))["seq"] == 2
        await ours.send("chat.read", room=room, seq=1)  # never back
        await ours.send("chat.read", room=room)
        await ours.quiet()
        assert "chat.read" not in await theirs.quiet()
        assert (await bob.get(f"/api/chat/users/{room}/"))["read_seq"] == 2


async def test_what_has_arrived_is_told_to_the_sender(alice: Person, bob: Person) -> None:
    room = await alice.direct(bob)
    await alice.say(room, "one")
    await alice.say(room, "two")
    assert {m["is_delivered"] for m in (await alice.get(f"/api/chat/{room}/messages/"))["results"]} == {False}
    async with alice.connected() as ours, bob.connected() as theirs:
        await theirs.send("chat.received", room=room, seq=1)
        assert await ours.next("chat.delivered") == {"room": room, "user": bob.id, "seq": 1}
        await theirs.send("chat.received", room=room, seq=99)  # not beyond the last message
        assert (await ours.next("chat.delivered"))["seq"] == 2
        await theirs.send("chat.received", room=room, seq=1)  # never back
        await theirs.quiet()
        assert "chat.delivered" not in await ours.quiet()
    page = await alice.get(f"/api/chat/{room}/messages/")
    assert {(m["is_delivered"], m["is_read"]) for m in page["results"]} == {(True, False)}


async def test_a_new_room_is_heard_of_while_connected(alice: Person, bob: Person) -> None:
    async with bob.connected() as socket:
        room = await alice.direct(bob)
        created = await socket.next("room.created")
        is_shaped(created, ROOM)
        assert (created["id"], created["friend"]["id"]) == (room, alice.id)
        await alice.say(room, "at once")
        assert (await socket.next("chat.message"))["content"] == "at once"


async def test_names_and_members_change_while_connected(platform: Platform, alice: Person, bob: Person) -> None:
    room, carol = await alice.group("before"), await platform.register("carol")
    members = f"/api/chat/rooms/{room}/members/"
    async with alice.connected() as ours, bob.connected() as theirs, carol.connected() as hers:
        for person, socket in ((bob, theirs), (carol, hers)):
            assert (await alice.call("POST", members, {"user": person.id})).status_code in (200, 201)
            created = await socket.next("room.created")
            is_shaped(created, ROOM)
            assert created["id"] == room
            await alice.say(room, "welcome")
            assert (await socket.next("chat.message"))["content"] == "welcome"
        await hers.quiet()
        await alice.call("PATCH", f"/api/chat/rooms/{room}/", {"name": "after"})
        for socket in (ours, theirs, hers):
            updated = await socket.next("room.updated")
            is_shaped(updated, ROOM)
            assert updated["name"] == "after"
        assert (await alice.call("DELETE", f"{members}{bob.id}/")).status_code == 204
        assert await theirs.next("room.removed") == {"room": room}
        await alice.say(room, "without bob")
        assert (await hers.next("chat.message"))["content"] == "without bob"
        await theirs.quiet()
        theirs.frames.clear()
        await theirs.send("chat.message", room=room, content="still here?", client_id="c")
        assert (await theirs.next("error"))["code"] == "not_a_member"
        assert "chat.message" not in await theirs.quiet()


async def test_a_fresh_token_keeps_the_socket(alice: Person, bob: Person) -> None:
    async with alice.connected() as socket:
        await socket.send("auth.refresh", token=(await alice.log_in()).token)
        is_shaped(await socket.next("auth.refreshed"), {"expires_at": time})
        await socket.send("auth.refresh", token=bob.token)
        assert (await socket.next("error"))["code"] == "token_invalid"


async def test_ping_is_answered(alice: Person) -> None:
    async with alice.connected() as socket:
        await socket.send("ping")
        assert await socket.next("pong") == {}


@pytest.mark.parametrize(
    ("kind", "data", "code"),
    [
        ("chat.message", {"room": NOBODY, "content": "x", "client_id": "c"}, "not_a_member"),
        ("chat.message", {"room": "{room}", "content": "x" * 4001, "client_id": "c"}, "too_long"),
        ("chat.message", {"room": "{room}", "content": "", "client_id": "c"}, "bad_frame"),
        ("chat.message", {"room": "{room}", "content": "\x00", "client_id": "c"}, "bad_frame"),
        ("chat.message", {"room": "{room}", "client_id": "c"}, "bad_frame"),
        ("chat.message", {"room": "nonsense", "content": "x", "client_id": "c"}, "bad_frame"),
        ("chat.message", {"room": "{room}", "content": "other", "client_id": "known"}, "client_id_reused"),
        ("chat.read", {"room": NOBODY}, "not_a_member"),
        ("friend.typing.start", {"room": NOBODY}, "not_a_member"),
        ("chat.received", {"room": NOBODY, "seq": 1}, "not_a_member"),
        ("chat.received", {"room": "{room}"}, "bad_frame"),
        ("room.join", {"room": NOBODY}, "not_a_member"),
        ("no.such.type", {}, "bad_frame"),
        ("session.resume", {"rooms": {}}, "bad_frame"),
    ],
)
async def test_what_goes_wrong_is_an_error_frame_and_the_socket_stays(
    alice: Person, bob: Person, kind: str, data: dict[str, Any], code: str
) -> None:
    room = await alice.direct(bob)
    await alice.say(room, "one", "known")
    async with alice.connected() as socket:
        await socket.send_wrong(kind, {name: room if value == "{room}" else value for name, value in data.items()})
        error = await socket.next("error")
        is_shaped(error, {"code": text, "detail": text})
        assert error["code"] == code
        assert error.get("client_id") == data.get("client_id")
        await socket.quiet()


async def test_frames_that_are_no_commands_are_errors_too(platform: Platform, alice: Person) -> None:
    async with platform.dial(f"?token={alice.token}") as socket:
        await socket.recv()
        for frame in ("", "no json", "[]", '{"type": "ping", "data": 5}', b"bytes"):
            await socket.send(frame)
            assert json.loads(await socket.recv())["data"]["code"] == "bad_frame", frame


async def test_many_bad_frames_in_a_row_close_with_4400(alice: Person) -> None:
    async with alice.connected() as socket:
        for _ in range(25):
            await socket.socket.send("no json")
        assert await socket.closed() == 4400


async def test_a_frame_over_64_kib_closes_with_1009(alice: Person) -> None:
    async with alice.connected() as socket:
        await socket.socket.send("x" * (64 * 1024 + 1))
        assert await socket.closed() == 1009
