"""Coming, going and coming back."""

import asyncio
import json
from typing import Any
from uuid import uuid4

import pytest

from parley_client import Options, Position, SessionOver
from parley_client.backoff import Then
from tests.unit.parley_client.fake import Act, Fake, Peer, Refusal, Watcher, message

QUICK = Options(first_wait_seconds=0.01, longest_wait_seconds=0.02, open_seconds=2)


async def until(condition: Any) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


async def stay(peer: Peer) -> None:
    await peer.ready({"a": 5})
    await peer.stay()


def closes(code: int, *, room_seq: int = 5) -> Act:
    async def act(peer: Peer) -> None:
        await peer.ready({"a": room_seq})
        await peer.close(code)

    return act


async def test_it_connects_with_the_token_in_a_header() -> None:
    async with Fake(stay) as fake, fake.account().connect(options=QUICK) as chat:
        assert chat.connected
        assert chat.ready is not None
        assert chat.ready.user.username == "alice"
        assert chat.positions == {"a": Position(5, 0)}
    assert (fake.tokens, fake.queries) == (["t0"], [{}])


async def test_it_connects_with_a_ticket_in_the_url() -> None:
    async with Fake(stay) as fake, fake.account().connect(options=Options(by_ticket=True)):
        pass
    assert (fake.tokens, fake.queries) == ([None], [{"ticket": "ticket-1"}])
    assert fake.requests[0].headers["Authorization"] == "Bearer t0"


async def test_it_goes_on_where_it_was() -> None:
    async def two_more(peer: Peer) -> None:
        await peer.ready({"a": 5, "b": 1}, rev=3)
        await peer.messages("a", 6, 7)
        peer.abort()

    async with Fake(two_more, stay) as fake, fake.account().connect(options=QUICK) as chat:
        await until(lambda: chat.counters.connects == 2)
    assert fake.queries[1] == {"resume": "a:7:3,b:1:3", "epoch": "e1"}


async def test_positions_of_an_earlier_life_are_used() -> None:
    async with Fake(stay) as fake:
        positions = {"a": Position(2)}
        async with fake.account().connect(options=QUICK, positions=positions, epoch="e0"):
            pass
        async with Fake(stay) as another, another.account().connect(options=QUICK, positions=positions):
            pass
    assert fake.queries == [{"resume": "a:2", "epoch": "e0"}]
    assert another.queries == [{"resume": "a:2"}]


async def test_positions_that_do_not_fit_into_one_frame_go_into_several() -> None:
    got: list[Any] = []
    sizes: list[int] = []

    async def by_frames(peer: Peer) -> None:
        await peer.ready({})
        while not got or got[-1].get("more"):
            got.append((await peer.receive("session.resume"))["data"])
            sizes.append(len(json.dumps({"type": "session.resume", "data": got[-1]}, separators=(",", ":"))))
        await peer.stay()

    known = {str(uuid4()): Position(2**53 - number, 2**53 - 1) for number in range(3000)}
    async with Fake(by_frames) as fake, fake.account().connect(options=QUICK, positions=known, epoch="e" * 64):
        await until(lambda: len(got) >= 4)
    assert [data.get("more", False) for data in got] == [True, True, True, False]
    assert max(sizes) <= 64 * 1024
    assert {room: at for data in got for room, at in data["rooms"].items()} == {
        room: [at.seq, at.rev] for room, at in known.items()
    }


async def test_a_long_list_of_positions_goes_into_the_first_frame() -> None:
    got: list[Any] = []

    async def by_frame(peer: Peer) -> None:
        await peer.ready({"a": 5, "b": 3, "c": 9, "d": 1, "e": 4, "f": 7}, rev=1)
        got.append((await peer.receive("session.resume"))["data"])
        await peer.stay()

    known = {"a": Position(5, 1), "b": Position(2), "c": Position(9), "d": Position(2), "e": Position(4, 0)}
    positions = {**known, "gone": Position(3)}
    async with Fake(by_frame, by_frame) as fake:
        for epoch in ("e1", "e0"):
            async with fake.account().connect(options=Options(rooms_in_url=1), positions=positions, epoch=epoch):
                pass
    assert fake.queries == [{"resume": "frame"}] * 2
    behind = {"b": [2], "d": [2], "e": [4, 0], "gone": [3]}  # and what is ahead, which the server resets
    assert got == [
        {"rooms": behind, "epoch": "e1"},
        {"rooms": {"a": [5, 1], "c": [9], **behind}, "epoch": "e0"},  # of another life: all of them
    ]


