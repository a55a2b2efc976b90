"""Sending: at least once, in order, and what happens when FCM does not want, does not know or does not answer."""

import asyncio
from typing import Any

import pytest

from contracts import events as kinds
from notification_service import pushes
from notification_service.model import Push, Result
from notification_service.pushes import Pushes
from notification_service.senders.bucket import Bucket
from tests.integration.notifications.conftest import StartWorker
from tests.support.notifications import Fcm, Others, Person, Place, Worker, until

pytestmark = pytest.mark.usefixtures("hurried")
ALICE, BOB = Person("Alice"), Person("Bob")


async def meet(worker: Worker, others: Others, *people: Person) -> Place:
    """A group whose members' devices are known."""
    place = Place(*people, name="Team")
    others.know(place)
    await worker.tell(*(person.device_registered() for person in people), *place.made())
    return place


def count(metric: Any) -> float:
    return float(metric._value.get())


async def test_what_fcm_does_not_take_now_is_sent_later_and_in_order(worker: Worker, others: Others, fcm: Fcm) -> None:
    place = await meet(worker, others, ALICE, BOB)
    fcm.told(failures=[{"status": 503, "times": 3}, {"status": 500, "times": 2}, {"status": 429, "retry_after": "0"}])
    await worker.tell(*(place.says(ALICE, str(number)) for number in range(3)))
    await worker.until_done()
    assert [text for _, _, text in fcm.texts] == ["Alice: 0", "Alice: 1", "Alice: 2"]
    assert fcm.counts["attempts"] == 9


async def test_it_waits_as_long_as_fcm_asks_and_only_there(worker: Worker, others: Others, fcm: Fcm) -> None:
    carol = Person("Carol")
    place = await meet(worker, others, ALICE, BOB, carol)
    fcm.told(failures=[{"status": 503, "retry_after": "2", "token": BOB.token}])
    await worker.tell(place.says(ALICE, "one"))
    await fcm.until(1)
    await worker.until_done()
    first, second = fcm.deliveries
    assert (first.token, second.token) == (carol.token, BOB.token)
    assert 1.9 < second.received_at - first.received_at < 6


async def test_too_much_slows_the_whole_process_down(worker: Worker, others: Others, fcm: Fcm) -> None:
    place = await meet(worker, others, ALICE, BOB)
    full = worker.component("pushes")._bucket.rate
    fcm.told(failures=[{"status": 429, "retry_after": "0"}])
    await worker.tell(place.says(ALICE, "one"))
    await worker.until_done()
    assert worker.component("pushes")._bucket.rate < 0.6 * full
    assert len(fcm.deliveries) == 1


@pytest.mark.parametrize("what", ["unregistered", "invalid"])
async def test_a_device_that_fcm_does_not_know_is_forgotten_and_auth_is_told(
    worker: Worker, others: Others, fcm: Fcm, what: str
) -> None:
    place = await meet(worker, others, ALICE, BOB)
    await worker.tell(BOB.device_registered("bobs:tablet"))
    fcm.told(**{what: [BOB.token]})
    await worker.tell(*(place.says(ALICE, str(number)) for number in range(3)))
    await worker.until_done()
    assert [(token, text) for token, _, text in fcm.texts] == [
        ("bobs:tablet", f"Alice: {number}") for number in range(3)
    ]
    assert fcm.counts["attempts"] == 4  # one was enough
    housekeeping = worker.component("housekeeping")
    others.away.add("auth")
    housekeeping.wake()
    await until(lambda: "/internal/devices/lost" in others.asked)
    assert await states(worker, BOB.token) == ["lost"]
    others.away.clear()
    housekeeping.wake()
    await until(lambda: others.lost)
    assert others.lost == [BOB.token]
    await until(lambda: removed(worker))
    # Whoever has the token all the same says so.
    fcm.told(unregistered=[], invalid=[])
    await worker.tell(BOB.device_registered())
    await worker.tell(place.says(ALICE, "again"))
    await worker.until_done()
    assert sorted(token for token, _, text in fcm.texts if text == "Alice: again") == sorted([BOB.token, "bobs:tablet"])


async def states(worker: Worker, token: str) -> list[str]:
    return [row["state"] for row in await worker.sql("SELECT state FROM devices WHERE token = $1", token)]


async def removed(worker: Worker) -> bool:
    return await states(worker, BOB.token) == ["removed"]


async def test_a_message_that_fcm_does_not_take_is_not_sent_again_and_stops_no_other(
    worker: Worker, others: Others, fcm: Fcm
) -> None:
    place = await meet(worker, others, ALICE, BOB)
    fcm.told(failures=[{"status": 400}, {"status": 403}])
    await worker.tell(*(place.says(ALICE, str(number)) for number in range(3)))
    await worker.until_done()
    assert [text for _, _, text in fcm.texts] == ["Alice: 2"]
    assert fcm.counts["attempts"] == 3


async def test_a_lost_answer_is_repeated_counted_and_takes_the_place_of_itself(
    worker: Worker, others: Others, fcm: Fcm
) -> None:
    place = await meet(worker, others, ALICE, BOB)
    fcm.told(failures=[{"how": "lose"}])
    before = count(pushes.repeats)
    await worker.tell(place.says(ALICE, "one"))
    await worker.until_done()
    assert [(text, delivery.answered) for (_, _, text), delivery in zip(fcm.texts, fcm.deliveries, strict=True)] == [
        ("Alice: one", False),
        ("Alice: one", True),
    ]
    assert len({delivery.tag for delivery in fcm.deliveries}) == 1
    assert count(pushes.repeats) - before == 1


