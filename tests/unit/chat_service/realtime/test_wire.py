"""Every rule of the frame codec, one table per kind."""

from collections.abc import Callable

import pytest

from chat_service.realtime.wire import (
    Binary,
    Close,
    Event,
    Fail,
    Ping,
    Pong,
    Wire,
    close_frame,
    ping_frame,
    pong_frame,
    text_frame,
)

KEY = bytes.fromhex("37fa213d")  # the one of the examples in RFC 6455, section 5.7
CONT, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA


def frame(opcode: int, payload: bytes = b"", *, more: bool = False, rsv: int = 0, length: bytes | None = None) -> bytes:
    """A client's frame; `length` replaces the length field, its 7 bits included."""
    size = len(payload)
    if length is None:
        if size < 126:
            length = bytes((size,))
        else:
            length = b"\x7e" + size.to_bytes(2, "big") if size < 65_536 else b"\x7f" + size.to_bytes(8, "big")
    head = bytes(((0 if more else 0x80) | rsv << 4 | opcode, 0x80 | length[0])) + length[1:]
    return head + KEY + bytes(byte ^ KEY[index % 4] for index, byte in enumerate(payload))


def at_once(wire: Wire, stream: bytes) -> list[Event]:
    return wire.receive(stream)


def byte_by_byte(wire: Wire, stream: bytes) -> list[Event]:
    return [event for index in range(len(stream)) for event in wire.receive(stream[index : index + 1])]


def in_sevens(wire: Wire, stream: bytes) -> list[Event]:
    return [event for index in range(0, len(stream), 7) for event in wire.receive(stream[index : index + 7])]


Feed = Callable[[Wire, bytes], list[Event]]
every_feed = pytest.mark.parametrize("feed", [at_once, byte_by_byte, in_sevens])

EURO = "€".encode()
HELLO = bytes.fromhex("818537fa213d7f9f4d5158")  # RFC 6455, section 5.7
ACCEPTED: dict[str, tuple[bytes, list[Event]]] = {
    "nothing": (b"", []),
    "the example of the RFC": (HELLO, [b"Hello"]),
    "empty text": (frame(TEXT), [b""]),
    "two messages": (frame(TEXT, b"a") + frame(TEXT, b"b" * 200), [b"a", b"b" * 200]),
    "text beyond ASCII": (frame(TEXT, EURO), [EURO]),
    "the last code point": (frame(TEXT, "\U0010ffff".encode()), ["\U0010ffff".encode()]),
    "binary": (frame(BINARY, b"\xff\x00"), [Binary(b"\xff\x00")]),
    "empty binary": (frame(BINARY), [Binary(b"")]),
    "fragments": (frame(TEXT, b"Hel", more=True) + frame(CONT, b"lo"), [b"Hello"]),
    "three fragments": (
        frame(TEXT, b"a", more=True) + frame(CONT, b"b", more=True) + frame(CONT, b"c") + frame(TEXT, b"d"),
        [b"abc", b"d"],
    ),
    "a character over three fragments": (
        frame(TEXT, EURO[:1], more=True) + frame(CONT, EURO[1:2], more=True) + frame(CONT, EURO[2:]),
        [EURO],
    ),
    "empty fragments": (frame(TEXT, more=True) + frame(CONT, more=True) + frame(CONT), [b""]),
    "binary fragments": (frame(BINARY, b"\xff", more=True) + frame(CONT, b"\xfe"), [Binary(b"\xff\xfe")]),
    "binary fragments, then text": (
        frame(BINARY, b"\xff", more=True) + frame(CONT) + frame(TEXT, b"a", more=True) + frame(CONT, EURO),
        [Binary(b"\xff"), b"a" + EURO],
    ),
    "ping": (frame(PING, b"hi"), [Ping(b"hi", b"\x8a\x02hi")]),
    "empty ping": (frame(PING), [Ping(b"", b"\x8a\x00")]),
    "longest ping": (frame(PING, b"p" * 125), [Ping(b"p" * 125, b"\x8a\x7d" + b"p" * 125)]),
    "pong": (frame(PONG, b"\xff"), [Pong(b"\xff")]),
    "control frames between fragments": (
        frame(TEXT, b"a", more=True) + frame(PING, b"1") + frame(PONG) + frame(CONT, b"b"),
        [Ping(b"1", b"\x8a\x011"), Pong(b""), b"ab"],
    ),
    "close": (frame(CLOSE, b"\x03\xe8"), [Close(1000, "")]),
    "close without a code": (frame(CLOSE), [Close(1005, "")]),
    "close with a reason": (frame(CLOSE, b"\x0f\xa1" + EURO), [Close(4001, "€")]),
    "close with the longest reason": (frame(CLOSE, b"\x03\xe8" + b"r" * 123), [Close(1000, "r" * 123)]),
    "close between fragments": (frame(TEXT, b"a", more=True) + frame(CLOSE), [Close(1005, "")]),
    "data after a close": (frame(CLOSE) + frame(TEXT, b"late") + b"\xff\xff", [Close(1005, "")]),
}


