"""Who is told of a message, and in which words."""

from typing import Any

import asyncpg
import pytest

from chassis.ids import uuid7
from chassis.times import rfc3339, utc_now
from contracts import events as kinds
from contracts.internal import STANDINGS_PATH
from notification_service import looks
from notification_service.store import messages
from tests.integration.notifications.conftest import StartWorker
from tests.support.notifications import Fcm, Others, Person, Place, Worker, until


@pytest.fixture
def alice() -> Person:
    """She writes."""
    return Person("Alice")


@pytest.fixture
def bob() -> Person:
    """He has a device."""
    return Person("Bob")


async def meet(worker: Worker, others: Others, *people: Person, name: str | None = None) -> Place:
    """A room of people whose names and devices are known, and who have been welcomed long ago."""
    place = Place(*people, name=name)
    others.know(place)
    for person in people:
        await worker.tell(person.registered())
    await worker.sql("UPDATE users SET welcome_until = NULL")
    await worker.tell(*(person.device_registered() for person in people), *place.made())
    return place


async def test_who_has_no_connection_is_told_at_once_and_once(
    worker: Worker, others: Others, fcm: Fcm, alice: Person, bob: Person
) -> None:
    place = await meet(worker, others, alice, bob)
    await worker.tell(place.says(alice, "  Are you there?\n"))
    await fcm.until(1, 3)
    await worker.until_done()
    [delivery] = fcm.deliveries
    assert fcm.texts == [(bob.token, "Alice", "Are you there?")]
    assert delivery.message.data["room"] == str(place.id)
    assert delivery.tag == str(place.id)


async def test_in_a_group_the_title_is_its_name_and_all_who_are_away_are_told_on_all_their_devices(
    worker: Worker, others: Others, fcm: Fcm, alice: Person, bob: Person
) -> None:
    carol = Person("Carol")
    place = await meet(worker, others, alice, bob, carol, name="Team")
    await worker.tell(bob.device_registered("bobs:tablet"))
    await worker.tell(place.says(alice, "Lunch?"), place.says(carol, "Yes!"))
    await worker.until_done()
    assert sorted(fcm.texts) == sorted(
        [(token, "Team", "Alice: Lunch?") for token in (bob.token, "bobs:tablet")]  # Carol, who answers, has read it
        + [(token, "Team", "Carol: Yes!") for token in (bob.token, "bobs:tablet", alice.token)]
    )
    for token in (bob.token, "bobs:tablet"):
        bodies = [body for device, _, body in fcm.texts if device == token]
        assert bodies == ["Alice: Lunch?", "Carol: Yes!"]  # in the order in which they were said


async def test_who_is_connected_is_told_only_if_he_confirms_nothing(
    worker: Worker, others: Others, fcm: Fcm, alice: Person, bob: Person
) -> None:
    carol = Person("Carol")
    place = await meet(worker, others, alice, bob, carol, name="Team")
    others.online |= {bob.id, carol.id}
    await worker.tell(place.says(alice, "one"))
    others.delivered[place.id, carol.id] = 1
    await worker.until_done()
    assert fcm.texts == [(bob.token, "Team", "Alice: one")]


async def test_who_goes_away_is_told_in_the_order_in_which_it_was_said(
    worker: Worker, others: Others, fcm: Fcm, alice: Person, bob: Person
) -> None:
    place = await meet(worker, others, alice, bob)
    others.online = {bob.id}
    await worker.tell(place.says(alice, "first"))
    await until(lambda: STANDINGS_PATH in others.asked)
    others.online = set()
    await worker.tell(place.says(alice, "second"))
    await worker.until_done()
    assert [text for _, _, text in fcm.texts] == ["first", "second"]


async def test_who_goes_away_after_he_has_confirmed_the_last_is_told_the_next_at_once(
    start: StartWorker, others: Others, fcm: Fcm, alice: Person, bob: Person
) -> None:
    async with start(away_seconds=60) as worker:
        place = await meet(worker, others, alice, bob)
        others.online = {bob.id}
        others.delivered[place.id, bob.id] = 1
        await worker.tell(place.says(alice, "first"))
        others.online = set()
        await worker.tell(place.says(alice, "second"))
        await fcm.until(1)
        assert [text for _, _, text in fcm.texts] == ["second"]


async def test_who_has_read_it_meanwhile_is_not_told(
    worker: Worker, others: Others, fcm: Fcm, alice: Person, bob: Person
) -> None:
    place = await meet(worker, others, alice, bob)
    others.online |= {bob.id}
    await worker.tell(place.says(alice, "one"))
    await worker.tell(place.member(kinds.MESSAGE_READ, bob, seq=1))
    await worker.until_done()
    assert fcm.texts == []


