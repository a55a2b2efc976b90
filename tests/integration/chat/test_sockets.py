"""What two people on two pods see of each other."""

import asyncio
from collections.abc import Callable
from uuid import uuid4

import pytest

from chat_service.realtime import arrivals
from tests.support.auth import User
from tests.support.chat import Client, Pod, component

People = Callable[[int], list[User]]


@pytest.fixture(params=["on", "off"], ids=["handover", "fallback"])
def handover(request: pytest.FixtureRequest) -> str:
    """All of this holds for sockets that were taken over and for those over Quart."""
    return str(request.param)


async def test_a_message_reaches_both_pods_and_is_acknowledged(pods: tuple[Pod, Pod], people: People) -> None:
    alice, bob = people(2)
    room = await pods[0].direct(alice, bob)
    async with pods[0].connect(alice) as a, pods[1].connect(bob) as b:
        ack = await a.say(room, "hello", "c-1")
        sent, received = await a.next("chat.message"), await b.next("chat.message")
    same = {name: sent[name] for name in ("id", "room", "seq", "created_at")}
    assert ack == {**same, "client_id": "c-1", "duplicate": False}
    assert (sent["room"], sent["seq"]) == (str(room), 1)
    assert sent == {**received, "direction": "sent", "client_id": "c-1"}
    assert received["direction"] == "received"
    assert received["content"] == "hello"
    assert received["user"]["username"] == alice.username
    assert "client_id" not in received


async def test_the_first_frame_tells_the_rooms_and_where_they_are(pods: tuple[Pod, Pod], people: People) -> None:
    alice, bob = people(2)
    room = await pods[0].direct(alice, bob)
    async with pods[0].connect(alice) as a:
        await a.say(room, "one")
    async with pods[1].connect(bob) as b:
        assert b.ready["rooms"] == [{"id": str(room), "last_seq": 1, "rev": 0, "read_seq": 0}]
        assert b.ready["user"]["id"] == str(bob.id)
        assert b.ready["user"]["is_online"] is True
        assert b.ready["epoch"]
        assert b.ready["heartbeat_s"] == 25
    async with pods[1].connect(alice) as a:
        assert a.ready["rooms"][0]["read_seq"] == 1  # who writes has read


async def test_a_repeated_send_gets_the_first_row(pods: tuple[Pod, Pod], people: People) -> None:
    alice, bob = people(2)
    room = await pods[0].direct(alice, bob)
    async with pods[0].connect(alice) as a, pods[1].connect(alice) as again, pods[1].connect(bob) as b:
        first = await a.say(room, "once", "same")
        second = await again.say(room, "once", "same")
        assert second == {**first, "duplicate": True}
        await again.send("chat.message", room=room, content="other words", client_id="same")
        refusal = await again.next("error")
        assert (refusal["code"], refusal["client_id"]) == ("client_id_reused", "same")
        await a.say(room, "next", "next")
        assert [message["seq"] for message in await b.messages(2)] == [1, 2]


async def test_a_reply_names_a_message_of_its_room(pods: tuple[Pod, Pod], people: People) -> None:
    alice, bob = people(2)
    room, other = await pods[0].direct(alice, bob), await pods[0].group(alice)
    async with pods[0].connect(alice) as a, pods[1].connect(bob) as b:
        await a.say(room, "a question")
        await b.send("chat.message", room=room, content="an answer", reply_to=1, client_id="r")
        assert (await b.next("chat.ack"))["seq"] == 2
        heard = [await client.messages(2) for client in (a, b)]
        assert [[message.get("reply_to") for message in messages] for messages in heard] == [[None, 1]] * 2
        assert "reply_to" not in heard[0][0]
        await a.send("room.join", room=room, since=0)
        assert [m.get("reply_to") for m in (await a.next("chat.history"))["messages"]] == [None, 1]
        for room_id, reply_to in ((room, 3), (room, 0), (other, 1)):
            await a.send("chat.message", room=room_id, content="x", reply_to=reply_to, client_id="w")
            refusal = await a.next("error")
            assert (refusal["code"], refusal["client_id"]) == ("reply_not_found", "w")
        await b.send("chat.message", room=room, content="an answer", client_id="r")
        assert (await b.next("error"))["code"] == "client_id_reused"
    async with pods[0].connect(alice, f"&resume={room}:0") as a:
        assert [message.get("reply_to") for message in await a.messages(2)] == [None, 1]