async def test_fcm_that_does_not_answer_costs_its_deadline(start: StartWorker, others: Others, fcm: Fcm) -> None:
    async with start(fcm_seconds=0.5) as worker:
        place = await meet(worker, others, ALICE, BOB)
        fcm.told(failures=[{"how": "hang"}])
        await worker.tell(place.says(ALICE, "one"))
        await worker.until_done()
    assert [text for _, _, text in fcm.texts] == ["Alice: one"]


async def test_while_fcm_is_away_pushes_wait_and_are_withdrawn_when_they_are_read(
    worker: Worker, others: Others, fcm: Fcm
) -> None:
    place = await meet(worker, others, ALICE, BOB)
    await fcm.close()
    other = await meet(worker, others, ALICE, BOB)
    await worker.tell(place.says(ALICE, "read meanwhile"), place.says(ALICE, "not read"), other.says(ALICE, "muted"))
    await until(lambda: worker.sql("SELECT FROM notifications WHERE attempts > 1"))
    await worker.tell(place.member(kinds.MESSAGE_READ, BOB, seq=1))
    await worker.tell(other.member(kinds.MEMBER_MUTED, BOB, muted=True))
    assert fcm.texts == []
    await fcm.open()
    await worker.until_done()
    assert [text for _, _, text in fcm.texts] == ["Alice: not read"]


async def test_what_waits_for_a_device_that_is_removed_is_not_sent(worker: Worker, others: Others, fcm: Fcm) -> None:
    place = await meet(worker, others, ALICE, BOB)
    fcm.told(failures=[{"status": 503, "times": 1000}])
    await worker.tell(place.says(ALICE, "one"))
    await until(lambda: worker.sql("SELECT FROM notifications WHERE attempts > 1"))
    await worker.tell(BOB.device_removed())
    fcm.told(failures=[])
    await worker.tell(BOB.device_registered("bobs:new one"))
    await worker.tell(place.says(ALICE, "two"))
    await worker.until_done()
    assert [(token, text) for token, _, text in fcm.texts] == [("bobs:new one", "Alice: two")]


async def test_access_is_asked_for_anew_when_it_is_refused_or_not_to_be_had(
    worker: Worker, others: Others, fcm: Fcm
) -> None:
    place = await meet(worker, others, ALICE, BOB)
    await worker.tell(place.says(ALICE, "one"))
    await fcm.until(1)
    fcm.told(revoke_tokens=True, token_failures=1)
    await worker.tell(place.says(ALICE, "two"))
    await worker.until_done()
    assert [text for _, _, text in fcm.texts] == ["Alice: one", "Alice: two"]
    assert fcm.counts["token_requests"] >= 3


async def test_many_wait_for_one_access_token(start: StartWorker, others: Others, fcm: Fcm) -> None:
    people = [Person(f"P{number}") for number in range(30)]
    async with start() as worker:
        place = await meet(worker, others, ALICE, *people)
        await worker.tell(place.says(ALICE, "one"))
        await worker.until_done()
    assert len(fcm.deliveries) == 30
    assert fcm.counts["token_requests"] == 1


async def test_two_workers_send_each_push_once_and_a_device_s_in_order(
    start: StartWorker, others: Others, fcm: Fcm
) -> None:
    people = [Person(f"P{number}") for number in range(10)]
    fcm.told(delay_seconds=0.005)
    async with start() as one, start():
        place = await meet(one, others, ALICE, *people)
        for chunk in range(4):
            await one.tell(*(place.says(ALICE, f"{5 * chunk + number}") for number in range(5)))
        await one.until_done()
    for person in people:
        said = [text.removeprefix("Alice: ") for token, _, text in fcm.texts if token == person.token]
        assert said == [str(number) for number in range(20)]


async def test_another_worker_takes_over_what_a_dead_one_was_sending(
    start: StartWorker, others: Others, fcm: Fcm
) -> None:
    class Dying:
        """Takes the push and is never heard of again."""

        def __init__(self) -> None:
            self.taken: list[Push] = []

        async def send(self, push: Push) -> Result:
            self.taken.append(push)
            await asyncio.Event().wait()
            raise AssertionError

    async with start() as worker:
        place = await meet(worker, others, ALICE, BOB)
        await worker.component("pushes").stop()
        dying = Dying()
        limits: dict[str, Any] = {"at_once": 5, "seconds": 60, "claim_seconds": 1, "life_seconds": 3600}
        dead = Pushes(worker.component("postgres"), {"fcm": dying}, Bucket(10), **limits)
        await worker.tell(place.says(ALICE, "one"))
        await until(lambda: worker.sql("SELECT FROM notifications"))
        await dead.turn()
        await until(lambda: dying.taken)
        before = count(pushes.repeats)
        async with start() as successor:
            await successor.until_done()
        for task in dead._attempts:
            task.cancel()
    assert [text for _, _, text in fcm.texts] == ["Alice: one"]
    assert count(pushes.repeats) - before == 1


async def test_a_worker_that_stops_finishes_what_it_has_begun(start: StartWorker, others: Others, fcm: Fcm) -> None:
    fcm.told(delay_seconds=0.3)
    async with start() as worker:
        place = await meet(worker, others, ALICE, BOB)
        await worker.tell(place.says(ALICE, "one"))
        await until(lambda: fcm.counts.get("token_requests"))
        await until(lambda: worker.component("pushes")._attempts)
    assert [text for _, _, text in fcm.texts] == ["Alice: one"]
    assert await worker.sql("SELECT FROM notifications") == []
