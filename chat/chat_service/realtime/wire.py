"""WebSocket frames of one server connection, without I/O (RFC 6455).

The handshake was done elsewhere and negotiated nothing: no extension, so every RSV bit is 0, and frames to clients are
never compressed. `Wire.receive` turns what the socket gave into events; the functions below it build what the socket
sends. Server frames are not masked (section 5.1), so one encoded frame serves every recipient.

Nearly every read holds exactly one complete, masked, unfragmented text frame: `receive` handles that one inline.
Everything else goes through `_receive_any`, which takes bytes cut at any place. What has arrived of a data frame is
unmasked, checked and appended at once: bad UTF-8 is noticed as soon as it is there, and a peer that sends one byte at a
time costs the same per byte as any other.
"""

from codecs import utf_8_decode
from typing import Final, TypeAlias

from msgspec import Struct

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA

PROTOCOL_ERROR, BAD_PAYLOAD, TOO_BIG = 1002, 1007, 1009
NO_STATUS: Final = 1005  # the close frame had no code; never sent itself (section 7.4.1)

MAX_MESSAGE: Final = 65_536
MAX_CONTROL: Final = 125
MAX_EMPTY_FRAGMENTS: Final = 100  # of one message: they cost its limit nothing, and it could go on for ever


class Binary(Struct, frozen=True, gc=False):
    """A complete binary message."""

    payload: bytes


class Ping(Struct, frozen=True, gc=False):
    """A ping; `pong` is the whole frame to answer with (section 5.5.3)."""

    payload: bytes
    pong: bytes


class Pong(Struct, frozen=True, gc=False):
    """A pong, asked for or not."""

    payload: bytes


class Close(Struct, frozen=True, gc=False):
    """The peer closes; answer with `close_frame(code)`. `code` is 1005 if it gave none (section 7.1.5)."""

    code: int
    reason: str


class Fail(Struct, frozen=True, gc=False):
    """The peer broke a rule: send `close_frame(code, reason)` and drop the connection (section 7.1.7)."""

    code: int
    reason: str


Event: TypeAlias = bytes | Binary | Ping | Pong | Close | Fail
"""What `receive` returns. A text message is its payload, valid UTF-8, as plain `bytes`."""


class _ViolationError(Exception):
    """The code and reason of a `Fail`; ends the parsing."""


class _Progress:
    """What one read left over for the next; an idle connection has none."""

    __slots__ = ("body", "checked", "empties", "final", "head", "key", "left", "message")

    def __init__(self) -> None:
        self.head = b""  # an incomplete header, or an incomplete control frame: at most 130 bytes
        self.left = 0  # payload bytes of the open data frame that are still to come; 0: no frame is open
        self.key = b""  # its masking key, rotated so that it starts at the next byte
        self.final = False  # whether it ends its message
        self.message = 0  # TEXT or BINARY; 0: no message is open
        self.body = bytearray()  # the open message so far, unmasked
        self.checked = 0  # how much of a text body is known to be UTF-8: all but a character cut in two
        self.empties = 0


_CLOSED: Final = _Progress()  # stands in `Wire._progress` once the peer has closed or failed