async def test_a_server_that_drains_is_left_for_as_long_as_it_says() -> None:
    watcher = Watcher()

    async def drain(peer: Peer) -> None:
        await peer.ready({})
        await peer.send("session.draining", reconnect_after_ms=37)
        await peer.close(1012)

    async with Fake(drain, stay) as fake, fake.account().connect(options=QUICK, observer=watcher) as chat:
        await until(lambda: chat.counters.connects == 2)
    assert watcher.endings == [(1012, "", Then.SOON, 0.037)]
    assert watcher.waits[1] >= 0.037


@pytest.mark.parametrize(
    ("code", "then"), [(1011, Then.RETRY), (1013, Then.WAIT), (4408, Then.WAIT), (4429, Then.WAIT)]
)
async def test_it_comes_back_after_any_other_close(code: int, then: Then) -> None:
    watcher = Watcher()
    async with Fake(closes(code), stay) as fake, fake.account().connect(options=QUICK, observer=watcher) as chat:
        await until(lambda: chat.counters.connects == 2)
    [(closed, _, next_step, seconds)] = watcher.endings
    assert (closed, next_step) == (code, then)
    assert seconds <= QUICK.longest_wait_seconds


async def test_a_refusal_with_retry_after_is_heeded() -> None:
    watcher = Watcher()
    refusal = Refusal(503, "draining", {"Retry-After": "1"})
    async with Fake(refusal, stay) as fake, fake.account().connect(options=QUICK, observer=watcher):
        pass
    [(status, reason, then, seconds)] = watcher.endings
    assert (status, reason, then) == (503, "503 draining", Then.WAIT)
    assert 1 <= seconds <= 1 + QUICK.longest_wait_seconds


async def test_it_waits_for_a_server_that_is_not_there() -> None:
    watcher = Watcher()
    async with (
        Fake(Refusal(502), Refusal(500), Refusal(503), stay) as fake,
        fake.account().connect(options=QUICK, observer=watcher) as chat,
    ):
        assert chat.counters.failures == 3
    assert [status for status, *_ in watcher.endings] == [502, 500, 503]


async def test_what_is_not_granted_is_not_asked_for_again() -> None:
    async with Fake(Refusal(403, "origin")) as fake:
        with pytest.raises(SessionOver, match="403 origin"):
            async with fake.account().connect(options=QUICK):
                pytest.fail("connected")


async def test_a_token_that_is_over_is_renewed_once() -> None:
    async with Fake(closes(4401), stay, renewals=("t1",)) as fake, fake.account().connect(options=QUICK) as chat:
        await until(lambda: chat.counters.connects == 2)
    assert fake.tokens == ["t0", "t1"]


async def test_a_token_that_is_refused_at_the_door_is_renewed_once() -> None:
    async with Fake(Refusal(401), stay, renewals=("t1",)) as fake, fake.account().connect(options=QUICK):
        pass
    assert fake.tokens == ["t0", "t1"]


async def test_a_ticket_that_is_no_longer_good_is_no_reason_to_doubt_the_token() -> None:
    refusal = Refusal(401, "ticket_invalid")
    options = Options(by_ticket=True, first_wait_seconds=0.01)
    async with Fake(refusal, refusal, refusal, stay) as fake, fake.account().connect(options=options):
        pass
    assert [request.url.path for request in fake.requests] == ["/auth/ws-ticket"] * 4


async def test_a_new_token_that_is_refused_too_ends_the_session() -> None:
    async with (
        Fake(closes(4401), Refusal(401), stay, renewals=("t1",)) as fake,
        fake.account().connect(options=QUICK) as chat,
    ):
        with pytest.raises(SessionOver):
            async for _ in chat:
                pass
        with pytest.raises(SessionOver):
            await chat.send("a", "too late")
    assert fake.tokens == ["t0", "t1"]


async def test_a_login_that_has_ended_ends_the_session_and_what_is_on_its_way() -> None:
    async with Fake(stay_until_send, renewals=(401,)) as fake, fake.account().connect(options=QUICK) as chat:
        with pytest.raises(SessionOver, match="refresh token"):
            await chat.send("a", "hello")
    assert fake.tokens == ["t0"]


