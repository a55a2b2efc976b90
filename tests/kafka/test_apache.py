"""Apache Kafka itself, on disk, behind a password; only in `make test-kafka`."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator

import msgspec
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from chassis import outbox
from chassis.consumer import Consumer
from chassis.ids import uuid7
from chassis.kafka import Kafka, KafkaAway, KafkaSettings, ensure_topics, kafka_of
from chassis.outbox import OutboxRelay
from chassis.settings import load
from tests.support.apache_kafka import PASSWORD, USER, ApacheKafka, Unavailable, running_apache
from tests.support.outbox import ALICE, Event, Outbox, arrived, of, running


@pytest.fixture(scope="module")
def apache(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApacheKafka]:
    """A node of these tests' own, which they may kill."""
    if not pytestconfig.getoption("apache_kafka"):
        pytest.skip("Apache Kafka is for `make test-kafka`")
    try:
        with running_apache(tmp_path_factory.mktemp("kafka")) as kafka:
            yield kafka
    except Unavailable as error:
        pytest.skip(f"no Apache Kafka: {error}")


def reached(apache: ApacheKafka, **changes: str) -> Kafka:
    """It, as a service is told in its environment."""
    environment = {"KAFKA_URL": apache.url, "KAFKA_PARTITIONS": "3", "KAFKA_IDEMPOTENCE": "on"}
    kafka = kafka_of(load(KafkaSettings, {**environment, "KAFKA_SESSION_SECONDS": "2", **changes}))
    assert kafka is not None
    return kafka


def with_password(apache: ApacheKafka, password: str) -> Kafka:
    return reached(
        apache,
        KAFKA_URL=apache.sasl_url,
        KAFKA_SECURITY="sasl_plaintext",
        KAFKA_SASL_MECHANISM="PLAIN",
        KAFKA_SASL_USERNAME=USER,
        KAFKA_SASL_PASSWORD=password,
    )


@pytest.fixture
def topic() -> str:
    return f"test.{uuid7().hex}"


@pytest.fixture
async def box(postgres_database: Callable[..., str]) -> AsyncIterator[Outbox]:
    async with Outbox.opened(postgres_database("outbox")) as box:
        yield box


class Heard:
    """A consumer's events."""

    def __init__(self, kafka: Kafka, topic: str) -> None:
        self.events: list[Event] = []
        decode = msgspec.json.Decoder(Event).decode
        self.consumer = Consumer(kafka, group=f"of.{topic}", topics=[topic], decode=decode, handle=self._handle)

    async def _handle(self, event: Event) -> None:
        self.events.append(event)

    async def until(self, count: int) -> None:
        async with asyncio.timeout(45):
            while len({event.n for event in self.events}) < count:
                await asyncio.sleep(0.02)


async def test_topics_are_made_as_configured_and_by_nobody_else(apache: ApacheKafka, topic: str) -> None:
    kafka = reached(apache, KAFKA_PARTITIONS="5", KAFKA_RETENTION_SECONDS="3600")
    await ensure_topics(kafka, [topic])
    await ensure_topics(reached(apache), [topic])  # what is there stays as it is
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.servers)
    await admin.start()
    try:
        [found] = await admin.describe_topics([topic])
        [answer] = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    finally:
        await admin.close()
    settings = {name: value for name, value, *_ in answer.resources[0][4]}
    assert len(found["partitions"]) == 5
    assert settings["retention.ms"] == "3600000"


async def test_what_it_was_given_survives_its_death_and_is_not_sent_again(
    apache: ApacheKafka, box: Outbox, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "CHORES_SECONDS", 0.1)
    kafka = reached(apache)
    heard = Heard(kafka, topic)
    before = outbox.resent_total._value.get()
    async with running(OutboxRelay(kafka, box.url, topic), heard.consumer):
        await box.add(*(Event(n) for n in range(50)))
        await heard.until(50)
        await asyncio.to_thread(apache.kill)
        await box.add(*(Event(n) for n in range(50, 100)))
        await asyncio.to_thread(apache.start)
        await heard.until(100)
        await box.until("sent_at IS NULL", seconds=30)
    assert of(ALICE, heard.events) == list(range(100))
    assert outbox.resent_total._value.get() == before
    assert of(ALICE, await arrived(kafka, topic, 100)) == list(range(100))


async def test_a_password_is_asked_for_and_given(
    apache: ApacheKafka, box: Outbox, topic: str, caplog: pytest.LogCaptureFixture
) -> None:
    kafka = with_password(apache, PASSWORD)
    heard = Heard(kafka, topic)
    async with running(OutboxRelay(kafka, box.url, topic), heard.consumer):
        await box.add(*(Event(n) for n in range(10)))
        await heard.until(10)
    assert of(ALICE, heard.events) == list(range(10))
    with pytest.raises(KafkaAway):
        await ensure_topics(with_password(apache, "another"), [topic])
    assert "Invalid username or password" in caplog.text
