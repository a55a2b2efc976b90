"""Changes of messages: asking for them, where a session goes on, and what an iteration has not taken yet."""

import asyncio

import pytest

from parley_client import Changed, Options, SendRefused
from parley_client.inbox import Inbox
from parley_client.model import Notice, Position
from parley_client.positions import Positions
from tests.unit.parley_client.fake import Fake, Peer
from tests.unit.parley_client.test_connecting import QUICK


def test_a_change_moves_the_rev_and_never_back() -> None:
    positions = Positions({"r": Position(5, 2)})
    positions.moved("r", 4)
    positions.moved("r", 3)
    assert positions.of("r") == Position(5, 4)


def test_a_change_that_was_not_taken_comes_again_in_another_life() -> None:
    inbox = Inbox(10)
    inbox.put(Notice("chat.edited", {"room": "r", "seq": 1, "rev": 3}))
    inbox.put(Notice("chat.deleted", {"room": "r", "seq": 2, "rev": 4}))
    inbox.put(Notice("chat.read", {"room": "r", "user": "u", "seq": 2}))
    assert inbox.before({"r": Position(5, 4), "s": Position(1)}) == {"r": Position(5, 2), "s": Position(1)}


async def test_an_edit_and_a_deletion_return_what_the_server_says_of_them() -> None:
    asked: list[dict[str, object]] = []

    async def changes(peer: Peer) -> None:
        await peer.ready({"a": 5})
        for rev, kind in ((1, "chat.edit"), (2, "chat.delete")):
            data = (await peer.receive(kind))["data"]
            answer = {"client_id": data.pop("client_id"), "room": "a", "seq": data["seq"], "id": "m3", "rev": rev}
            asked.append(data)
            await peer.send("chat.changed", **answer)
        await peer.stay()

    async with Fake(changes) as fake, fake.account().connect(options=QUICK) as chat:
        edited = await chat.edit("a", 3, "better")
        deleted = await chat.delete("a", 3)
    assert [(change.id, change.room, change.seq, change.rev) for change in (edited, deleted)] == [
        ("m3", "a", 3, 1),
        ("m3", "a", 3, 2),
    ]
    assert asked == [{"room": "a", "seq": 3, "content": "better"}, {"room": "a", "seq": 3}]


async def test_a_change_that_was_not_answered_goes_again_over_the_next_connection() -> None:
    names: list[str] = []

    async def dies(peer: Peer) -> None:
        await peer.ready({"a": 5})
        names.append((await peer.receive("chat.edit"))["data"]["client_id"])
        peer.abort()

    async def changes(peer: Peer) -> None:
        await peer.ready({"a": 5})
        data = (await peer.receive("chat.edit"))["data"]
        names.append(data["client_id"])
        await peer.send("chat.changed", client_id=data["client_id"], room="a", seq=3, id="m3", rev=7)
        await peer.stay()

    async with Fake(dies, changes) as fake, fake.account().connect(options=QUICK) as chat:
        assert await chat.edit("a", 3, "better") == Changed(names[0], "m3", "a", 3, 7)
    assert names[0] == names[1]


async def test_a_message_waits_for_the_change_before_it_that_has_to_be_repeated() -> None:
    written: list[str] = []

    async def busy(peer: Peer) -> None:
        await peer.ready({"a": 5})
        data = (await peer.receive("chat.edit"))["data"]
        await peer.send("error", code="unavailable", detail="", client_id=data["client_id"], retry_after=0.05)
        data = (await peer.receive("chat.edit"))["data"]
        written.append("edit")
        await peer.send("chat.changed", client_id=data["client_id"], room="a", seq=3, id="m3", rev=7)
        await peer.ack(await peer.receive("chat.message"), 6)
        written.append("message")
        await peer.stay()

    options = Options(window=1)
    async with Fake(busy) as fake, fake.account().connect(options=options) as chat:
        edited, sent = await asyncio.gather(chat.edit("a", 3, "better"), chat.send("a", "next"))
    assert (edited.rev, sent.seq) == (7, 6)
    assert written == ["edit", "message"]


@pytest.mark.parametrize("code", ["message_not_found", "message_deleted", "not_the_author"])
async def test_a_change_that_is_refused_is_not_repeated(code: str) -> None:
    async def refuses(peer: Peer) -> None:
        await peer.ready({"a": 5})
        data = (await peer.receive("chat.delete"))["data"]
        await peer.send("error", code=code, detail="no", client_id=data["client_id"])
        await peer.stay()

    async with Fake(refuses) as fake, fake.account().connect(options=QUICK) as chat:
        with pytest.raises(SendRefused) as refused:
            await chat.delete("a", 3)
        assert refused.value.code == code
        assert chat.counters.resends == 0


async def test_a_reply_names_what_it_answers() -> None:
    sent: list[dict[str, object]] = []

    async def acks(peer: Peer) -> None:
        await peer.ready({"a": 5})
        for seq in (6, 7):
            frame = await peer.receive("chat.message")
            sent.append(frame["data"])
            await peer.ack(frame, seq)
        await peer.stay()

    async with Fake(acks) as fake, fake.account().connect(options=QUICK) as chat:
        await chat.send("a", "yes", reply_to=3)
        await chat.send("a", "well")
    assert sent[0]["reply_to"] == 3
    assert "reply_to" not in sent[1]
