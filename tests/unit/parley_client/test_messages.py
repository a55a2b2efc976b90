"""What a session yields: each message of each room once, in order."""

import asyncio

import pytest

from parley_client import ChatSession, Event, Message, Notice, Options, Position
from tests.unit.parley_client.fake import Fake, Peer, Watcher
from tests.unit.parley_client.test_connecting import QUICK, stay, until


async def take(chat: ChatSession, count: int) -> list[Event]:
    async with asyncio.timeout(5):
        return [await anext(chat) for _ in range(count)]


def seqs(events: list[Event]) -> list[int]:
    return [event.seq for event in events if isinstance(event, Message)]


async def test_a_repeat_is_dropped_and_counted() -> None:
    async def repeat(peer: Peer) -> None:
        await peer.ready({"a": 5})
        await peer.messages("a", 6, 6, 5, 7)
        await peer.stay()

    watcher = Watcher()
    async with Fake(repeat) as fake, fake.account().connect(options=QUICK, observer=watcher) as chat:
        assert seqs(await take(chat, 2)) == [6, 7]
        assert (chat.counters.messages, chat.counters.repeats) == (2, 2)
    assert watcher.repeats == [("a", 6, 6), ("a", 6, 5)]


async def test_a_gap_is_told_and_closed_by_another_connection() -> None:
    async def skip(peer: Peer) -> None:
        await peer.ready({"a": 5})
        await peer.messages("a", 6, 8, 9)
        await peer.stay()

    async def whole(peer: Peer) -> None:
        await peer.ready({"a": 9})
        await peer.messages("a", 7, 8, 9)
        await peer.stay()

    watcher = Watcher()
    async with Fake(skip, whole) as fake, fake.account().connect(options=QUICK, observer=watcher) as chat:
        assert seqs(await take(chat, 4)) == [6, 7, 8, 9]
        assert chat.counters.gaps == 1
    assert watcher.gaps == [("a", 6, 8)]
    assert fake.queries[1]["resume"] == "a:6:0"


async def test_a_message_that_never_comes_stops_nothing() -> None:
    async def skip(peer: Peer) -> None:
        await peer.ready({"a": 9})
        await peer.messages("a", 8, 9)
        await peer.stay()

    async with Fake(skip, skip) as fake, fake.account().connect(options=QUICK, positions={"a": Position(6)}) as chat:
        assert seqs(await take(chat, 2)) == [8, 9]
        assert chat.counters.gaps == 1


async def test_another_epoch_and_a_reset_move_the_position() -> None:
    async def first(peer: Peer) -> None:
        await peer.ready({"a": 50, "b": 1})
        peer.abort()

    async def other_life(peer: Peer) -> None:
        await peer.ready({"a": 40, "b": 1}, epoch="e2")
        await peer.messages("a", 41)
        await peer.send("room.reset", room="a", last_seq=12, rev=3)
        await peer.messages("a", 13)
        await peer.stay()

    async with Fake(first, other_life) as fake, fake.account().connect(options=QUICK) as chat:
        events = await take(chat, 5)
        assert seqs(events) == [41, 13]
        assert [event for event in events if isinstance(event, Notice)] == [
            Notice("room.reset", {"room": "a", "last_seq": 40, "rev": 0}),
            Notice("room.reset", {"room": "b", "last_seq": 1, "rev": 0}),
            Notice("room.reset", {"room": "a", "last_seq": 12, "rev": 3}),
        ]
        assert (chat.counters.gaps, chat.counters.repeats, chat.epoch) == (0, 0, "e2")


async def test_rooms_come_and_go_while_connected() -> None:
    async def moving(peer: Peer) -> None:
        await peer.ready({"a": 5})
        await peer.send("room.created", id="b", last_seq=31, joined_seq=30, rev=4)
        await peer.messages("b", 31)
        await peer.send("room.removed", room="a")
        await peer.send("chat.read", room="b", user="u2", seq=31)
        await peer.send("room.created", id="c", last_seq=9, joined_seq=7, rev=2)
        peer.abort()

    async with Fake(moving, stay) as fake, fake.account().connect(options=QUICK) as chat:
        events = await take(chat, 5)
        assert [event.type if isinstance(event, Notice) else event.seq for event in events] == [
            "room.created",
            31,
            "room.removed",
            "chat.read",
            "room.created",
        ]
        await until(lambda: chat.counters.connects == 2)
    assert fake.queries[1]["resume"] == "b:31:4,c:7:2"


async def test_positions_are_those_of_the_reader_not_of_the_socket() -> None:
    async def three(peer: Peer) -> None:
        await peer.ready({"a": 5})
        await peer.messages("a", 6, 7, 8)
        await peer.stay()

    async with Fake(three) as fake, fake.account().connect(options=QUICK) as chat:
        await until(lambda: chat.counters.messages == 3)
        assert chat.positions["a"].seq == 5
        await take(chat, 2)
        assert chat.positions["a"].seq == 7


async def test_a_slow_reader_holds_up_the_server_and_is_not_taken_for_dead() -> None:
    written = 0

    async def flood(peer: Peer) -> None:
        nonlocal written
        await peer.ready({"a": 0})
        for seq in range(1, 20_001):
            await peer.messages("a", seq)
            written = seq
        await peer.stay()

    options = Options(buffer=5, heartbeat_seconds=0.02, dead_after_seconds=0.08)
    async with Fake(flood) as fake, fake.account().connect(options=options) as chat:
        await until(lambda: chat.counters.messages == 5)
        before = -1
        while before != written:  # until the buffers of the network are full
            before = written
            await asyncio.sleep(0.15)
        assert (written < 20_000, chat.counters.messages) == (True, 5)
        assert seqs(await take(chat, 20_000)) == list(range(1, 20_001))
        assert chat.counters.connects == 1


async def test_a_send_gets_its_answer_past_a_full_buffer() -> None:
    async def busy(peer: Peer) -> None:
        await peer.ready({"a": 0})
        await peer.messages("a", *range(1, 50))
        await peer.ack(await peer.receive("chat.message"), 50)
        await peer.stay()

    async with Fake(busy) as fake, fake.account().connect(options=Options(buffer=5)) as chat:
        await until(lambda: chat.counters.messages == 5)
        async with asyncio.timeout(5):
            assert (await chat.send("a", "hello")).seq == 50


async def test_the_iteration_ends_when_the_session_is_closed() -> None:
    async with Fake(stay) as fake:
        chat = fake.account().connect(options=QUICK)
        async with chat:
            reading = asyncio.create_task(anext(chat, None))
            await asyncio.sleep(0)
        assert await reading is None
        with pytest.raises(StopAsyncIteration):
            await anext(chat)
