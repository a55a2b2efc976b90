"""Kafka, so that its absence costs nothing but delay: where it is, its topics, and bounds for all that waits for it.

aiokafka's own waits have no bound while a broker is away (aiokafka#1101), so everything here has one.
"""

import asyncio
import logging
import ssl
import time
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any, Literal

import aiokafka.client
import msgspec
from aiokafka import errors as kafka_errors
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError
from aiokafka.protocol.metadata import MetadataRequest

from .lifecycle import Fatal
from .settings import OnOff, Positive, Seconds, ServiceSettings

logger = logging.getLogger(__name__)

REQUEST_SECONDS = 3.0  # for one request to a broker, its repetitions included
OPEN_SECONDS = 10.0  # to connect, make topics and learn where partitions are
CLOSE_SECONDS = 2.0
FIRST_BACKOFF_SECONDS = 0.2
LAST_BACKOFF_SECONDS = 5.0
_SERVER = r"(\[[0-9A-Fa-f:.]+\]|[^/,:@\s\[\]]+):[0-9]{1,5}"
KafkaUrl = Annotated[str, msgspec.Meta(pattern=rf"^kafka://{_SERVER}(,{_SERVER})*/?$")]


class KafkaSettings(ServiceSettings, frozen=True, kw_only=True):
    """The settings of a service that speaks to Kafka; without `kafka_url` it does not."""

    kafka_url: KafkaUrl | None = None  # kafka://host:port[,host:port]
    kafka_partitions: Positive = 6  # of a topic that has to be made
    kafka_replication: Positive = 1  # of a topic that has to be made
    kafka_retention_seconds: Seconds | None = None  # of a topic that has to be made; the broker's own by default
    kafka_topic_prefix: Annotated[str, msgspec.Meta(pattern=r"^[a-zA-Z0-9._-]{0,100}$")] = ""  # of topics and groups
    kafka_session_seconds: Annotated[float, msgspec.Meta(ge=2, le=300)] = 6.0  # a silent consumer loses its partitions
    kafka_idempotence: OnOff = "off"  # needs brokers that know idempotent producers
    kafka_security: Literal["plaintext", "tls", "sasl_plaintext", "sasl_tls"] = "plaintext"  # how brokers are reached
    kafka_ca_file: str | None = None  # with TLS: who signed the brokers' certificates; the system's by default
    kafka_certificate_file: str | None = None  # with TLS: our own certificate, as PEM
    kafka_key_file: str | None = None  # and its key
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"  # with SASL
    kafka_sasl_username: str | None = None  # with SASL
    kafka_sasl_password: str | None = None  # with SASL
    outbox_retention_seconds: Seconds = 600.0  # how long sent events are kept, for brokers that may lose them


class Kafka(msgspec.Struct, frozen=True):
    """Where Kafka is and what topics are like."""

    servers: str  # host:port[,host:port]
    partitions: int = 6
    replication: int = 1
    idempotent: bool = False
    retention_seconds: float | None = None
    prefix: str = ""
    session_seconds: float = 6.0
    security: dict[str, Any] = {}  # of each client, as aiokafka calls it

    def __repr__(self) -> str:
        return f"Kafka({self.servers!r})"  # the rest may hold a password

    @property
    def client(self) -> dict[str, Any]:
        """What every client of aiokafka is told."""
        return {"bootstrap_servers": self.servers, **self.security}

    def named(self, name: str) -> str:
        """What a topic or a group is called there."""
        return self.prefix + name


class KafkaAway(Exception):
    """Kafka does not answer, or not now: try again later."""


class KafkaRefuses(Exception):
    """Kafka will never take this batch: one of its records is at fault."""


def kafka_of(settings: KafkaSettings) -> Kafka | None:
    """Where Kafka is, None when there is none.

    Raises:
        Fatal: what it needs to be reached safely is missing or cannot be read.
    """
    if settings.kafka_url is None:
        return None
    return Kafka(
        servers=settings.kafka_url.removeprefix("kafka://").rstrip("/"),
        partitions=settings.kafka_partitions,
        replication=settings.kafka_replication,
        idempotent=settings.kafka_idempotence == "on",
        retention_seconds=settings.kafka_retention_seconds,
        prefix=settings.kafka_topic_prefix,
        session_seconds=settings.kafka_session_seconds,
        security=_security(settings),
    )