@every_feed
@pytest.mark.parametrize("name", ACCEPTED)
def test_valid_streams_give_their_events(name: str, feed: Feed) -> None:
    stream, events = ACCEPTED[name]
    assert feed(Wire(), stream) == events


@every_feed
@pytest.mark.parametrize("size", [1, 2, 3, 4, 124, 125, 126, 127, 1_000, 65_535, 65_536])
def test_messages_of_every_length_form_arrive_whole(size: int, feed: Feed) -> None:
    payload = bytes(byte & 0x7F for byte in range(251)) * (size // 251 + 1)
    wire = Wire()
    assert feed(wire, frame(TEXT, payload[:size])) == [payload[:size]]
    assert feed(wire, frame(BINARY, payload[:size])) == [Binary(payload[:size])]
    assert feed(wire, HELLO) == [b"Hello"]


REFUSED: dict[str, tuple[bytes, int]] = {
    "RSV1": (frame(TEXT, b"a", rsv=4), 1002),
    "RSV2": (frame(TEXT, b"a", rsv=2), 1002),
    "RSV3 on a control frame": (frame(PING, rsv=1), 1002),
    "unmasked text": (b"\x81\x01a", 1002),
    "unmasked text of the size of a masked one": (b"\x81\x05helloabcd", 1002),
    "unmasked long text": (b"\x81\x7e\x00\xc8" + b"a" * 204, 1002),
    "unmasked ping": (b"\x89\x00", 1002),
    "continuation of nothing": (frame(CONT, b"a"), 1002),
    "continuation after a whole message": (frame(TEXT, b"a") + frame(CONT, b"a"), 1002),
    "continuation after fragments": (frame(TEXT, b"a", more=True) + frame(CONT) + frame(CONT), 1002),
    "text inside a fragmented message": (frame(TEXT, b"a", more=True) + frame(TEXT, b"b"), 1002),
    "binary inside a fragmented message": (frame(TEXT, more=True) + frame(BINARY), 1002),
    "fragmented ping": (frame(PING, more=True), 1002),
    "fragmented close": (frame(CLOSE, more=True), 1002),
    "ping of 126 bytes": (frame(PING, b"p" * 126), 1002),
    "ping with a 64-bit length": (frame(PING, length=b"\x7f" + bytes(8)), 1002),
    "close of 126 bytes": (frame(CLOSE, b"\x03\xe8" + b"r" * 124), 1002),
    "16-bit length for 125 bytes": (frame(TEXT, b"a" * 125, length=b"\x7e\x00\x7d"), 1002),
    "16-bit length for none": (frame(TEXT, length=b"\x7e\x00\x00"), 1002),
    "64-bit length for 126 bytes": (frame(TEXT, b"a" * 126, length=b"\x7f" + bytes(7) + b"\x7e"), 1002),
    "64-bit length for 65535 bytes": (frame(TEXT, b"a" * 65_535, length=b"\x7f" + b"\0" * 6 + b"\xff\xff"), 1002),
    "64-bit length with the top bit": (frame(TEXT, length=b"\x7f\x80" + bytes(7)), 1002),
    "close of one byte": (frame(CLOSE, b"\x03"), 1002),
    "close reason that is not UTF-8": (frame(CLOSE, b"\x03\xe8\xff"), 1007),
    "close reason cut in a character": (frame(CLOSE, b"\x03\xe8" + EURO[:2]), 1007),
    "text that is not UTF-8": (frame(TEXT, b"a\xff"), 1007),
    "long text that is not UTF-8": (frame(TEXT, b"a" * 300 + b"\xff"), 1007),
    "text cut in a character": (frame(TEXT, EURO[:2]), 1007),
    "the second of two fragmented texts that is not UTF-8": (
        (frame(TEXT, b"abc", more=True) + frame(CONT, b"def")) + (frame(TEXT, b"\xff", more=True) + frame(CONT)),
        1007,
    ),
    "fragments cut in a character": (frame(TEXT, EURO[:2], more=True) + frame(CONT), 1007),
    "surrogate": (frame(TEXT, b"\xed\xa0\x80"), 1007),
    "overlong form": (frame(TEXT, b"\xc0\xaf"), 1007),
    "beyond the last code point": (frame(TEXT, b"\xf4\x90\x80\x80"), 1007),
    "too big": (frame(TEXT, b"a" * 65_537), 1009),
    "too big binary": (frame(BINARY, b"a" * 65_537), 1009),
    "63-bit length": (frame(TEXT, length=b"\x7f\x7f" + b"\xff" * 7), 1009),
    "fragments too big together": (frame(TEXT, b"a" * 65_536, more=True) + frame(CONT, b"a"), 1009),
    **{f"opcode {code:#x}": (frame(code), 1002) for code in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)},
}


