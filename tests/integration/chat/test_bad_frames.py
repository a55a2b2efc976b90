"""Frames that are not as documented: each is answered with an `error`, nothing of it is stored, the socket stays.

The mistakes are made from the schemas of the AsyncAPI document: every field of every command missing, of every wrong
type, too long, out of range, of another form, with U+0000.
"""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import pytest

from chat_service.realtime.asyncapi import document
from chat_service.realtime.codes import ErrorCode
from tests.support.auth import User
from tests.support.chat import PRESENCE, Client, Pod
from tests.support.frames import resolved
from tests.support.mistakes import DEEP, Mistake, mistakes, nested, with_unknown_fields

People = Callable[[int], list[User]]
DOCUMENT = document()
COMMANDS = {name.partition(".")[2]: name for name in DOCUMENT["components"]["messages"] if name.startswith("command.")}
every_command = pytest.mark.parametrize("kind", COMMANDS)
EVERYTHING = """
    SELECT jsonb_agg(to_jsonb(r) ORDER BY r) FROM (
        SELECT r.id::text, r.last_seq, r.rev, r.name, '' AS member, 0 AS read, 0 AS delivered FROM rooms r
        UNION ALL SELECT m.room_id::text, m.read_seq, 0, m.role, m.user_id::text, m.read_seq, m.delivered_seq
                  FROM members m
        UNION ALL SELECT m.room_id::text, m.seq, m.rev, m.content, m.sender_id::text, 0, 0 FROM messages m) r
"""


@pytest.fixture
async def pod(start_pod: Callable[..., Any]) -> Pod:
    """One pod."""
    pod: Pod = await start_pod("chat-1")
    return pod


@pytest.fixture
async def room(pod: Pod, people: People) -> AsyncIterator[tuple[User, str]]:
    """Somebody, and a room of his with a message of somebody else."""
    alice, bob = people(2)
    room = await pod.direct(alice, bob)
    async with pod.connect(bob) as socket:
        await socket.say(room, "Hello!")
    yield alice, str(room)


async def stored(database_url: str) -> str:
    """All that a frame could change."""
    connection = await asyncpg.connect(database_url)
    try:
        return str(await connection.fetchval(EVERYTHING))
    finally:
        await connection.close()


def good(kind: str, alice: User, room: str) -> Any:
    """A frame with all its fields, for that room."""
    example = DOCUMENT["components"]["messages"][COMMANDS[kind]]["examples"][0]["payload"]
    text = json.dumps(example)
    for old in {example["data"].get("room", ""), *example["data"].get("rooms", ())} - {""}:
        text = text.replace(old, room)
    frame = json.loads(text)
    if "token" in frame["data"]:
        frame["data"]["token"] = alice.fresh_token()
    return frame


async def answers(socket: Client, text: str | bytes) -> list[dict[str, Any]]:
    """What comes of a frame before the answer to the next one; presence comes when it comes."""
    await socket.socket.send(text)
    await socket.send("ping")
    found: list[dict[str, Any]] = []
    while True:
        frame = json.loads(await socket.socket.recv())
        if frame["type"] == "pong":
            return found
        if frame["type"] not in PRESENCE:
            found.append(frame)


def expected(kind: str, mistake: Mistake) -> ErrorCode:
    """The code for a mistake."""
    too_long = mistake.path == "data.content" and mistake.detail == "one too many"
    return ErrorCode.TOO_LONG if too_long else ErrorCode.BAD_FRAME


@every_command
async def test_every_mistake_in_every_field_is_an_error_frame(
    pod: Pod, room: tuple[User, str], database_url: str, kind: str
) -> None:
    alice, room_id = room
    frame = good(kind, alice, room_id)
    schema = resolved(DOCUMENT, DOCUMENT["components"]["messages"][COMMANDS[kind]]["payload"])
    before = await stored(database_url)
    made = [mistake for mistake in mistakes(schema, frame) if (mistake.kind, mistake.path) != ("nul", "data.token")]
    assert {mistake.path for mistake in made} >= {"type", "data", *(f"data.{name}" for name in frame["data"])}
    wrong = []
    async with pod.connect(alice, "&resume=frame" if kind == "session.resume" else "") as socket:
        for mistake in made:
            found = await answers(socket, json.dumps(mistake.value))
            if [(one["type"], one["data"].get("code")) for one in found] != [("error", expected(kind, mistake))]:
                wrong.append(f"{mistake} -> {found}")
    assert wrong == []
    assert await stored(database_url) == before


