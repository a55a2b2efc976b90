"""What the frame codec bounds: sizes, fragments, memory, and how long bad text goes unnoticed."""

import tracemalloc

import pytest

from chat_service.realtime import wire as wire_module
from chat_service.realtime.wire import MAX_EMPTY_FRAGMENTS, Binary, Fail, Ping, Wire, pong_frame

KEY = bytes.fromhex("37fa213d")
CONT, TEXT, BINARY, PING = 0x0, 0x1, 0x2, 0x9
HELLO = bytes.fromhex("818537fa213d7f9f4d5158")  # RFC 6455, section 5.7


def frame(opcode: int, payload: bytes = b"", *, more: bool = False) -> bytes:
    """A client's frame."""
    size = len(payload)
    if size < 126:
        length = bytes((0x80 | size,))
    else:
        length = b"\xfe" + size.to_bytes(2, "big") if size < 65_536 else b"\xff" + size.to_bytes(8, "big")
    masked = bytes(byte ^ KEY[index % 4] for index, byte in enumerate(payload))
    return bytes(((0 if more else 0x80) | opcode,)) + length + KEY + masked


@pytest.mark.parametrize("size", [3, 200, 70_000])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_the_limit_holds_as_soon_as_the_header_announces_more(size: int, opcode: int) -> None:
    payload = b"a" * size
    (event,) = Wire(max_message=size).receive(frame(opcode, payload))
    assert event == (payload if opcode == TEXT else Binary(payload))
    (fail,) = Wire(max_message=size - 1).receive(frame(opcode, payload))
    assert isinstance(fail, Fail)
    assert fail.code == 1009
    header = frame(opcode, payload)[: -size - len(KEY)]
    assert Wire(max_message=size).receive(header) == []
    (fail,) = Wire(max_message=size - 1).receive(header)
    assert isinstance(fail, Fail)
    assert fail.code == 1009


def test_the_limit_counts_all_fragments_and_is_fresh_for_each_message() -> None:
    wire = Wire(max_message=10)
    whole = frame(TEXT, b"a" * 6, more=True) + frame(CONT, b"b" * 4)
    assert wire.receive(whole + whole) == [b"aaaaaabbbb"] * 2
    assert wire.receive(frame(TEXT, b"a" * 6, more=True) + frame(PING, b"p" * 100))[0] == Ping(
        b"p" * 100, pong_frame(b"p" * 100)
    )
    (fail,) = wire.receive(frame(CONT, b"b" * 5)[:2])
    assert isinstance(fail, Fail)
    assert fail.code == 1009


def test_empty_fragments_are_counted_per_message() -> None:
    wire = Wire()
    most = frame(TEXT, more=True) + frame(CONT, more=True) * (MAX_EMPTY_FRAGMENTS - 1)
    assert wire.receive((most + frame(CONT, b"end")) * 2) == [b"end"] * 2
    assert wire.receive(most) == []
    (fail,) = wire.receive(frame(CONT, more=True))
    assert isinstance(fail, Fail)
    assert fail.code == 1009


def test_single_byte_fragments_are_only_bounded_by_the_message_limit() -> None:
    wire = Wire(max_message=3_000)
    stream = frame(TEXT, b"a", more=True) + frame(CONT, b"b", more=True) * 2_998
    assert wire.receive(stream) == []
    assert wire.receive(frame(CONT, b"c")) == [b"a" + b"b" * 2_998 + b"c"]


BAD_TEXT: dict[str, tuple[bytes, int]] = {  # and the index of the byte after which nothing can repair it
    "stray continuation": (b"ab\x80cdef", 2),
    "unused lead byte": (b"ab\xf5cdef", 2),
    "overlong": (b"ab\xe0\x80\x80ef", 3),
    "surrogate": (b"ab\xed\xa0\x80ef", 4),  # byte 3 is enough, but Python's decoder waits, for its `surrogatepass`
    "beyond the last code point": (b"ab\xf4\x90\x80\x80ef", 3),
    "character broken off": (b"ab\xe2\x82cdef", 4),
    "four-byte character broken off": (b"ab\xf0\x9f\x98cdef", 5),
}


@pytest.mark.parametrize("name", BAD_TEXT)
def test_bad_text_fails_with_the_byte_that_makes_it_bad(name: str) -> None:
    text, index = BAD_TEXT[name]
    unfinished = Wire()
    assert unfinished.receive(frame(TEXT, text + b"more")[: 6 + index]) == []
    (in_a_frame,) = unfinished.receive(frame(TEXT, text + b"more")[6 + index : 7 + index])
    fragmented = Wire()
    assert fragmented.receive(frame(TEXT, text[:index], more=True)) == []
    (in_fragments,) = fragmented.receive(frame(CONT, text[index : index + 1], more=True))
    for event in (in_a_frame, in_fragments):
        assert isinstance(event, Fail)
        assert event.code == 1007


def test_an_idle_connection_costs_little_and_goes_back_to_it() -> None:
    wires: list[Wire | None] = [None] * 1_000
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for index in range(1_000):
            wires[index] = wire = Wire()
            wire.receive(HELLO)
            wire.receive(frame(TEXT, b"Hel", more=True) + frame(PING) + frame(CONT, b"lo") + HELLO[:5])
            assert wire.receive(HELLO[5:]) == [b"Hello"]
        each = (tracemalloc.get_traced_memory()[0] - before) / 1_000
    finally:
        tracemalloc.stop()
    assert each < 100


def held_by_the_codec() -> int:
    """Bytes that the codec's own lines have allocated and not freed, whatever else this process does meanwhile."""
    snapshot = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, wire_module.__file__)])
    return sum(statistic.size for statistic in snapshot.statistics("filename"))


def test_a_failed_connection_lets_go_of_its_message() -> None:
    wire = Wire()
    tracemalloc.start()
    try:
        before = held_by_the_codec()
        wire.receive(frame(TEXT, b"a" * 60_000, more=True))
        held = held_by_the_codec() - before
        assert wire.receive(b"\xff\xff")
        left = held_by_the_codec() - before
    finally:
        tracemalloc.stop()
    assert held > 60_000 > 2_000 > left


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_one_more_byte_of_a_large_message_does_not_copy_it(opcode: int) -> None:
    size = 1 << 20
    stream = frame(opcode, b"a" * (size - 1) + b"b")
    wire = Wire(max_message=size)
    tracemalloc.start()
    try:
        assert wire.receive(stream[:-1_000]) == []
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        for index in range(len(stream) - 1_000, len(stream) - 1):
            assert wire.receive(stream[index : index + 1]) == []
        grown = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert grown < size // 4  # a bytearray grows by an eighth at most
    assert len(wire.receive(stream[-1:])) == 1


def test_a_flood_of_fragments_and_pings_holds_no_memory() -> None:
    wire = Wire(max_message=1_000)
    wire.receive(frame(TEXT, b"a", more=True))
    flood = [frame(PING, b"p") * 10, frame(CONT, b"", more=True), frame(CONT, b"b", more=True)]
    tracemalloc.start()
    try:
        before = held_by_the_codec()
        for _ in range(MAX_EMPTY_FRAGMENTS):
            for data in flood:
                assert not any(isinstance(event, Fail) for event in wire.receive(data))
        held = held_by_the_codec() - before
    finally:
        tracemalloc.stop()
    assert held < 2_000
