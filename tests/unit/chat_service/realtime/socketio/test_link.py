"""A connection's queue knows what waits; its transport holds back, lets go, and tells the end."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from engineio import packet as engine

from chassis.tokens import Claims
from chat_service.realtime import events, protocol
from chat_service.realtime.codes import CloseCode
from chat_service.realtime.session import DRAINED_BYTES, MAX_PENDING_BYTES, Limits, Session
from chat_service.realtime.socketio.link import EventTransport, Link, PacketQueue
from chat_service.realtime.socketio.outgoing import Translator, message
from tests.unit.chat_service.realtime.socketio.test_outgoing import OTHER, ROOM, said


class Handler:
    """Takes no commands, and remembers who has left."""

    def __init__(self) -> None:
        self.limits = Limits(0, 100)
        self.left: list[Session] = []

    def command(self, session: Session, command: Any) -> None:
        """See session.Handler."""

    def closed(self, session: Session) -> None:
        """See session.Handler."""
        self.left.append(session)


class Client:
    """A link with a session."""

    def __init__(self) -> None:
        self.handler = Handler()
        self.dropped: list[str] = []
        self.link = Link("sid", None, self.handler.limits, self.dropped.append)
        claims = Claims(UUID(int=1), UUID(int=2), "jti", "somebody", 0, 2**40)
        self.session = Session(self.handler, claims, b"{}", UUID(int=3), None)
        self.transport = EventTransport(self.link, self.session, Translator())
        self.session.connection_made(self.transport)
        self.link.session = self.session

    def taken(self) -> list[str]:
        """What the library would send now; None is written as the end."""
        found = []
        while not self.link.queue.empty():
            packet = self.link.queue.get_nowait()
            found.append("END" if packet is None else packet.encode())
        return found


@pytest.fixture
async def client() -> Client:
    """A client."""
    return Client()


def names(texts: list[str]) -> list[str]:
    """What kinds of packets these are."""
    return [text.partition('["')[2].partition('"')[0] if text.startswith("42") else text for text in texts]


async def test_a_queue_knows_what_waits_and_what_is_on_its_way() -> None:
    queue, freed = PacketQueue(), []
    queue.on_taken = lambda: freed.append(queue.size)
    first, second = message("2/chat,[]"), engine.Packet(engine.OPEN, {"sid": "x"})
    for packet in (first, second, None):
        queue.put_nowait(packet)
    everything = len(first.encode()) + len(second.encode())
    assert queue.size == everything
    assert [queue.get_nowait(), await queue.get()] == [first, second]
    assert queue.size == everything  # taken, and not sent yet
    queue.sent(len(first.encode()))
    assert queue.size == len(second.encode())
    queue.sent()
    assert (queue.size, freed) == (0, [len(second.encode()), 0])


async def test_a_slow_client_is_told_to_wait_and_then_sent_away(client: Client) -> None:
    frame = said(1).received()
    for _ in range(2 * DRAINED_BYTES // len(frame)):
        client.session.write(frame)
    assert client.session.write != client.transport.write  # from now on it looks how much waits
    client.taken()
    client.link.queue.sent()
    assert client.session.write == client.transport.write
    for _ in range(2 * MAX_PENDING_BYTES // len(frame)):
        client.session.write(frame)
    assert client.handler.left == [client.session]
    assert client.link.queue.size < MAX_PENDING_BYTES * 1.1
    assert client.link.farewell == (CloseCode.TOO_SLOW, "too slow")


@pytest.mark.parametrize("code", [CloseCode.GOING_AWAY, CloseCode.TOO_SLOW, CloseCode.INTERNAL])
async def test_who_should_come_again_sees_the_connection_end(client: Client, code: CloseCode) -> None:
    client.session.close(code, "because")
    told = client.taken()
    assert names(told) == ["session.closing", "1", "END"]
    assert f'"code":{int(code)}' in told[0]


@pytest.mark.parametrize("code", [CloseCode.TOKEN_OVER, CloseCode.BAD_FRAMES, CloseCode.FLOODING])
async def test_who_should_not_is_disconnected(client: Client, code: CloseCode) -> None:
    client.session.write(protocol.PONG)
    client.session.close(code, "because")
    assert names(client.taken()) == ["pong", "session.closing", "41/chat,", "1", "END"]
    client.session.write(protocol.PONG)
    assert client.taken() == []


async def test_what_is_held_back_comes_later_in_order(client: Client) -> None:
    client.transport.hold(0.01)
    client.session.write(said(1).received())
    client.session.write(said(2).received())
    assert client.taken() == []
    assert client.transport.get_write_buffer_size() > 0
    async with asyncio.timeout(5):
        while client.link.queue.empty():
            await asyncio.sleep(0)
    client.session.write(protocol.PONG)
    assert names(client.taken()) == ["receive_message", "receive_message", "pong"]


async def test_rooms_that_are_resumed_are_left_out_of_what_was_held_back(client: Client) -> None:
    client.transport.hold(60)
    receipt = events.ChatRead(events.Receipt(ROOM, UUID(int=9), 1))
    for frame in (said(1).received(), protocol.frame(receipt), said(5, OTHER).received()):
        client.session.write(frame)
    client.transport.release(without={ROOM})
    assert names(client.taken()) == ["chat.read", "receive_message"]
    client.session.write(said(2).received())
    assert names(client.taken()) == ["receive_message"]


async def test_an_end_is_not_held_back(client: Client) -> None:
    client.transport.hold(60)
    client.session.write(said(1).received())
    client.session.close(CloseCode.TOKEN_OVER)
    assert names(client.taken()) == ["receive_message", "session.closing", "41/chat,", "1", "END"]


async def test_much_is_not_held_back(client: Client) -> None:
    client.transport.hold(60)
    for _ in range(2 * DRAINED_BYTES // len(said(1).received())):
        client.session.write(said(1).received())
    assert len(client.taken()) > 100


async def test_packets_beyond_the_limit_are_noticed() -> None:
    link = Link("sid", None, Limits(20, 100), lambda sid: None)
    assert link.allow(400)
    assert link.allow(100)
    assert not link.allow(5)
    assert Link("sid", None, Limits(0, 1), lambda sid: None).allow(10**6)


async def test_a_connection_without_a_session_is_dropped(client: Client) -> None:
    client.link.expect_session(0.01)
    async with asyncio.timeout(5):
        while not client.dropped:
            await asyncio.sleep(0)
    client.link.expect_session(60)
    client.link.expect_nothing()
    assert client.dropped == ["sid"]


async def test_aborting_drops_it_once(client: Client) -> None:
    client.session.abort()
    assert client.dropped == ["sid"]
    client.link.lost()
    client.transport.abort()
    assert client.dropped == ["sid"]