@pytest.mark.parametrize("way", ["muted", "not a member", "muted says the event", "removed says the event"])
async def test_who_has_muted_or_left_the_room_is_not_told(
    worker: Worker, others: Others, fcm: Fcm, alice: Person, bob: Person, way: str
) -> None:
    place = await meet(worker, others, alice, bob)
    if way == "muted":
        others.muted.add((place.id, bob.id))
    elif way == "not a member":
        others.strangers.add(bob.id)
    elif way == "muted says the event":
        await worker.tell(place.member(kinds.MEMBER_MUTED, bob, muted=True, until=None))
    else:
        place.members.remove(bob)
        others.know(place)
        await worker.tell(place.member(kinds.MEMBER_REMOVED, bob))
    await worker.tell(place.says(alice, "one"))
    await worker.until_done()
    assert fcm.texts == []


async def test_muting_ends(worker: Worker, others: Others, fcm: Fcm, alice: Person, bob: Person) -> None:
    place = await meet(worker, others, alice, bob)
    await worker.tell(place.member(kinds.MEMBER_MUTED, bob, muted=True, until="2026-01-01T00:00:00Z"))
    await worker.tell(place.says(alice, "that time is over"))
    await fcm.until(1)  # muting would withdraw what has not been sent, and the second look send it after the other
    await worker.tell(place.member(kinds.MEMBER_MUTED, bob, muted=True, until=None))
    await worker.tell(place.member(kinds.MEMBER_MUTED, bob, muted=False, until=None))
    await worker.tell(place.says(alice, "he wants to hear again"))
    await worker.until_done()
    assert [text for _, _, text in fcm.texts] == ["that time is over", "he wants to hear again"]


@pytest.mark.parametrize("way", ["muted", "muted says the event"])
async def test_what_is_said_while_a_room_is_muted_is_not_told_later(
    worker: Worker, others: Others, fcm: Fcm, alice: Person, bob: Person, way: str
) -> None:
    place = await meet(worker, others, alice, bob)
    muted = (place.id, bob.id)
    if way == "muted":
        others.muted.add(muted)
    else:
        await worker.tell(place.member(kinds.MEMBER_MUTED, bob, muted=True, until=None))
    await worker.tell(place.says(alice, "while he is deaf"))
    await until(lambda: worker.sql("SELECT FROM messages WHERE looks = 1"), "the first look")
    others.muted.discard(muted)
    await worker.tell(place.member(kinds.MEMBER_MUTED, bob, muted=False, until=None))
    await worker.tell(place.says(alice, "now he hears"))
    await worker.until_done()
    assert [text for _, _, text in fcm.texts] == ["now he hears"]


async def test_what_a_dead_worker_had_taken_is_looked_at_before_what_was_said_after_it(
    settings: dict[str, Any],
) -> None:
    place = Place(Person("Alice"))
    connection = await asyncpg.connect(settings["database_url"])
    try:
        for seq, look_at in ((1, "1 second"), (2, "1 minute")):  # the first was to be looked at again later
            await connection.execute(
                f"""INSERT INTO messages (id, room_id, seq, sender_id, content, created_at, look_at)
                    VALUES ($1, $2, $3::bigint, $2, '', now() - interval '2 minutes' + $3::bigint * interval '1 ms',
                            now() - interval '{look_at}')""",
                uuid7(),
                place.id,
                seq,
            )
        async with connection.transaction():
            taken = await messages.take_messages(connection, uuid7(), 1, 10.0)
        assert [message.seq for message in taken] == [1]
    finally:
        await connection.close()


async def test_previews_can_be_switched_off(
    worker: Worker, others: Others, fcm: Fcm, alice: Person, bob: Person
) -> None:
    carol = Person("Carol")
    place = await meet(worker, others, alice, bob, carol, name="Team")
    others.preferences = {bob.id: {"previews": False}, carol.id: {"previews": True, "sound": "loud"}}
    event = place.says(alice, "a secret")
    await worker.tell(event)
    await worker.until_done()
    assert sorted(fcm.texts) == sorted(
        [(bob.token, "Team", "Alice: New message"), (carol.token, "Team", "Alice: a secret")]
    )
    [to_bob] = [delivery for delivery in fcm.deliveries if delivery.token == bob.token]
    assert "secret" not in str(to_bob.message)


async def test_while_profile_is_away_nothing_is_previewed(
    worker: Worker, others: Others, fcm: Fcm, alice: Person, bob: Person
) -> None:
    place = await meet(worker, others, alice, bob)
    others.away.add("profile")
    await worker.tell(place.says(alice, "a secret"))
    await worker.until_done()
    assert fcm.texts == [(bob.token, "Alice", "New message")]


