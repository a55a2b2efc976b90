"""Sends: until the server has said what became of them."""

import asyncio

import pytest

from parley_client import Options, SendRefused, SessionOver
from tests.unit.parley_client.fake import Fake, Peer, Watcher
from tests.unit.parley_client.test_backoff import Most
from tests.unit.parley_client.test_connecting import QUICK, stay, until

UNHURRIED = Options(first_wait_seconds=0.3, chance=Most())  # so that being away can be seen


async def test_a_send_returns_its_acknowledgement() -> None:
    async def acks(peer: Peer) -> None:
        await peer.ready({"a": 0})
        frame = await peer.receive("chat.message")
        assert frame["data"]["content"] == "grüße"
        await peer.ack(frame, 1)
        await peer.stay()

    async with Fake(acks) as fake, fake.account().connect(options=QUICK) as chat:
        ack = await chat.send("a", "grüße", client_id="mine")
        assert (ack.client_id, ack.seq, ack.duplicate) == ("mine", 1, False)
        assert (chat.counters.sends, chat.counters.resends, chat.counters.acks) == (1, 0, 1)


async def test_what_was_not_acknowledged_goes_again_in_order_with_the_same_client_ids() -> None:
    first: list[str] = []

    async def dies(peer: Peer) -> None:
        await peer.ready({"a": 0})
        frames = [await peer.receive("chat.message") for _ in range(4)]
        first.extend(frame["data"]["client_id"] for frame in frames)
        await peer.ack(frames[0], 1)
        peer.abort()

    async def takes(peer: Peer) -> None:
        await peer.ready({"a": 2})
        for seq in (2, 3, 4):
            frame = await peer.receive("chat.message")
            assert frame["data"]["client_id"] == first[seq - 1]
            await peer.ack(frame, seq, duplicate=seq == 2)
        await peer.stay()

    async with Fake(dies, takes) as fake, fake.account().connect(options=QUICK) as chat:
        acks = await asyncio.gather(*(chat.send("a", f"text {number}") for number in range(4)))
        assert [(ack.client_id, ack.seq) for ack in acks] == list(zip(first, (1, 2, 3, 4), strict=True))
        assert (chat.counters.resends, chat.counters.duplicates) == (3, 1)


async def test_a_send_while_not_connected_goes_when_connected_again() -> None:
    async def dies(peer: Peer) -> None:
        await peer.ready({"a": 0})
        peer.abort()

    async def takes(peer: Peer) -> None:
        await peer.ready({"a": 0})
        await peer.ack(await peer.receive("chat.message"), 1)
        await peer.stay()

    async with Fake(dies, takes) as fake, fake.account().connect(options=UNHURRIED) as chat:
        await until(lambda: not chat.connected)
        assert (await chat.send("a", "hello")).seq == 1


async def test_what_the_server_could_not_take_is_repeated_before_what_follows() -> None:
    async def busy(peer: Peer) -> None:
        await peer.ready({"a": 0})
        for _ in range(2):
            data = (await peer.receive("chat.message"))["data"]
            await peer.send("error", code="unavailable", detail="", client_id=data["client_id"], retry_after=0.05)
        for seq in (1, 2, 3):
            frame = await peer.receive("chat.message")
            assert frame["data"]["content"] == f"text {seq}"
            await peer.ack(frame, seq)
        await peer.stay()

    async with Fake(busy) as fake, fake.account().connect(options=Options(window=2)) as chat:
        acks = await asyncio.gather(*(chat.send("a", f"text {number}") for number in (1, 2, 3)))
        assert [ack.seq for ack in acks] == [1, 2, 3]
        assert chat.counters.connects == 1


@pytest.mark.parametrize("code", ["not_a_member", "too_long", "client_id_reused", "bad_frame"])
async def test_what_is_refused_for_good_is_not_repeated(code: str) -> None:
    async def refuse(peer: Peer) -> None:
        await peer.ready({"a": 0})
        data = (await peer.receive("chat.message"))["data"]
        await peer.send("error", code=code, detail="no", client_id=data["client_id"])
        await peer.ack(await peer.receive("chat.message"), 1)
        await peer.stay()

    async with Fake(refuse) as fake, fake.account().connect(options=QUICK) as chat:
        with pytest.raises(SendRefused) as refused:
            await chat.send("a", "hello", client_id="mine")
        assert (refused.value.code, refused.value.client_id) == (code, "mine")
        assert (await chat.send("a", "hello")).seq == 1
        assert chat.counters.refusals == 1


async def test_a_message_that_is_never_answered_goes_again_over_another_connection() -> None:
    async def ignore(peer: Peer) -> None:
        await peer.ready({"a": 0})
        await peer.stay()

    async def takes(peer: Peer) -> None:
        await peer.ready({"a": 0})
        await peer.ack(await peer.receive("chat.message"), 1)
        await peer.stay()

    watcher = Watcher()
    options = Options(answer_seconds=0.1, first_wait_seconds=0.01)
    async with Fake(ignore, takes) as fake, fake.account().connect(options=options, observer=watcher) as chat:
        assert (await chat.send("a", "hello")).seq == 1
    assert watcher.endings[0][1] == "a message was not answered"


async def test_giving_up_waiting_leaves_nothing_behind() -> None:
    async def late(peer: Peer) -> None:
        await peer.ready({"a": 0})
        frame = await peer.receive("chat.message")
        await peer.ack(await peer.receive("chat.message"), 2)
        await peer.ack(frame, 1)
        await peer.stay()

    async with Fake(late) as fake, fake.account().connect(options=QUICK) as chat:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await chat.send("a", "one", client_id="first")
        assert (await chat.send("a", "two")).seq == 2
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await chat.send("a", "one", client_id="first")  # not on its way any more


async def test_closing_gives_up_what_is_on_its_way() -> None:
    async with Fake(stay) as fake:
        async with fake.account().connect(options=QUICK) as chat:
            sending = asyncio.create_task(chat.send("a", "hello"))
            await asyncio.sleep(0)
        with pytest.raises(SessionOver, match="closed"):
            await sending
        with pytest.raises(SessionOver, match="closed"):
            await chat.send("a", "hello")


async def test_content_that_cannot_be_encoded_is_the_callers_mistake() -> None:
    async with Fake(stay) as fake, fake.account().connect(options=QUICK) as chat:
        with pytest.raises(ValueError, match="surrogates"):
            await chat.send("a", "\ud800")
        assert chat.counters.sends == 0


async def test_other_frames_are_passed_on() -> None:
    got: list[object] = []

    async def reads(peer: Peer) -> None:
        await peer.ready({"a": 0})
        got.append((await peer.receive("chat.read"))["data"])
        peer.abort()

    async with Fake(reads) as fake, fake.account().connect(options=UNHURRIED) as chat:
        assert await chat.notify("chat.read", room="a", seq=3)
        await until(lambda: not chat.connected)
        assert not await chat.notify("chat.read", room="a", seq=3)
    assert got == [{"room": "a", "seq": 3}]
