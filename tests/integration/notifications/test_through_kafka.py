"""What happens to a message while its push waits, heard through Kafka as it is said there."""

from typing import Any
from uuid import UUID

from chassis.ids import uuid7
from chassis.kafka import Kafka, ensure_topics
from contracts import events as kinds
from contracts.events import CHAT_TOPIC, USER_TOPIC, Event
from notification_service.settings import Settings
from tests.integration.notifications.test_killed import put
from tests.support.notifications import Fcm, Others, Person, Place, Worker, event, running_worker, until


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
        await fcm.open()
        await fcm.until(1, 30)
        await worker.until_done(30)
    assert [text for _, _, text in fcm.texts] == ["I will come tomorrow"]


async def _is(found: Any, wanted: object) -> bool:
    return bool(await found == wanted)