async def test_while_chat_is_away_a_fresh_message_waits_and_an_old_one_does_not(
    worker: Worker, others: Others, fcm: Fcm, alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = await meet(worker, others, alice, bob)
    others.away.add("chat")
    others.asked.clear()
    await worker.tell(place.says(alice, "one"))
    await until(lambda: len(others.asked) > 2)
    assert fcm.texts == []
    monkeypatch.setattr(looks, "PATIENCE_SECONDS", 0.5)
    await worker.until_done()
    assert fcm.texts == [(bob.token, "Alice", "one")]


async def test_a_room_from_before_the_topic_began_is_asked_for(
    worker: Worker, others: Others, fcm: Fcm, alice: Person, bob: Person
) -> None:
    place = Place(alice, bob, name="Old friends")
    others.know(place)
    await worker.tell(bob.device_registered())
    others.away.add("chat")
    await worker.tell(place.says(alice, "one"))
    await until(lambda: others.asked)
    assert fcm.texts == []
    others.away.clear()
    await fcm.until(1)
    await worker.tell(place.says(alice, "two"))
    await worker.until_done()
    assert [text for _, _, text in fcm.texts] == ["Alice: one", "Alice: two"]
    assert fcm.texts[0][1] == "Old friends"
    assert sum(path.startswith("/internal/rooms/") for path in others.asked) <= 3  # not for every message
    assert others.asked.count("/internal/users") == 1


async def test_what_was_said_before_one_came_is_no_news(
    worker: Worker, others: Others, fcm: Fcm, alice: Person, bob: Person
) -> None:
    place = await meet(worker, others, alice, name="Team")
    await worker.tell(bob.device_registered())
    others.away.add("chat")
    await worker.tell(place.says(alice, "before"), place.member(kinds.MEMBER_ADDED, bob))
    place.members.append(bob)
    others.know(place)
    others.away.clear()
    await worker.tell(place.says(alice, "after"))
    await worker.until_done()
    assert [text for _, _, text in fcm.texts] == ["Alice: after"]


async def test_a_message_that_is_edited_or_deleted_in_time_is_not_told_as_it_was(
    start: StartWorker, others: Others, fcm: Fcm, alice: Person, bob: Person
) -> None:
    async with start(away_seconds=2) as worker:
        place = await meet(worker, others, alice, bob)
        others.online.add(bob.id)
        edited, deleted = place.says(alice, "a tpyo"), place.says(alice, "a mistake")
        await worker.tell(edited, deleted)
        await worker.tell(
            place.member(kinds.MESSAGE_CHANGED, alice, id=edited.data["id"], seq=1, content="a typo"),
            place.member(kinds.MESSAGE_CHANGED, alice, id=deleted.data["id"], seq=2, deleted_at=rfc3339(utc_now())),
        )
        await worker.until_done()
    assert [text for _, _, text in fcm.texts] == ["a typo"]


async def test_a_message_that_is_no_news_any_more_is_not_told(
    start: StartWorker, others: Others, fcm: Fcm, alice: Person, bob: Person
) -> None:
    async with start(message_seconds=60) as worker:
        place = await meet(worker, others, alice, bob)
        await worker.tell(place.says(alice, "long ago", at="2026-01-01T00:00:00.000000Z"), place.says(alice, "now"))
        await worker.until_done()
    assert [text for _, _, text in fcm.texts] == ["now"]


async def test_a_device_that_becomes_known_after_the_message_is_told(
    worker: Worker, others: Others, fcm: Fcm, alice: Person, bob: Person
) -> None:
    """The two topics are read independently of each other."""
    place = await meet(worker, others, alice)
    place.members.append(bob)
    others.know(place)
    await worker.tell(place.member(kinds.MEMBER_ADDED, bob), place.says(alice, "one"))
    await until(lambda: worker.sql("SELECT FROM messages WHERE looks = 1"))
    await worker.tell(bob.device_registered())
    await worker.until_done()
    assert fcm.texts == [(bob.token, "Alice", "one")]


async def test_many_messages_and_members_are_told_in_portions(
    worker: Worker, others: Others, fcm: Fcm, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looks, "RECIPIENTS", 5)
    monkeypatch.setattr(looks, "MESSAGES", 4)
    friends = [Person(f"Friend {number}") for number in range(3)]
    place = await meet(worker, others, alice, *friends, name="Team")
    await worker.tell(*(place.says(alice, str(number)) for number in range(11)))
    await worker.until_done()
    assert sorted(fcm.texts) == sorted(
        (friend.token, "Team", f"Alice: {number}") for friend in friends for number in range(11)
    )