async def test_many_senders_on_two_pods_make_one_order_for_everybody(pods: tuple[Pod, Pod], people: People) -> None:
    users = people(4)
    room = await pods[0].group(users[0], *users[1:])
    each = 50
    async with (
        pods[0].connect(users[0]) as a,
        pods[1].connect(users[1]) as b,
        pods[0].connect(users[2]) as c,
        pods[1].connect(users[3]) as d,
    ):
        clients = [a, b, c, d]

        async def talk(index: int) -> None:
            for number in range(each):
                await clients[index].send("chat.message", room=room, content=f"{index}:{number}", client_id=f"{number}")

        await asyncio.gather(*(talk(index) for index in range(4)))
        heard = [await client.messages(4 * each) for client in clients]
    for messages in heard:
        assert [message["seq"] for message in messages] == list(range(1, 4 * each + 1))
    contents = [[message["content"] for message in messages] for messages in heard]
    assert contents[0] == contents[1] == contents[2] == contents[3]
    for index in range(4):
        mine = [content for content in contents[0] if content.startswith(f"{index}:")]
        assert mine == [f"{index}:{number}" for number in range(each)]


async def test_a_room_opened_while_connected_is_heard_without_reconnecting(
    pods: tuple[Pod, Pod], people: People
) -> None:
    alice, bob = people(2)
    async with pods[0].connect(alice) as a, pods[1].connect(bob) as b:
        room = await pods[0].direct(alice, bob)
        created = await b.next("room.created")
        assert (created["id"], created["friend"]["username"]) == (str(room), alice.username)
        await a.next("room.created")
        await a.say(room, "hello")
        assert (await b.next("chat.message"))["content"] == "hello"


async def test_resume_sends_what_was_missed_once_and_then_live(pods: tuple[Pod, Pod], people: People) -> None:
    alice, bob = people(2)
    room = await pods[0].direct(alice, bob)
    async with pods[0].connect(alice) as a:
        for number in range(1, 301):
            await a.send("chat.message", room=room, content=str(number))
        for _ in range(300):
            await a.next("chat.ack")
        async with pods[1].connect(bob, f"&resume={room}:20") as b:
            for number in range(301, 321):
                await a.say(room, str(number))
            heard = await b.messages(300)
            assert [message["seq"] for message in heard] == list(range(21, 321))
            assert [message["content"] for message in heard] == [str(number) for number in range(21, 321)]
            assert await b.quiet() == []


async def test_sends_that_are_repeated_while_catching_up_keep_their_order_and_are_all_answered(
    pods: tuple[Pod, Pod], people: People
) -> None:
    alice, bob = people(2)
    room = await pods[0].direct(alice, bob)
    async with pods[0].connect(alice, max_queue=None) as a:
        for number in range(500):
            await a.send("chat.message", room=room, content=str(number))
        for _ in range(500):
            await a.next("chat.ack")
    async with pods[1].dial(bob, f"&resume={room}:0", max_queue=None) as socket:
        b = Client(socket)
        for number in range(100):
            await b.send("chat.message", room=room, content="again", client_id=f"c{number}")
        acks = [await b.next("chat.ack") for _ in range(100)]
        assert [(ack["client_id"], ack["seq"]) for ack in acks] == [(f"c{n}", 501 + n) for n in range(100)]
        assert [message["seq"] for message in await b.messages(600)] == list(range(1, 601))
        assert "error" not in await b.quiet()


