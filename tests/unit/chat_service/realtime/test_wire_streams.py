"""The frame codec on generated streams: any cut gives the same events, and two other implementations agree."""

from codecs import utf_8_decode
from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import event as note
from hypothesis import strategies as st
from websockets.frames import Close as CloseBody
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, TextMessage
from wsproto.events import Ping as WsprotoPing
from wsproto.events import Pong as WsprotoPong

from chat_service.realtime.wire import Binary, Close, Event, Fail, Ping, Pong, Wire, pong_frame

LIMIT = 1_000
generated = settings(
    max_examples=300, deadline=10_000, suppress_health_check=[HealthCheck.too_slow]
)  # ms; for a busy machine
payloads = st.one_of(st.binary(max_size=40), st.binary(min_size=120, max_size=300))
texts = st.one_of(st.text(max_size=30), st.text(min_size=120, max_size=200)).map(str.encode)
controls = st.one_of(
    st.builds(lambda payload: Ping(payload, pong_frame(payload)), st.binary(max_size=125)),
    st.builds(Pong, st.binary(max_size=125)),
)
codes = st.one_of(st.sampled_from([1000, 1001, 1003, 1012]), st.integers(3000, 4999))
closes = st.one_of(st.just(Close(1005, "")), st.builds(Close, codes, st.text(max_size=30)))
stretches = st.lists(st.integers(0, 300), max_size=6)


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    """`data` cut at `cuts`, positions modulo its size; equal ones give empty pieces."""
    marks = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[start:end] for start, end in pairwise(marks)]


def encode(opcode: Opcode, payload: bytes, final: bool = True) -> bytes:
    return Frame(opcode, payload, final).serialize(mask=True)


def encode_control(event: Event) -> bytes:
    match event:
        case Ping(payload=payload):
            return encode(Opcode.PING, payload)
        case Pong(payload=payload):
            return encode(Opcode.PONG, payload)
        case Close(code=1005):
            return encode(Opcode.CLOSE, b"")
        case Close(code=code, reason=reason):
            return encode(Opcode.CLOSE, CloseBody(code, reason).serialize())
    raise TypeError(event)


@st.composite
def conversations(draw: st.DrawFn) -> tuple[bytes, list[Event]]:
    """A valid stream of a client, with fragments and with control frames between them, and its events."""
    stream = b""
    events: list[Event] = []
    for message in draw(st.lists(st.one_of(texts, st.builds(Binary, payloads), controls), max_size=6)):
        if isinstance(message, Ping | Pong):
            stream += encode_control(message)
            events.append(message)
            continue
        body, opcode = (message, Opcode.TEXT) if isinstance(message, bytes) else (message.payload, Opcode.BINARY)
        fragments = pieces(body, draw(stretches))
        for index, fragment in enumerate(fragments):
            stream += encode(Opcode.CONT if index else opcode, fragment, final=index == len(fragments) - 1)
            if index < len(fragments) - 1:
                for between in draw(st.lists(controls, max_size=1)):
                    stream += encode_control(between)
                    events.append(between)
        events.append(message)
    if draw(st.booleans()):
        close: Close = draw(closes)
        stream += encode_control(close) + draw(st.binary(max_size=20))
        events.append(close)
    return stream, events


@st.composite
def odd_frames(draw: st.DrawFn) -> bytes:
    """A frame in which any field may be wrong, though mostly only one is."""
    first = draw(
        st.sampled_from([0x81, 0x81, 0x82, 0x01, 0x01, 0x80, 0x80, 0x00, 0x00, 0x88, 0x89, 0x8A, 0x09, 0xC1, 0x83])
    )
    payload = draw(st.one_of(texts, texts, payloads, st.just(b"\x03\xe8ok"), st.binary(max_size=4)))
    size, form = len(payload), draw(st.sampled_from(["right"] * 8 + ["7", "16", "64", "lie"]))
    if form == "lie":
        size = draw(st.sampled_from([size + 1, 65_536, 1 << 40, 1 << 62, 1 << 63]))
    if form == "16" or (form in ("right", "7") and size > 125):
        length = b"\x7e" + size.to_bytes(2, "big")
    else:
        length = bytes((size,)) if size < 126 and form != "64" else b"\x7f" + size.to_bytes(8, "big")
    masked = draw(st.sampled_from([0x80] * 9 + [0]))
    key = draw(st.binary(min_size=4, max_size=4)) if masked else b""
    body = bytes(byte ^ key[index % 4] for index, byte in enumerate(payload)) if masked else payload
    return bytes((first, length[0] | masked)) + length[1:] + key + body


@st.composite
def hostile_streams(draw: st.DrawFn) -> bytes:
    """Noise, odd frames, or a valid stream with some bytes changed, taken out or put in."""
    kind = draw(st.integers(0, 3))
    if kind == 0:
        return draw(st.binary(max_size=400))
    if kind == 1:
        return b"".join(draw(st.lists(odd_frames(), max_size=6)))
    stream = draw(conversations())[0]
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(stream)))
        stream = stream[:at] + draw(st.binary(max_size=2)) + stream[at + draw(st.integers(0, 2)) :]
    return stream


def receive(wire: Wire, data: list[bytes]) -> list[Event]:
    return [event for piece in data for event in wire.receive(piece)]


