"""What is heard through Kafka: changes of a message whose push waits, and all of it again after the broker died."""

from pathlib import Path
from typing import Any
from uuid import UUID

from chassis.ids import uuid7
from chassis.kafka import Kafka, ensure_topics
from contracts import events as kinds
from contracts.events import CHAT_TOPIC, USER_TOPIC, Event
from notification_service.settings import Settings
from tests.integration.notifications.test_killed import put
from tests.support.notifications import Fcm, Others, Person, Place, Worker, event, running_worker, until
from tests.support.outbox import own_broker


async def test_an_edit_changes_and_a_deletion_withdraws_a_push_that_waits(
    settings: dict[str, Any], kafka_url: str, others: Others, fcm: Fcm
) -> None:
    kafka = Kafka(kafka_url.removeprefix("kafka://"), partitions=2, prefix=f"changed.{uuid7().hex}.")
    await ensure_topics(kafka, [kafka.named(USER_TOPIC), kafka.named(CHAT_TOPIC)])
    alice, bob = Person("Alice"), Person("Bob")
    place = Place(alice, bob)
    others.know(place)
    told = {"kafka_url": kafka_url, "kafka_topic_prefix": kafka.prefix}

    async def say(*events: Event) -> None:
        await put(kafka, CHAT_TOPIC, [(place.id, one) for one in events])

    async def waiting(worker: Worker) -> list[tuple[UUID, str]]:
        return [tuple(row) for row in await worker.sql("SELECT subject_id, content FROM notifications ORDER BY id")]

    async with running_worker(Settings(**{**settings, **told})) as worker:
        await put(kafka, USER_TOPIC, [(bob.id, bob.device_registered())])
        await until(lambda: worker.sql("SELECT FROM devices"), "the device", 30)
        await fcm.close()
        first, second = place.says(alice, "I will come tomorow"), place.says(alice, "This is not for you")
        await say(*place.made(), first, second)
        both = [(first.id, "I will come tomorow"), (second.id, "This is not for you")]
        await until(lambda: _is(waiting(worker), both), "both pushes", 30)
        what = {"room": place.id, "user": alice.id}
        await say(
            event(kinds.MESSAGE_CHANGED, id=first.id, seq=1, content="I will come tomorrow", **what),
            event(kinds.MESSAGE_CHANGED, id=second.id, seq=2, content="", deleted_at=second.occurred_at, **what),
        )
        await until(lambda: _is(waiting(worker), [(first.id, "I will come tomorrow")]), "the changes", 30)
        # The next attempt has the new words, and none with the old ones is left.
        more = "SELECT FROM notifications WHERE attempts > $1"
        [(before,)] = await worker.sql("SELECT attempts FROM notifications")
        await until(lambda: worker.sql(more, before), "another attempt", 30)
        await fcm.open()
        await fcm.until(1, 30)
        await worker.until_done(30)
    assert [text for _, _, text in fcm.texts] == ["I will come tomorrow"]


async def test_the_death_of_the_broker_loses_and_repeats_no_push(
    settings: dict[str, Any], tmp_path: Path, others: Others, fcm: Fcm
) -> None:
    alice, bob = Person("Alice"), Person("Bob")
    place = Place(alice, bob)
    others.know(place)
    async with (
        own_broker(tmp_path) as (engines, kafka),
        running_worker(Settings(**settings, kafka_url=engines.kafka_url, kafka_session_seconds=2.0)) as worker,
    ):
        await ensure_topics(kafka, [USER_TOPIC, CHAT_TOPIC])
        device = [(bob.id, bob.device_registered())]
        await put(kafka, USER_TOPIC, device)
        await until(lambda: worker.sql("SELECT FROM devices"), "the device", 30)
        before = [(place.id, one) for one in (*place.made(), place.says(alice, "before"), place.says(alice, "shortly"))]
        await put(kafka, CHAT_TOPIC, before)
        await fcm.until(2, 30)
        engines.kill("kafka")
        await engines.restart("kafka")
        await ensure_topics(kafka, [USER_TOPIC, CHAT_TOPIC])
        await put(kafka, USER_TOPIC, device)  # a relay sends again what a broker without a disk has forgotten
        await put(kafka, CHAT_TOPIC, [*before, (place.id, place.says(alice, "after"))])
        await fcm.until(3, 40)
        await worker.until_done(30)
    assert [text for _, _, text in fcm.texts] == ["before", "shortly", "after"]


async def _is(found: Any, wanted: object) -> bool:
    return bool(await found == wanted)