async def test_sends_of_a_member_whom_no_bell_has_told_keep_their_order(
    pods: tuple[Pod, Pod], people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = people(2)
    async with pods[0].connect(alice, max_queue=None) as a:
        bells = component(pods[0], "bells")
        monkeypatch.setattr(bells, "membership", lambda *_, **__: None)
        room = await pods[0].direct(alice, bob)
        for number in range(40):
            await a.send("chat.message", room=room, content="x", client_id=str(number))
        acks = [await a.next("chat.ack") for _ in range(40)]
        assert [(ack["client_id"], ack["seq"]) for ack in acks] == [(str(n), n + 1) for n in range(40)]


async def test_a_position_beyond_the_room_is_reset(pods: tuple[Pod, Pod], people: People) -> None:
    alice, bob = people(2)
    room = await pods[0].direct(alice, bob)
    async with pods[0].connect(alice) as a, pods[1].connect(bob, f"&resume={room}:77") as b:
        assert await b.next("room.reset") == {"room": str(room), "last_seq": 0, "rev": 0}
        await a.say(room, "hello")
        assert (await b.next("chat.message"))["seq"] == 1


async def test_a_room_in_the_url_comes_with_its_last_hundred(pods: tuple[Pod, Pod], people: People) -> None:
    alice, bob = people(2)
    room = await pods[0].direct(alice, bob)
    async with pods[0].connect(alice) as a:
        for number in range(1, 121):
            await a.send("chat.message", room=room, content=str(number))
        for _ in range(120):
            await a.next("chat.ack")
        async with pods[1].connect(bob, f"&room={room}") as b:
            history = await b.next("chat.history")
            assert (history["room"], history["has_more"]) == (str(room), True)
            assert [message["seq"] for message in history["messages"]] == list(range(21, 121))
            await a.say(room, "live")
            assert (await b.next("chat.message"))["seq"] == 121


async def test_room_join_gives_history_or_what_came_since(pods: tuple[Pod, Pod], people: People) -> None:
    alice, bob = people(2)
    room = await pods[0].direct(alice, bob)
    async with pods[0].connect(alice) as a, pods[1].connect(bob) as b:
        for number in range(1, 6):
            await a.say(room, str(number))
        await b.messages(5)
        await b.send("room.join", room=room)
        history = await b.next("chat.history")
        assert [message["seq"] for message in history["messages"]] == [1, 2, 3, 4, 5]
        assert history["has_more"] is False
        await b.send("room.join", room=room, since=3)
        assert [message["seq"] for message in (await b.next("chat.history"))["messages"]] == [4, 5]


async def test_a_delivery_receipt_reaches_the_sender_and_marks_his_messages(
    pods: tuple[Pod, Pod], people: People
) -> None:
    alice, bob = people(2)
    room = await pods[0].direct(alice, bob)
    async with pods[0].connect(alice) as a, pods[1].connect(bob) as b:
        for number in range(3):
            await a.say(room, str(number))
        await b.messages(3)
        await b.send("chat.received", room=room, seq=2)
        assert await a.next("chat.delivered") == {"room": str(room), "user": str(bob.id), "seq": 2}
        messages = (await pods[0].get(f"/api/chat/{room}/messages/", alice)).json()["results"]
        assert [(m["seq"], m["is_delivered"], m["is_read"]) for m in messages] == [
            (3, False, False),
            (2, True, False),
            (1, True, False),
        ]
        await b.next("chat.delivered")
        await b.send("chat.received", room=room, seq=1)
        await b.send("chat.received", room=room, seq=99)
        assert (await a.next("chat.delivered"))["seq"] == 3  # never back, never beyond the last message


async def test_typing_and_reading_reach_the_other_pod(pods: tuple[Pod, Pod], people: People) -> None:
    alice, bob = people(2)
    room = await pods[0].direct(alice, bob)
    async with pods[0].connect(alice) as a, pods[1].connect(bob) as b:
        await a.say(room, "hello")
        await b.next("chat.message")
        await b.send("friend.typing.start", room=room)
        assert await a.next("friend.typing.start") == {"room": str(room), "user": str(bob.id)}
        await b.send("friend.typing.stop", room=room)
        assert await a.next("friend.typing.stop") == {"room": str(room), "user": str(bob.id)}
        await b.send("chat.read", room=room)
        assert await a.next("chat.read") == {"room": str(room), "user": str(bob.id), "seq": 1}
        messages = (await pods[0].get(f"/api/chat/{room}/messages/", alice)).json()["results"]
        assert [(m["is_read"], m["is_delivered"]) for m in messages] == [(True, True)]


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("not json", "bad_frame"),
        ("[]", "bad_frame"),
        ("{}", "bad_frame"),
        ('{"type":"chat.message"}', "bad_frame"),
        ('{"type":"no.such","data":{}}', "bad_frame"),
        ('{"type":"chat.message","data":{"room":"x","content":"hi"}}', "bad_frame"),
        ('{"type":"chat.message","data":{"room":"%(room)s","content":7}}', "bad_frame"),
        ('{"type":"chat.message","data":{"room":"%(room)s","content":""}}', "bad_frame"),
        ('{"type":"chat.message","data":{"room":"%(room)s","content":" \\n\\t"}}', "bad_frame"),
        ('{"type":"chat.message","data":{"room":"%(room)s","content":"a\\u0000b"}}', "bad_frame"),
        ('{"type":"chat.message","data":{"room":"%(room)s","content":"\\ud800"}}', "bad_frame"),
        ('{"type":"chat.message","data":{"room":"%(room)s","content":"x","client_id":""}}', "bad_frame"),
        ('{"type":"chat.message","data":{"room":"%(room)s","content":"x","client_id":"%(long)s"}}', "bad_frame"),
        ('{"type":"chat.message","data":{"room":"%(room)s","content":"%(text)s"}}', "too_long"),
        ('{"type":"chat.message","data":{"room":"%(room)s","content":"x","reply_to":"1"}}', "bad_frame"),
        ('{"type":"chat.message","data":{"room":"%(room)s","content":"x","reply_to":-1}}', "bad_frame"),
        ('{"type":"chat.message","data":{"room":"%(room)s","content":"x","reply_to":1}}', "reply_not_found"),
        ('{"type":"chat.message","data":{"room":"%(other)s","content":"x"}}', "not_a_member"),
        ('{"type":"friend.typing.start","data":{"room":"%(other)s"}}', "not_a_member"),
        ('{"type":"chat.read","data":{"room":"%(other)s"}}', "not_a_member"),
        ('{"type":"chat.read","data":{"room":"%(room)s","seq":-1}}', "bad_frame"),
        ('{"type":"chat.read","data":{"room":"%(room)s","seq":99999999999999999999}}', "bad_frame"),
        ('{"type":"chat.received","data":{"room":"%(other)s","seq":1}}', "not_a_member"),
        ('{"type":"chat.received","data":{"room":"%(room)s"}}', "bad_frame"),
        ('{"type":"room.join","data":{"room":"%(other)s"}}', "not_a_member"),
        ('{"type":"room.join","data":{"room":"%(room)s","since":-1}}', "bad_frame"),
        ('{"type":"auth.refresh","data":{"token":"x.y.z"}}', "token_invalid"),
        (b"binary", "bad_frame"),
        ('{"a":' * 10000, "bad_frame"),
    ],
)
async def test_a_frame_that_makes_no_sense_is_answered_and_the_socket_stays(
    start_pod: Callable[..., Pod], people: People, frame: str | bytes, code: str
) -> None:
    pod = await start_pod("chat-1")  # type: ignore[misc]
    alice, bob, carol = people(3)
    room, other = await pod.direct(alice, bob), await pod.direct(bob, carol)
    if isinstance(frame, str):
        for name, value in {"room": room, "other": other, "long": "x" * 65, "text": "x" * 4001}.items():
            frame = frame.replace(f"%({name})s", str(value))
    async with pod.connect(alice) as a:
        await a.socket.send(frame)
        assert (await a.next("error"))["code"] == code
        assert (await a.say(room, "still here"))["seq"] == 1