def held(wire: Wire) -> int:
    """The bytes of the peer that the codec keeps."""
    progress = wire._progress
    return 0 if progress is None else len(progress.head) + len(progress.body)


@generated
@given(conversations(), stretches)
def test_a_valid_stream_gives_its_messages_however_it_is_cut(
    conversation: tuple[bytes, list[Event]], cuts: list[int]
) -> None:
    stream, events = conversation
    assert Wire().receive(stream) == events
    assert receive(Wire(), pieces(stream, cuts)) == events
    assert receive(Wire(), [stream[index : index + 1] for index in range(len(stream))]) == events


@generated
@given(hostile_streams(), stretches)
def test_any_bytes_give_the_same_events_however_they_are_cut_and_nothing_piles_up(
    stream: bytes, cuts: list[int]
) -> None:
    events = Wire(LIMIT).receive(stream)
    assert len(events) <= len(stream) // 6 + 1
    assert not any(isinstance(event, Close | Fail) for event in events[:-1])
    for data in (pieces(stream, cuts), [stream[index : index + 1] for index in range(len(stream))]):
        wire, seen = Wire(LIMIT), []
        for piece in data:
            seen += wire.receive(piece)
            assert held(wire) <= LIMIT + 131
        assert seen == events
    for event in events:
        payload = event if isinstance(event, bytes) else event.payload if isinstance(event, Binary) else b""
        assert len(payload) <= LIMIT
        if isinstance(event, bytes):
            assert utf_8_decode(event)[1] == len(event)


def wsproto_events(stream: bytes) -> list[Event]:
    """What wsproto makes of `stream`, in our words; the reason of a failure is left out."""
    connection = Connection(ConnectionType.SERVER)
    events: list[Event] = []
    parts: list[bytes] = []
    connection.receive_data(stream)
    for event in connection.events():
        match event:
            case TextMessage() | BytesMessage():
                parts.append(event.data.encode() if isinstance(event, TextMessage) else bytes(event.data))
                if event.message_finished:
                    body = b"".join(parts)
                    events.append(body if isinstance(event, TextMessage) else Binary(body))
                    parts.clear()
            case WsprotoPing(payload=payload):
                events.append(Ping(bytes(payload), pong_frame(bytes(payload))))
            case WsprotoPong(payload=payload):
                events.append(Pong(bytes(payload)))
            case CloseConnection(code=code, reason=reason):
                closed = connection.state is ConnectionState.REMOTE_CLOSING
                events.append(Close(int(code), reason or "") if closed else Fail(int(code), ""))
    return events


@generated
@given(hostile_streams())
def test_wsproto_agrees_on_any_bytes(stream: bytes) -> None:
    # wsproto looks at the order of fragments only with the first byte of the payload: give it, and us, that byte.
    stream += bytes(20)
    ours: list[Event] = [
        Fail(event.code, "") if isinstance(event, Fail) else event for event in Wire(1 << 63).receive(stream)
    ]
    theirs = wsproto_events(stream)
    if ours and isinstance(ours[-1], Close) and ours[-1].code == 1014:  # registered later; wsproto does not know it
        ours[-1] = Fail(1002, "")
    note(f"ends with {ours[-1].code if ours and isinstance(ours[-1], Fail | Close) else None}")
    assert ours == theirs


def websockets_events(stream: bytes, limit: int) -> list[Event]:
    """What websockets makes of `stream`, in our words; it checks UTF-8 in another layer."""
    protocol = ServerProtocol(state=State.OPEN, max_size=limit)
    protocol.receive_data(stream)
    events: list[Event] = []
    body, kind = b"", Opcode.TEXT
    for frame in protocol.events_received():
        assert isinstance(frame, Frame)
        data = bytes(frame.data)
        match frame.opcode:
            case Opcode.TEXT | Opcode.BINARY | Opcode.CONT:
                body, kind = (body + data, kind) if frame.opcode is Opcode.CONT else (data, frame.opcode)
                if frame.fin:
                    events.append(body if kind is Opcode.TEXT else Binary(body))
            case Opcode.PING:
                events.append(Ping(data, pong_frame(data)))
            case Opcode.PONG:
                events.append(Pong(data))
            case Opcode.CLOSE:
                close = CloseBody.parse(data)
                events.append(Close(close.code, close.reason))
    if protocol.parser_exc is not None:
        assert protocol.close_sent is not None
        events.append(Fail(protocol.close_sent.code, ""))
    return events


@generated
@given(conversations())
def test_websockets_agrees_on_valid_streams(conversation: tuple[bytes, list[Event]]) -> None:
    stream, events = conversation
    assert websockets_events(stream, 1 << 20) == events == Wire(1 << 20).receive(stream)


@generated
@given(st.lists(st.lists(st.integers(0, 60), min_size=1, max_size=5), max_size=5), st.integers(0, 150))
def test_websockets_agrees_on_the_limit(messages: list[list[int]], limit: int) -> None:
    stream = b""
    for sizes in messages:
        for index, size in enumerate(sizes):
            stream += encode(Opcode.CONT if index else Opcode.TEXT, b"a" * size, final=index == len(sizes) - 1)
    ours: list[Event] = [
        Fail(event.code, "") if isinstance(event, Fail) else event for event in Wire(limit).receive(stream)
    ]
    assert ours == websockets_events(stream, limit)
