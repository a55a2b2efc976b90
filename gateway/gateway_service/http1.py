"""HTTP/1.1 as a client reads it (RFC 9112): heads, framing, chunks. No I/O. What is odd breaks the connection."""

import re

import msgspec

MAX_HEAD_BYTES = 32 * 1024
MAX_CHUNK_LINE = 256
MAX_TRAILER_BYTES = 8 * 1024
BODILESS = frozenset({204, 304})

_STATUS = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9]{2})(?: [^\x00-\x08\x0a-\x1f\x7f]*)?")
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)")
_LENGTH = re.compile(rb"[0-9]{1,15}")
_CHUNK = re.compile(rb"([0-9a-fA-F]{1,8})[ \t]*(?:;[^\x00-\x08\x0a-\x1f\x7f]*)?")

_LONGEST = {"size": MAX_CHUNK_LINE, "end": 1, "trailer": MAX_TRAILER_BYTES}  # a line, or the beginning of its end

Headers = list[tuple[bytes, bytes]]


class Broken(Exception):
    """The peer does not speak HTTP/1.1, or stopped in the middle of it."""


class Head(msgspec.Struct, frozen=True):
    """The head of a response; names are in lower case."""

    status: int
    headers: Headers
    length: int | None  # of the body; None when that is told otherwise
    chunked: bool
    reusable: bool  # whether the connection may be used again after the body


def parse_head(block: bytes, method: str) -> Head:
    """A response's head.

    Arguments:
        block: the bytes before the empty line, which is not part of it.
        method: of the request, since an answer to HEAD has no body.

    Raises:
        Broken: it is not one, or its framing is ambiguous.
    """
    lines = block.split(b"\r\n")
    start = _STATUS.fullmatch(lines[0])
    if start is None:
        raise Broken("no status line")
    status = int(start[2])
    headers: Headers = []
    lengths, codings, options = set[bytes](), list[bytes](), b""
    for line in lines[1:]:
        match = _HEADER.fullmatch(line)
        if match is None:
            raise Broken("a malformed header")
        name, value = match[1].lower(), match[2].rstrip(b" \t")
        headers.append((name, value))
        if name == b"content-length":
            lengths.add(value)
        elif name == b"transfer-encoding":
            codings.append(value.lower())
        elif name == b"connection":
            options += b"," + value.lower()
    reusable = start[1] == b"1" and b"close" not in [option.strip() for option in options.split(b",")]
    if codings and (codings != [b"chunked"] or lengths):
        raise Broken("ambiguous framing")
    if len(lengths) > 1 or not all(_LENGTH.fullmatch(length) for length in lengths):
        raise Broken("a bad Content-Length")
    if method == "HEAD" or status in BODILESS or status < 200:
        return Head(status, headers, 0, chunked=False, reusable=reusable)
    if codings:
        return Head(status, headers, None, chunked=True, reusable=reusable)
    if lengths:
        return Head(status, headers, int(lengths.pop()), chunked=False, reusable=reusable)
    return Head(status, headers, None, chunked=False, reusable=False)  # the body ends with the connection


class Chunks:
    """Takes the chunked coding off a body."""

    def __init__(self) -> None:
        self.done = False
        self.rest = b""  # what came after the end
        self._line = b""
        self._left = 0  # of the current chunk, its final CRLF not counted
        self._state = "size"
        self._trailers = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The pieces of the body in `data`.

        Raises:
            Broken: that is not the chunked coding.
        """
        pieces: list[bytes] = []
        data = self._line + data
        self._line = b""
        position = 0
        while not self.done:
            if self._state == "data":
                piece = data[position : position + self._left]
                if not piece:
                    return pieces
                pieces.append(piece)
                position += len(piece)
                self._left -= len(piece)
                if self._left == 0:
                    self._state = "end"
                continue
            end = data.find(b"\r\n", position)
            limit = _LONGEST[self._state]
            if (end if end >= 0 else len(data)) - position > limit:
                raise Broken("a long line in a chunked body")
            if end < 0:
                self._line = data[position:]
                return pieces
            self._take_line(data[position:end])
            position = end + 2
        self.rest = data[position:]
        return pieces

    def _take_line(self, line: bytes) -> None:
        if self._state == "end":
            if line:
                raise Broken("a chunk longer than it said")
            self._state = "size"
        elif self._state == "size":
            match = _CHUNK.fullmatch(line)
            if match is None:
                raise Broken("a bad chunk size")
            self._left = int(match[1], 16)
            self._state = "data" if self._left else "trailer"
        else:
            self._trailers += len(line)
            if self._trailers > MAX_TRAILER_BYTES:
                raise Broken("long trailers")
            self.done = not line