@every_command
async def test_fields_that_nobody_knows_are_ignored(pod: Pod, room: tuple[User, str], kind: str) -> None:
    alice, room_id = room
    frame = with_unknown_fields(good(kind, alice, room_id))
    frame["data"].get("rooms", {}).pop("field_of_tomorrow", None)  # there the names are ids
    frame["deep"] = nested(DEEP)
    async with pod.connect(alice, "&resume=frame" if kind == "session.resume" else "") as socket:
        await socket.socket.send(json.dumps(frame))
        await socket.quiet()
        assert [one for one in socket.frames if one["type"] == "error"] == []


PING = '{"type":"ping","data":{}}'
NO_COMMANDS: dict[str, str | bytes] = {
    "nothing": "",
    "white space": " \n",
    "a word": "hello",
    "a string": '"ping"',
    "a number": "1",
    "null": "null",
    "a list": "[]",
    "a frame in a list": f"[{PING}]",
    "an object": "{}",
    "no type": '{"data":{}}',
    "a type that is none": '{"type":["ping"],"data":{}}',
    "an unknown type": '{"type":"chat.explode","data":{}}',
    "a type of the server": '{"type":"chat.ack","data":{}}',
    "another case": '{"type":"PING","data":{}}',
    "half a frame": PING[:-1],
    "two frames": PING + PING,
    "something behind it": PING + " x",
    "a comment": PING + "// really",
    "NaN": '{"type":"ping","data":{"x":NaN}}',
    "a lone surrogate": '{"type":"auth.refresh","data":{"token":"\\ud800"}}',
    "a control character": '{"type":"auth.refresh","data":{"token":"a\x01b"}}',
    "a byte order mark": "\ufeff" + PING,
    "lists without an end": "[" * 60_000,
    "lists in lists": '{"type":"ping","data":{"x":' + "[" * 30_000 + "]" * 30_000 + "}}",
    "objects in objects": '{"type":"ping","data":' + '{"a":' * 10_000 + "1" + "}" * 10_000 + "}",
    "bytes": PING.encode(),
    "no bytes": b"",
}


async def test_what_is_no_command_is_a_bad_frame(pod: Pod, people: People) -> None:
    [alice] = people(1)
    wrong = []
    async with pod.connect(alice) as socket:
        for name, text in NO_COMMANDS.items():
            found = await answers(socket, text)
            if [(one["type"], one["data"].get("code")) for one in found] != [("error", "bad_frame")]:
                wrong.append(f"{name} -> {found}")
    assert wrong == []


NOBODY = "00000000-0000-7000-8000-000000000000"
SENSELESS: dict[str, tuple[str, dict[str, Any], ErrorCode]] = {
    "another's room": ("chat.message", {"room": NOBODY, "content": "x", "client_id": "a"}, ErrorCode.NOT_A_MEMBER),
    "typing there": ("friend.typing.start", {"room": NOBODY}, ErrorCode.NOT_A_MEMBER),
    "no more typing there": ("friend.typing.stop", {"room": NOBODY}, ErrorCode.NOT_A_MEMBER),
    "reading there": ("chat.read", {"room": NOBODY}, ErrorCode.NOT_A_MEMBER),
    "receiving there": ("chat.received", {"room": NOBODY, "seq": 1}, ErrorCode.NOT_A_MEMBER),
    "joining there": ("room.join", {"room": NOBODY}, ErrorCode.NOT_A_MEMBER),
    "nothing to resume": ("session.resume", {"rooms": {}}, ErrorCode.BAD_FRAME),
    "no token": ("auth.refresh", {"token": ""}, ErrorCode.TOKEN_INVALID),
    "a long token": ("auth.refresh", {"token": "x" * 60_000}, ErrorCode.TOKEN_INVALID),
    "a token with U+0000": ("auth.refresh", {"token": "a\x00b"}, ErrorCode.TOKEN_INVALID),
    "a token of three parts": ("auth.refresh", {"token": "e30.e30.e30"}, ErrorCode.TOKEN_INVALID),
}


@pytest.mark.parametrize("name", SENSELESS)
async def test_what_is_well_formed_and_senseless_is_an_error_too(
    pod: Pod, room: tuple[User, str], database_url: str, name: str
) -> None:
    kind, data, code = SENSELESS[name]
    before = await stored(database_url)
    async with pod.connect(room[0]) as socket:
        await socket.send(kind, **data)
        error = await socket.next("error")
        assert (error["code"], error.get("client_id")) == (code, data.get("client_id"))
        assert await socket.quiet() == []
    assert await stored(database_url) == before


async def test_marks_beyond_the_last_message_stop_there(pod: Pod, room: tuple[User, str], database_url: str) -> None:
    alice, room_id = room
    async with pod.connect(alice) as socket:
        for kind in ("chat.received", "chat.read"):
            await socket.send(kind, room=room_id, seq=2**53)
        assert (await socket.next("chat.read"))["seq"] == 1
    assert '"delivered": 1' in await stored(database_url)