def _security(settings: KafkaSettings) -> dict[str, Any]:
    with_tls, with_sasl = settings.kafka_security.endswith("tls"), settings.kafka_security.startswith("sasl")
    protocol = ("SASL_" if with_sasl else "") + ("SSL" if with_tls else "PLAINTEXT")
    found: dict[str, Any] = {} if protocol == "PLAINTEXT" else {"security_protocol": protocol}
    if with_tls:
        try:
            context = ssl.create_default_context(cafile=settings.kafka_ca_file)
            if settings.kafka_certificate_file is not None:
                context.load_cert_chain(settings.kafka_certificate_file, settings.kafka_key_file)
        except (OSError, ssl.SSLError) as error:
            raise Fatal(f"KAFKA_CA_FILE, KAFKA_CERTIFICATE_FILE or KAFKA_KEY_FILE cannot be used: {error}") from None
        found["ssl_context"] = context
    if with_sasl:
        if settings.kafka_sasl_username is None or settings.kafka_sasl_password is None:
            raise Fatal("KAFKA_SECURITY asks for KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD")
        found["sasl_mechanism"] = settings.kafka_sasl_mechanism
        found["sasl_plain_username"] = settings.kafka_sasl_username
        found["sasl_plain_password"] = settings.kafka_sasl_password
    return found


async def ensure_topics(kafka: Kafka, topics: Sequence[str]) -> None:
    """Make the topics that are not there; what is there stays as it is.

    Arguments:
        topics: as they are called there, prefix included.

    Raises:
        KafkaAway: it could not be done in time.
    """
    admin = AIOKafkaAdminClient(**kafka.client, request_timeout_ms=milliseconds(REQUEST_SECONDS))
    configs = {} if kafka.retention_seconds is None else {"retention.ms": str(milliseconds(kafka.retention_seconds))}
    try:
        async with translated():
            await admin.start()
            missing = set(topics) - set(await admin.list_topics())
            if missing:
                wanted = [
                    NewTopic(topic, kafka.partitions, kafka.replication, topic_configs=configs)
                    for topic in sorted(missing)
                ]
                answer = await admin.create_topics(wanted)
                for topic, code, *_ in answer.topic_errors:
                    error = kafka_errors.for_code(code)
                    if error not in (kafka_errors.NoError, kafka_errors.TopicAlreadyExistsError):
                        logger.error("could not make a topic", extra={"topic": topic, "error": error.__name__})
    finally:
        await ended(admin.close())


class Backoff:
    """Twice as long each time, up to LAST_BACKOFF_SECONDS."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin anew."""
        self._seconds = FIRST_BACKOFF_SECONDS

    def following(self) -> float:
        """How long to wait now, in seconds."""
        seconds, self._seconds = self._seconds, min(2 * self._seconds, LAST_BACKOFF_SECONDS)
        return seconds


@asynccontextmanager
async def translated(seconds: float = OPEN_SECONDS) -> AsyncIterator[None]:
    """Give the block so many seconds and turn whatever can go wrong with Kafka into KafkaAway."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except (KafkaError, OSError, TimeoutError) as error:
        raise KafkaAway(repr(error)) from error


async def ended(closing: "Coroutine[Any, Any, Any] | asyncio.Task[Any]", seconds: float = CLOSE_SECONDS) -> bool:
    """Wait until `closing` has ended, however it ends; cancel it after `seconds` and wait as long
    again. Returns whether it ended by itself.

    It runs in a task of its own: aiokafka's `stop` may hang, and may raise the CancelledError of its own tasks.
    """
    task = asyncio.ensure_future(closing)
    task.add_done_callback(look_at)
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
        if not done:
            task.cancel()
            await asyncio.wait({task}, timeout=seconds)
    finally:
        task.cancel()
    return bool(done)


def look_at(future: "asyncio.Future[Any]") -> None:
    """So that nobody reports an error which nobody waited for."""
    if not future.cancelled():
        future.exception()


def milliseconds(seconds: float) -> int:
    """As aiokafka wants its times."""
    return int(seconds * 1000)


class Occasional(logging.Handler):
    """Passes a record on if there was none for `seconds`: while a broker is away aiokafka logs ten lines a second."""

    def __init__(self, seconds: float = 30) -> None:
        super().__init__()
        self._seconds = seconds
        self._quiet_until = float("-inf")

    def emit(self, record: logging.LogRecord) -> None:
        """See logging.Handler."""
        if (now := time.monotonic()) >= self._quiet_until:
            self._quiet_until = now + self._seconds
            logging.getLogger().handle(record)


class _MetadataRequest(MetadataRequest):  # type: ignore[misc]
    """Creates nothing. aiokafka asks brokers to make what they do not know, with as many partitions as they like: after
    a broker has lost its topics, clients that live on would be quicker than `ensure_topics`."""

    def __init__(self, topics: list[str] | None = None, allow_auto_topic_creation: bool | None = None) -> None:
        super().__init__(topics, bool(allow_auto_topic_creation))


def tame() -> None:
    """Have aiokafka create no topics, and put an Occasional between it and the log; harmless when repeated."""
    aiokafka.client.MetadataRequest = _MetadataRequest
    noisy = logging.getLogger("aiokafka")
    if not any(isinstance(handler, Occasional) for handler in noisy.handlers):
        noisy.addHandler(Occasional())
        noisy.propagate = False