class Wire:
    """The receiving side of one connection.

    `max_message` is the largest message in bytes, over all its fragments; a frame that would exceed it fails the
    connection as soon as its header has announced that.
    """

    __slots__ = ("_max_message", "_progress")

    def __init__(self, max_message: int = MAX_MESSAGE) -> None:
        self._max_message = max_message
        self._progress: _Progress | None = None

    def receive(self, data: bytes) -> list[Event]:
        """Return the events that `data`, the next bytes from the socket, completes, in order.

        Never raises on what a peer sends. After a `Close` or `Fail`, always the last of its list, all further data
        is ignored (sections 5.5.1 and 7.1.7).
        """
        size = len(data) - 6
        if self._progress is None and size >= 0 and data[0] == 0x81:
            if data[1] - 0x80 == size < 126:
                key, masked = data[2:6], data[6:]
            elif data[1] == 0xFE and (data[2] << 8 | data[3]) == size - 2 >= 126:
                size -= 2
                key, masked = data[4:8], data[8:]
            else:
                return self._receive_any(data)
            if size <= self._max_message:
                mask = int.from_bytes((key * (size // 4 + 1))[:size], "little")
                payload = (int.from_bytes(masked, "little") ^ mask).to_bytes(size, "little")
                try:
                    payload.isascii() or payload.decode()
                except UnicodeDecodeError:
                    return self._receive_any(data)
                return [payload]
        return self._receive_any(data)

    def _receive_any(self, data: bytes) -> list[Event]:
        progress = self._progress or _Progress()
        if progress is _CLOSED:
            return []
        data, progress.head = progress.head + data, b""
        events: list[Event] = []
        try:
            self._parse(data, progress, events)
        except _ViolationError as violation:
            events.append(Fail(*violation.args))
        except UnicodeDecodeError:  # in a text message (section 8.1) or the reason of a close
            events.append(Fail(BAD_PAYLOAD, "text is not UTF-8"))
        if events and isinstance(events[-1], (Close, Fail)):
            self._progress = _CLOSED
        else:
            self._progress = progress if progress.head or progress.message else None
        return events

    def _parse(self, data: bytes, progress: _Progress, events: list[Event]) -> None:
        """Append the events in `data` and leave in `progress` what they did not use."""
        at = 0
        while True:
            start = at
            if not progress.left:
                header = _read_header(data, at, progress, self._max_message)
                if header is None:
                    progress.head = data[at:]
                    return
                opcode, final, start, size = header
                key, at = data[start - 4 : start], start + size
                if opcode & 0x8:
                    events.append(_control_event(opcode, _unmask(key, data[start:at])))
                    if opcode == CLOSE:
                        return
                    continue
                if final and opcode != CONTINUATION and at <= len(data):
                    payload = _unmask(key, data[start:at])
                    if opcode == TEXT:
                        payload.decode()
                    events.append(payload if opcode == TEXT else Binary(payload))
                    continue
                _open_frame(progress, opcode, final, key, size)
            at = min(len(data), start + progress.left)
            _append(progress, data[start:at], events)
            if progress.left:
                return


def _read_header(data: bytes, at: int, progress: _Progress, max_message: int) -> tuple[int, bool, int, int] | None:
    """Read the frame header at `at` (section 5.2): opcode, FIN, where the payload starts, its size in bytes.

    None if not all of it is there, or not all of a control frame. Each rule is checked as soon as its bytes are.
    """
    if len(data) < at + 2:
        return None
    first, second = data[at], data[at + 1]
    opcode, final, size, start = first & 0x0F, first >= 0x80, second & 0x7F, at + 6
    if first & 0x70:
        raise _ViolationError(PROTOCOL_ERROR, "reserved bits are set")
    if opcode & 0x7 > BINARY:
        raise _ViolationError(PROTOCOL_ERROR, "unknown opcode")
    if not second & 0x80:
        raise _ViolationError(PROTOCOL_ERROR, "frame is not masked")  # section 5.1
    if opcode & 0x8:
        if not final or size > MAX_CONTROL:
            raise _ViolationError(PROTOCOL_ERROR, "control frame is fragmented or too long")  # section 5.5
        return (opcode, final, start, size) if len(data) >= start + size else None
    if (opcode == CONTINUATION) != bool(progress.message):
        raise _ViolationError(PROTOCOL_ERROR, "fragments out of order")  # section 5.4
    if size > MAX_CONTROL:
        wide = 2 if size == 126 else 8
        start += wide
        if len(data) < at + 2 + wide:
            return None
        size = int.from_bytes(data[at + 2 : at + 2 + wide], "big")
        if size < (126 if wide == 2 else 0x1_0000) or size >= 1 << 63:
            raise _ViolationError(PROTOCOL_ERROR, "length is not minimal or has 64 bits")
    if size + len(progress.body) > max_message:
        raise _ViolationError(TOO_BIG, "message is too big")  # section 7.4.1
    return (opcode, final, start, size) if len(data) >= start else None


def _control_event(opcode: int, payload: bytes) -> Event:
    """Turn a complete control frame into its event (section 5.5). Raises UnicodeDecodeError for a close's reason."""
    if opcode == PING:
        return Ping(payload, pong_frame(payload))
    if opcode == PONG:
        return Pong(payload)
    if not payload:
        return Close(NO_STATUS, "")
    code = int.from_bytes(payload[:2], "big")
    if not _may_be_sent(code):  # nor can a single byte be a code: it is below 256
        raise _ViolationError(PROTOCOL_ERROR, "bad close code")
    return Close(code, payload[2:].decode())


def _open_frame(progress: _Progress, opcode: int, final: bool, key: bytes, size: int) -> None:
    """Start a data frame, and with it a message unless it continues one (section 5.4)."""
    if opcode != CONTINUATION:
        progress.message, progress.checked, progress.empties = opcode, 0, 0
    if not size:
        progress.empties += 1
        if progress.empties > MAX_EMPTY_FRAGMENTS:
            raise _ViolationError(TOO_BIG, "too many empty fragments")
    progress.final, progress.key, progress.left = final, key, size


def _append(progress: _Progress, masked: bytes, events: list[Event]) -> None:
    """Add to the open message what has arrived of its open frame, and to `events` the message if that completes it.

    Raises UnicodeDecodeError with the byte that makes a text bad (Python's decoder sees surrogates one byte later).
    """
    body, key, turn = progress.body, progress.key, len(masked) % 4
    body += _unmask(key, masked)
    progress.key = key[turn:] + key[:turn]
    progress.left -= len(masked)
    done = progress.final and not progress.left
    if progress.message == TEXT:
        progress.checked += utf_8_decode(body[progress.checked :], "strict", done)[1]
    if done:
        events.append(bytes(body) if progress.message == TEXT else Binary(bytes(body)))
        progress.message, progress.body = 0, bytearray()


def _unmask(key: bytes, data: bytes) -> bytes:
    """XOR `data` with the repeated `key` (section 5.3), as two large integers: the fastest way in pure Python."""
    size = len(data)
    mask = int.from_bytes((key * (size // 4 + 1))[:size], "little")
    return (int.from_bytes(data, "little") ^ mask).to_bytes(size, "little")


def _may_be_sent(code: int) -> bool:
    """Whether a close frame may carry `code` (sections 7.4.1 and 7.4.2, and the codes registered since)."""
    return 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999


def _control_frame(opcode: int, payload: bytes) -> bytes:
    if len(payload) > MAX_CONTROL:
        raise ValueError("a control frame holds at most 125 bytes")
    return bytes((0x80 | opcode, len(payload))) + payload


def text_frame(payload: bytes) -> bytes:
    """Encode a text message, already UTF-8, of any size as one frame (section 5.6)."""
    size = len(payload)
    if size < 126:
        return bytes((0x81, size)) + payload
    if size < 0x1_0000:
        return b"\x81\x7e" + size.to_bytes(2, "big") + payload
    return b"\x81\x7f" + size.to_bytes(8, "big") + payload


def close_frame(code: int = NO_STATUS, reason: str = "") -> bytes:
    """Encode a close frame (section 5.5.1); 1005 gives one without a code, the answer to such a one.

    `reason` is cut at a character to the 123 bytes there is room for: closing must not fail for its explanation.
    Raises ValueError for a code that must not be sent, such as 1006.
    """
    if code == NO_STATUS:
        return _control_frame(CLOSE, b"")
    if not _may_be_sent(code):
        raise ValueError(f"close code {code} must not be sent")
    explanation = reason.encode()[: MAX_CONTROL - 2].decode(errors="ignore").encode()
    return _control_frame(CLOSE, code.to_bytes(2, "big") + explanation)


def ping_frame(payload: bytes = b"") -> bytes:
    """Encode a ping (section 5.5.2). Raises ValueError if `payload` is longer than 125 bytes."""
    return _control_frame(PING, payload)


def pong_frame(payload: bytes) -> bytes:
    """Encode a pong (section 5.5.3). Raises ValueError if `payload` is longer than 125 bytes."""
    return _control_frame(PONG, payload)