async def stay_until_send(peer: Peer) -> None:
    await peer.ready({"a": 0})
    await peer.receive("chat.message")
    await peer.close(4401)


async def test_a_token_that_cannot_be_renewed_now_is_asked_for_again() -> None:
    async with (
        Fake(closes(4401), Refusal(401), stay, renewals=(503, "t1")) as fake,
        fake.account().connect(options=QUICK) as chat,
    ):
        await until(lambda: chat.counters.connects == 2)
    assert fake.tokens == ["t0", "t0", "t1"]


async def test_a_fresh_token_is_handed_over_before_the_old_one_is_over() -> None:
    got: list[str] = []

    async def refresh(peer: Peer) -> None:
        await peer.ready({})
        got.append((await peer.receive("auth.refresh"))["data"]["token"])
        await peer.send("auth.refreshed", expires_at="2026-01-02T03:04:05Z")
        got.append((await peer.receive("auth.refresh"))["data"]["token"])
        await peer.send("error", code="unavailable", detail="not now")
        await peer.stay()

    async with Fake(refresh, renewals=("t1", "t2", "t3")) as fake:
        fake.lifetime = 0.2
        async with fake.account().connect(options=QUICK) as chat:
            await until(lambda: len(got) == 2)
            assert chat.counters.connects == 1
    assert got[0] == "t1"


async def test_a_server_that_is_silent_is_left() -> None:
    watcher = Watcher()
    options = Options(heartbeat_seconds=0.05, dead_after_seconds=0.2, first_wait_seconds=0.01)

    over = asyncio.Event()

    async def freeze(peer: Peer) -> None:
        await peer.ready({})
        peer.stop_reading()
        await over.wait()

    async with Fake(freeze, stay) as fake, fake.account().connect(options=options, observer=watcher) as chat:
        await until(lambda: chat.counters.connects == 2)
        over.set()
    assert watcher.endings[0][2] is Then.RETRY


async def test_a_server_that_answers_pings_is_kept() -> None:
    pings = 0

    async def answer(peer: Peer) -> None:
        nonlocal pings
        await peer.ready({}, heartbeat_s=0.02)
        while True:
            await peer.receive("ping")
            pings += 1
            await peer.send("pong")

    async with Fake(answer) as fake, fake.account().connect(options=Options(dead_after_seconds=0.1)) as chat:
        await until(lambda: pings >= 20)
        assert chat.counters.connects == 1


async def test_reconnecting_on_request_is_immediate() -> None:
    watcher = Watcher()
    async with Fake(stay, stay) as fake, fake.account().connect(options=Options(), observer=watcher) as chat:
        chat.reconnect()
        await until(lambda: chat.counters.connects == 2)
        assert chat.counters.failures == 0
    assert [seconds for *_, seconds in watcher.endings] == [0.0]
    assert fake.queries[1] == {"resume": "a:5:0", "epoch": "e1"}


@pytest.mark.parametrize("text", ["{", '{"type": "chat.message"}', '{"type": "chat.message", "data": {}}', "[]"])
async def test_what_is_no_frame_ends_the_connection_and_not_the_session(text: str) -> None:
    async def babble(peer: Peer) -> None:
        await peer.ready({"a": 5})
        await peer.raw(text)
        await peer.stay()

    watcher = Watcher()
    async with Fake(babble, stay) as fake, fake.account().connect(options=QUICK, observer=watcher) as chat:
        await until(lambda: chat.counters.connects == 2)
    assert watcher.endings[0][2] is Then.RETRY


async def test_a_first_frame_that_is_not_ready_is_refused() -> None:
    async def early(peer: Peer) -> None:
        await peer.send("chat.message", **message("a", 1))
        await peer.stay()

    watcher = Watcher()
    async with Fake(early, stay) as fake, fake.account().connect(options=QUICK, observer=watcher):
        pass
    assert watcher.endings[0][1] == "the first frame was chat.message"


async def test_a_server_that_never_gets_ready_is_left() -> None:
    async def mute(peer: Peer) -> None:
        await peer.stay()

    watcher = Watcher()
    options = Options(open_seconds=0.1, first_wait_seconds=0.01)
    async with Fake(mute, stay) as fake, fake.account().connect(options=options, observer=watcher):
        pass
    assert "session.ready" in watcher.endings[0][1]