@every_feed
@pytest.mark.parametrize("name", REFUSED)
def test_a_violation_fails_the_connection_once_and_for_all(name: str, feed: Feed) -> None:
    stream, code = REFUSED[name]
    wire = Wire()
    assert feed(wire, HELLO) == [b"Hello"]
    (last,) = feed(wire, stream)[-1:]
    assert isinstance(last, Fail)
    assert last.code == code
    assert 0 < len(last.reason) < 60
    assert feed(wire, HELLO + frame(CLOSE)) == []


@every_feed
def test_messages_before_a_violation_are_delivered(feed: Feed) -> None:
    *before, last = feed(Wire(), HELLO + frame(PING) + HELLO + frame(TEXT, rsv=4))
    assert before == [b"Hello", Ping(b"", b"\x8a\x00"), b"Hello"]
    assert isinstance(last, Fail)


def test_exactly_the_registered_close_codes_are_accepted() -> None:
    accepted = set()
    for code in range(65_536):
        (event,) = Wire().receive(frame(CLOSE, code.to_bytes(2, "big")))
        if event == Close(code, ""):
            accepted.add(code)
        else:
            assert isinstance(event, Fail)
            assert event.code == 1002
    assert accepted == {*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)}


@pytest.mark.parametrize(
    ("size", "head"),
    [
        (0, b"\x81\x00"),
        (125, b"\x81\x7d"),
        (126, b"\x81\x7e\x00\x7e"),
        (65_535, b"\x81\x7e\xff\xff"),
        (65_536, b"\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
    ],
)
def test_text_frames_have_the_shortest_header_and_no_mask(size: int, head: bytes) -> None:
    assert text_frame(b"x" * size) == head + b"x" * size


def test_control_frames_are_encoded() -> None:
    assert ping_frame() == b"\x89\x00"
    assert ping_frame(b"x" * 125) == b"\x89\x7d" + b"x" * 125
    assert pong_frame(b"hi") == b"\x8a\x02hi"
    assert close_frame() == b"\x88\x00"
    assert close_frame(1005, "dropped: there is no code") == b"\x88\x00"
    assert close_frame(1012) == b"\x88\x02\x03\xf4"
    assert close_frame(4408, "too slow") == b"\x88\x0a\x11\x38too slow"


@pytest.mark.parametrize("build", [ping_frame, pong_frame])
def test_a_control_payload_that_is_too_long_is_refused(build: Callable[[bytes], bytes]) -> None:
    with pytest.raises(ValueError, match="125"):
        build(b"x" * 126)


@pytest.mark.parametrize("code", [0, 999, 1004, 1006, 1015, 2999, 5000, 65_536])
def test_a_close_code_that_must_not_be_sent_is_refused(code: int) -> None:
    with pytest.raises(ValueError, match=str(code)):
        close_frame(code)


@pytest.mark.parametrize(
    ("reason", "kept"), [("r" * 200, b"r" * 123), ("€" * 60, EURO * 41), ("é" * 62, "é".encode() * 61)]
)
def test_a_long_close_reason_is_cut_at_a_character(reason: str, kept: bytes) -> None:
    assert close_frame(1000, reason) == bytes((0x88, 2 + len(kept))) + b"\x03\xe8" + kept
