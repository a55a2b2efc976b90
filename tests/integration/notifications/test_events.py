"""What events change: each once, whatever is repeated, and in whatever order two topics are read."""

from uuid import UUID

import pytest

from chassis.consumer import DeadLetter
from contracts import events as kinds
from contracts.events import Event
from notification_service import housekeeping
from tests.integration.notifications.conftest import StartWorker
from tests.support.notifications import Fcm, Others, Person, Place, Worker, event


@pytest.fixture
def alice() -> Person:
    """She writes."""
    return Person("Alice")


@pytest.fixture
def bob() -> Person:
    """He has a device."""
    return Person("Bob")


async def test_a_new_user_is_welcomed_once_on_his_first_device(worker: Worker, fcm: Fcm, bob: Person) -> None:
    await worker.tell(bob.registered(), bob.device_registered())
    await worker.until_done()
    await worker.tell(bob.device_registered(), bob.device_registered("bobs:tablet"))
    await worker.until_done()
    assert fcm.texts == [(bob.token, "Welcome to Parley", "Messages that you miss will appear here.")]
    assert fcm.deliveries[0].message.data == {"type": "welcome"}


async def test_the_welcome_waits_for_whichever_event_comes_later(
    worker: Worker, fcm: Fcm, alice: Person, bob: Person
) -> None:
    await worker.tell(bob.device_registered())
    await worker.tell(alice.registered())
    await worker.until_done()
    assert fcm.texts == []
    await worker.tell(bob.registered())
    await worker.tell(alice.device_registered())
    await worker.until_done()
    assert sorted(token for token, _, _ in fcm.texts) == sorted([alice.token, bob.token])


async def test_who_registers_a_device_much_later_is_not_welcomed(
    start: StartWorker, fcm: Fcm, alice: Person, bob: Person
) -> None:
    async with start(welcome_seconds=0) as worker:
        await worker.tell(bob.registered(), bob.device_registered())
        await worker.until_done()
    assert fcm.texts == []


async def test_an_event_is_applied_once_alone_in_a_batch_and_again_later(
    worker: Worker, others: Others, fcm: Fcm, alice: Person, bob: Person
) -> None:
    place = Place(alice, bob)
    others.know(place)
    told = [bob.registered(), bob.device_registered(), *place.made(), place.says(alice, "one")]
    await worker.tell(*told, told[-1], told[0])
    await worker.tell(*told)
    await worker.until_done()
    for one in reversed(told):
        await worker.tell(one)
    await worker.until_done()
    assert sorted(title for _, title, _ in fcm.texts) == ["Alice", "Welcome to Parley"]


async def test_a_device_that_goes_from_hand_to_hand_is_its_last_owner_s_in_whatever_order_one_hears(
    worker: Worker, others: Others, fcm: Fcm, alice: Person, bob: Person
) -> None:
    """The events of two users are in different partitions."""
    token = "shared:device"
    his, gone, hers = bob.device_registered(token), bob.device_removed(token), alice.device_registered(token)
    writer = Person("Carol")
    place = Place(alice, bob, writer, name="Team")
    others.know(place)
    await worker.tell(*place.made())
    for order in ([his, gone, hers], [hers, his, gone], [his, hers, gone]):
        await worker.sql("TRUNCATE devices, applied_events, notifications")
        for one in order:
            await worker.tell(one)
        rows = await worker.sql("SELECT user_id, state FROM devices")
        assert [(row["user_id"], row["state"]) for row in rows] == [(alice.id, "active")], order
    await worker.tell(place.says(writer, "one"))
    await worker.until_done()
    assert [token for token, _, _ in fcm.texts] == ["shared:device"]


async def test_a_device_that_was_removed_does_not_come_back_by_an_older_event(worker: Worker, bob: Person) -> None:
    registered, removed = bob.device_registered(), bob.device_removed()
    await worker.tell(removed)
    await worker.tell(registered)
    assert [row["state"] for row in await worker.sql("SELECT state FROM devices")] == ["removed"]
    await worker.tell(bob.device_registered())
    assert [row["state"] for row in await worker.sql("SELECT state FROM devices")] == ["active"]