async def test_positions_may_come_in_the_first_frame(pods: tuple[Pod, Pod], people: People) -> None:
    alice, bob, carol = people(3)
    rooms = [await pods[0].direct(alice, bob), await pods[0].direct(alice, carol)]
    async with pods[0].connect(alice) as a:
        for room in rooms:
            for number in range(1, 4):
                await a.say(room, str(number))
    async with pods[1].connect(alice, "&resume=frame") as a, pods[0].connect(bob) as b:
        await b.say(rooms[0], "while waiting")
        assert await a.quiet() == []
        await a.send("session.resume", epoch=a.ready["epoch"], rooms={str(rooms[0]): [1, 0], str(rooms[1]): [3]})
        assert [(m["room"], m["seq"]) for m in await a.messages(3)] == [(str(rooms[0]), seq) for seq in (2, 3, 4)]
        await b.say(rooms[0], "live")
        assert (await a.next("chat.message"))["seq"] == 5
        assert await a.quiet() == []
        await a.send("session.resume", rooms={})
        assert (await a.next("error"))["code"] == "bad_frame"


async def test_positions_may_come_in_several_frames(pods: tuple[Pod, Pod], people: People) -> None:
    alice, bob, carol = people(3)
    rooms = [await pods[0].direct(alice, bob), await pods[0].direct(alice, carol)]
    async with pods[0].connect(alice) as a:
        for room in rooms:
            for number in range(1, 4):
                await a.say(room, str(number))
    async with pods[1].connect(alice, "&resume=frame") as a:
        strange = {str(uuid4()): [1] for _ in range(700)}
        await a.send("session.resume", rooms={str(rooms[0]): [1, 0]}, more=True)
        await a.send("session.resume", rooms=strange, more=True)
        assert await a.quiet() == []
        await a.send("session.resume", rooms={str(rooms[1]): [2, 0]})
        found = sorted((m["room"], m["seq"]) for m in await a.messages(3))
        assert found == sorted([(str(rooms[0]), 2), (str(rooms[0]), 3), (str(rooms[1]), 3)])
        removed = {(await a.next("room.removed"))["room"] for _ in strange}
        assert removed == strange.keys()


