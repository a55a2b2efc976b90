"""Answers of services: read strictly, wherever the packets are cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_service.http1 import Broken, Chunks, parse_head


def test_a_head_is_read() -> None:
    head = parse_head(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A:  b c \r\nSet-Cookie: a\r\nSet-Cookie: b", "GET")
    assert (head.status, head.length, head.chunked, head.reusable) == (200, 5, False, True)
    assert head.headers == [
        (b"content-length", b"5"),
        (b"x-a", b"b c"),
        (b"set-cookie", b"a"),
        (b"set-cookie", b"b"),
    ]


@pytest.mark.parametrize(
    ("block", "method", "length", "chunked", "reusable"),
    [
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked", "GET", None, True, True),
        (b"HTTP/1.1 200 OK", "GET", None, False, False),
        (b"HTTP/1.1 200", "GET", None, False, False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 1", "GET", 1, False, False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: Keep-Alive, Close", "GET", 1, False, False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 7", "HEAD", 0, False, True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked", "HEAD", 0, False, True),
        (b"HTTP/1.1 204 No Content", "DELETE", 0, False, True),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9", "GET", 0, False, True),
        (b"HTTP/1.1 100 Continue", "GET", 0, False, True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3", "GET", 3, False, True),
    ],
)
def test_the_framing_is_known(block: bytes, method: str, length: int | None, chunked: bool, reusable: bool) -> None:
    head = parse_head(block, method)
    assert (head.length, head.chunked, head.reusable) == (length, chunked, reusable)


@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"HTTP/2 200 OK",
        b"HTTP/1.1 20 OK",
        b"HTTP/1.1 999 OK",
        b"HTTP/1.1  200 OK",
        b"200 OK",
        b"HTTP/1.1 200 OK\r\nno colon",
        b"HTTP/1.1 200 OK\r\nspace before : x",
        b"HTTP/1.1 200 OK\r\n folded: x",
        b"HTTP/1.1 200 OK\r\nX-A: a\x00b",
        b"HTTP/1.1 200 OK\r\nX-A: a\nX-B: b",
        b"HTTP/1.1 200 OK\r\nX-A: a\rb",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1, 1",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0x10",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    ],
)
def test_a_strange_head_breaks_the_connection(block: bytes) -> None:
    with pytest.raises(Broken):
        parse_head(block, "GET")


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=8), st.data())
def test_chunks_are_put_together_wherever_they_are_cut(bodies: list[bytes], data: st.DataObject) -> None:
    wire = b"".join(b"%X;ext=1\r\n%b\r\n" % (len(body), body) for body in bodies) + b"0\r\nTrailer: x\r\n\r\nREST"
    chunks, received = Chunks(), b""
    while wire and not chunks.done:
        cut = data.draw(st.integers(1, len(wire)))
        received += b"".join(chunks.feed(wire[:cut]))
        wire = wire[cut:]
    assert chunks.done
    assert received == b"".join(bodies)
    assert chunks.rest + wire == b"REST"


@pytest.mark.parametrize(
    "wire",
    [
        b"x\r\n",
        b"-1\r\n",
        b"\r\n",
        b"0x5\r\nhello\r\n",
        b"5\r\nhelloXX",
        b"5\r\nhello!\r\n",
        b"fffffffff\r\n",
        b"5" * 300,
        b"5;" + b"a" * 300,
        b"0\r\n" + b"a" * 9000,
        b"0\r\n" + b"X-A: bbbbbbbb\r\n" * 900,
    ],
)
def test_bad_chunks_break_the_connection(wire: bytes) -> None:
    with pytest.raises(Broken):
        Chunks().feed(wire)