async def test_of_a_deleted_user_nothing_is_left(
    worker: Worker, others: Others, fcm: Fcm, alice: Person, bob: Person
) -> None:
    place = Place(alice, bob)
    others.know(place)
    await worker.tell(bob.registered(), bob.device_registered(), *place.made())
    await worker.until_done()
    fcm.told(forget=True, failures=[{"status": 503, "times": 1000}])
    place.members.remove(bob)
    others.know(place)
    await worker.tell(place.says(alice, "one"), event(kinds.USER_DELETED, user_id=bob.id))
    await worker.until_done()
    assert fcm.texts == []
    for table in ("users", "members", "notifications"):
        rows = await worker.sql(f"SELECT FROM {table} WHERE {'id' if table == 'users' else 'user_id'} = $1", bob.id)
        assert rows == [], table
    assert [row["state"] for row in await worker.sql("SELECT state FROM devices")] == ["removed"]


async def test_who_is_called_otherwise_now_writes_under_that_name(
    worker: Worker, others: Others, fcm: Fcm, alice: Person, bob: Person
) -> None:
    place = Place(alice, bob)
    others.know(place)
    await worker.tell(alice.registered(), event(kinds.USER_UPDATED, user_id=alice.id, display_name="Alicia"))
    await worker.tell(bob.device_registered(), *place.made(), place.says(alice, "one"))
    await worker.until_done()
    assert fcm.texts == [(bob.token, "Alicia", "one")]


WRONG = [
    event(kinds.USER_REGISTERED, user_id="nobody", display_name="x"),
    event(kinds.DEVICE_REGISTERED, user_id=UUID(int=1), token="", platform="fcm"),
    event(kinds.DEVICE_REGISTERED, user_id=UUID(int=1), token="x" * 1025, platform="fcm"),
    event(kinds.MESSAGE_CREATED, id=UUID(int=1), room=UUID(int=2), seq="one", user=UUID(int=3), content="x"),
    event(kinds.MESSAGE_READ, room=UUID(int=2)),
    Event(UUID(int=9), kinds.USER_REGISTERED, 1, "yesterday", {"user_id": str(UUID(int=1)), "display_name": "x"}),
]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: f"{wrong.type} {sorted(wrong.data)}")
async def test_an_event_of_another_form_changes_nothing(worker: Worker, bob: Person, wrong: Event) -> None:
    with pytest.raises(ValueError):
        await worker.tell(bob.registered(), wrong)
    for table in ("users", "devices", "messages", "applied_events"):
        assert await worker.sql(f"SELECT FROM {table}") == [], table
    await worker.tell(bob.registered(), event("something.new", whatever=1))
    assert len(await worker.sql("SELECT FROM users")) == 1


async def test_dead_letters_are_kept_once(worker: Worker) -> None:
    letter = DeadLetter("user.events", 3, 7, b"key", b"\x00\xff no JSON", "unreadable", "ValueError: \x00 no")
    keep = worker.component("events")._dead_letter
    for one in (letter, letter):
        await keep(one)
    [row] = await worker.sql("SELECT topic, part, record_offset, key, value, reason, error FROM dead_letters")
    assert tuple(row) == ("user.events", 3, 7, b"key", b"\x00\xff no JSON", "unreadable", "ValueError:  no")


async def test_what_is_old_is_forgotten(worker: Worker, bob: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    await worker.tell(bob.registered(), bob.device_registered(), bob.device_removed())
    await worker.component("events")._dead_letter(DeadLetter("t", 0, 0, b"", b"", "failed", ""))
    await worker.until_done()
    tidy = housekeeping.Housekeeping(worker.component("postgres"), None)  # type: ignore[arg-type]
    await tidy.turn()
    assert len(await worker.sql("SELECT FROM applied_events")) == 3
    for name in ("EVENT_SECONDS", "LETTER_SECONDS", "DEVICE_SECONDS"):
        monkeypatch.setattr(housekeeping, name, -1.0)
    monkeypatch.setattr(housekeeping, "CHUNK", 2)
    tidy = housekeeping.Housekeeping(worker.component("postgres"), None)  # type: ignore[arg-type]
    await tidy.turn()
    for table in ("applied_events", "dead_letters", "devices"):
        assert await worker.sql(f"SELECT FROM {table}") == [], table