async def test_positions_of_too_many_rooms_are_refused(
    pods: tuple[Pod, Pod], people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrivals, "MAX_RESUMED", 3)
    [alice] = people(1)
    async with pods[0].connect(alice, "&resume=frame") as a:
        await a.send("session.resume", rooms={str(uuid4()): [1] for _ in range(2)}, more=True)
        await a.send("session.resume", rooms={str(uuid4()): [1] for _ in range(2)})
        assert (await a.next("error"))["code"] == "bad_frame"
        await a.send("session.resume", rooms={str(uuid4()): [1]})
        for _ in range(3):
            await a.next("room.removed")


async def test_a_room_without_a_position_goes_on_from_what_the_first_frame_said(
    pods: tuple[Pod, Pod], people: People
) -> None:
    alice, bob = people(2)
    room = await pods[0].direct(alice, bob)
    async with pods[0].connect(alice) as a, pods[1].connect(bob, "&resume=frame") as b:
        assert b.ready["rooms"][0]["last_seq"] == 0
        await a.say(room, "between the first frame and the answer to it")
        assert await b.quiet() == []
        await b.send("session.resume", rooms={})
        assert (await b.next("chat.message"))["seq"] == 1
        await a.say(room, "live")
        assert (await b.next("chat.message"))["seq"] == 2


async def test_positions_of_another_epoch_are_reset(pods: tuple[Pod, Pod], people: People) -> None:
    alice, bob = people(2)
    room = await pods[0].direct(alice, bob)
    async with pods[0].connect(alice) as a:
        for number in range(3):
            await a.say(room, str(number))
        async with pods[1].connect(bob, "&resume=frame") as b:
            await b.send("session.resume", epoch="another-life", rooms={str(room): [1, 0]})
            assert await b.next("room.reset") == {"room": str(room), "last_seq": 3, "rev": 0}
            await a.say(room, "live")
            assert (await b.next("chat.message"))["seq"] == 4


async def test_a_room_one_is_not_in_is_told_as_removed(pods: tuple[Pod, Pod], people: People) -> None:
    alice, bob, carol = people(3)
    room = await pods[0].direct(alice, bob)
    async with pods[0].connect(carol, f"&resume={room}:0") as c:
        assert await c.next("room.removed") == {"room": str(room)}
        assert await c.quiet() == []
