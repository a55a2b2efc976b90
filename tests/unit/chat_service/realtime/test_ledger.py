"""What the ledger does with sends that have waited too long."""

from typing import Any
from uuid import UUID

from chassis.ids import uuid7
from chat_service.realtime.ledger import GIVE_UP_SECONDS, Entry, Ledger, Outcome


def entry(room: UUID, sender: UUID, name: str, done: list[tuple[str, str]], *, old: bool = False) -> Entry:
    """A send that notes its outcome; an old one has waited too long."""

    def on_done(entry: Entry, outcome: Outcome) -> None:
        done.append((entry.client_id, outcome.code))

    made = Entry(uuid7(), room, sender, name, "x", b"{}", on_done)
    if old:
        made.queued_at -= GIVE_UP_SECONDS
    return made


async def test_what_a_sender_said_after_a_send_that_is_given_up_is_given_up_too() -> None:
    database: Any = None
    ledger = Ledger(database, lambda results: None, queue=100, batch=10)
    room, other_room, alice, bob = uuid7(), uuid7(), uuid7(), uuid7()
    done: list[tuple[str, str]] = []
    batch = [
        entry(room, alice, "a1", done, old=True),
        entry(room, bob, "b1", done),
        entry(other_room, alice, "a2", done),
    ]
    for queued in (entry(room, alice, "a3", done), entry(room, bob, "b2", done)):
        assert ledger.submit(queued)
    kept = ledger._give_up_on_old(batch)
    assert done == [("a1", "unavailable"), ("a3", "unavailable")]
    assert [left.client_id for left in kept] == ["b1", "a2"]
    assert [left.client_id for left in ledger._queue] == ["b2"]
