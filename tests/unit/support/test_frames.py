"""The checker of frames finds what it is there for."""

import pytest
import websockets

from chat_service.realtime import examples
from chat_service.realtime.protocol import encode_json
from tests.support.frames import (
    WrongFrameError,
    check_acknowledged,
    check_emitted,
    check_heard,
    check_received,
    check_sent,
    connect,
)

GOOD = [encode_json(event).decode() for event in examples.EVENTS]
HELLO = next(text for text in GOOD if text.startswith('{"type":"chat.message"'))
ACK = next(text for text in GOOD if text.startswith('{"type":"chat.ack"'))


@pytest.mark.parametrize("text", GOOD)
def test_a_good_frame_passes(text: str) -> None:
    assert text.startswith(f'{{"type":"{check_received(text)}"')


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"type":"chat.exploded","data":{}}', "no such event"),
        ('{"type":"chat.received","data":{}}', "no such event"),
        ('{"data":{}}', "no such event"),
        ("[]", "no such event"),
        ('{"type":"pong"}', "'data' is a required property"),
        ('{"type":"pong","data":{"now":1}}', "Additional properties"),
        ('{"type":"pong","data":{},"id":1}', "Additional properties"),
        ('{"type": "pong", "data": {}}', "not compact"),
        ('{"data":{},"type":"pong"}', "not compact"),
        (ACK.replace('"duplicate":false', '"duplicate":"no"'), "'no' is not of type 'boolean'"),
        (ACK.replace('"seq":42', '"seq":-1'), "less than the minimum"),
        (ACK.replace('"seq":42,', ""), "'seq' is a required property"),
        (HELLO.replace('"direction":"sent"', '"direction":"up"'), "'up' is not one of"),
        (HELLO.replace('"username":"alice"', '"name":"alice"'), "name"),
        (HELLO.replace('"bg_color":"#a1c9f0"', '"bg_color":"blue"'), "does not match"),
        (HELLO.replace('"id":"', '"id":"x'), "is not a 'uuid'"),
        (HELLO.replace('.123456Z"', '+00:00"'), "does not match"),
        ('{"type":"error","data":{"code":"no_idea","detail":""}}', "is not one of"),
    ],
)
def test_a_wrong_frame_of_the_server_is_found(text: str, why: str) -> None:
    with pytest.raises(WrongFrameError, match=why):
        check_received(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"type":"chat.ack","data":{}}', "no such command"),
        ('{"type":"chat.received","data":{"room":"0197f2c0-6a3e-7c51-9d0e-3b1f5a7c2e10"}}', "'seq' is a required"),
        ('{"type":"chat.received","data":{"room":"here","seq":1}}', "is not a 'uuid'"),
        ('{"type":"session.resume","data":{"rooms":{"here":[1]}}}', "is not a 'uuid'"),
        ('{"type":"session.resume","data":{"rooms":{"0197f2c0-6a3e-7c51-9d0e-3b1f5a7c2e10":[]}}}', "non-empty"),
    ],
)
def test_a_wrong_frame_of_a_client_is_found(text: str, why: str) -> None:
    with pytest.raises(WrongFrameError, match=why):
        check_sent(text)


async def test_a_connection_checks_whatever_it_receives() -> None:
    async def speak(socket: websockets.ServerConnection) -> None:
        for text in (HELLO, HELLO.replace('"seq":42', '"seq":"42"')):
            await socket.send(text)

    async with websockets.serve(speak, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with connect(f"ws://127.0.0.1:{port}") as socket:
            assert await socket.recv() == HELLO
            with pytest.raises(WrongFrameError, match="'42' is not of type 'integer'"):
                await socket.recv()


ROOM = "0197f2c0-6a3e-7c51-9d0e-3b1f5a7c2e10"


def test_events_of_socket_io_are_checked_too() -> None:
    check_emitted("send_message", {"chat_id": ROOM, "message": "x"})
    check_emitted("chat.read", {"room": ROOM})
    check_acknowledged("chat.read", {})
    check_acknowledged("receive_message", {"chat_id": ROOM, "seq": 1})
    check_acknowledged("receive_message", {"error": {"code": "not_a_member", "detail": "no"}})
    check_heard("message_delivered", {"chat_id": ROOM, "user_id": ROOM, "seq": 1})
    check_heard("pong", {})
    for check, event, data in (
        (check_emitted, "send_message", {"chat_id": ROOM, "content": "x"}),
        (check_emitted, "shout", {}),
        (check_acknowledged, "receive_message", {}),
        (check_acknowledged, "chat.read", {"seq": 1}),
        (check_acknowledged, "chat.read", {"error": "no"}),
        (check_heard, "chat.message", {}),
        (check_heard, "message_delivered", {"chat_id": ROOM, "user_id": ROOM, "seq": "1"}),
    ):
        with pytest.raises(WrongFrameError):
            check(event, data)
