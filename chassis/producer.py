"""Sends whole batches of records to the partitions of a Kafka topic."""

import asyncio
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka import errors as kafka_errors
from aiokafka.partitioner import DefaultPartitioner

from .kafka import (
    REQUEST_SECONDS,
    Kafka,
    KafkaRefuses,
    ended,
    ensure_topics,
    look_at,
    milliseconds,
    tame,
    translated,
)

MAX_BATCH_BYTES = 512 * 1024  # below every broker's default limit; a single record may be larger
MAX_KEYS_KNOWN = 100_000  # whose partitions are remembered
_REFUSALS = (
    kafka_errors.CorruptRecordException,
    kafka_errors.InvalidTimestampError,
    kafka_errors.MessageSizeTooLargeError,
    kafka_errors.PolicyViolationError,
    kafka_errors.RecordListTooLargeError,
    kafka_errors.UnsupportedForMessageFormatError,
)


class Producer:
    """Sends batches to the partitions of one topic. Not more than one batch may be under way per partition: then a
    batch arrives whole or not at all, and those of a partition in the order in which they are sent.

    Arguments:
        kafka: where.
        topic: made if it is missing.
    """

    def __init__(self, kafka: Kafka, topic: str) -> None:
        self._kafka = kafka
        self._topic = kafka.named(topic)
        self._partitioner = DefaultPartitioner()
        self._partitions: list[int] = []
        self._by_key: dict[bytes, int] = {}  # aiokafka computes murmur2 in Python: 8 µs for a UUID's text
        self._producer: Any = None
        self._watcher: Any = None  # asks for the ends of partitions, which producers cannot

    async def open(self) -> None:
        """Connect. Raises KafkaAway; `close` is needed all the same."""
        tame()
        async with translated():
            await ensure_topics(self._kafka, [self._topic])
            timeout = milliseconds(REQUEST_SECONDS)
            self._producer = AIOKafkaProducer(
                **self._kafka.client,
                acks="all",
                enable_idempotence=self._kafka.idempotent,
                request_timeout_ms=timeout,
                max_batch_size=MAX_BATCH_BYTES,
            )
            await self._producer.start()
            self._watcher = AIOKafkaConsumer(**self._kafka.client, request_timeout_ms=timeout)
            await self._watcher.start()
            self._partitions = sorted(await self._producer.partitions_for(self._topic))
            self._by_key.clear()

    async def close(self) -> None:
        """Disconnect, within CLOSE_SECONDS; what was not acknowledged may or may not arrive."""
        for client in (self._producer, self._watcher):
            if client is not None and not await ended(client.stop()):
                # It waits for batches that cannot be sent: take their connections away.
                await ended((client.client if client is self._producer else client._client).close())
        self._producer = self._watcher = None

    def partition_of(self, key: bytes) -> int:
        """The partition of a key: the one every Kafka client chooses (murmur2)."""
        partition = self._by_key.get(key)
        if partition is None:
            if len(self._by_key) >= MAX_KEYS_KNOWN:
                self._by_key.clear()
            partition = self._by_key[key] = int(self._partitioner(key, self._partitions, self._partitions))
        return partition

    async def send(self, partition: int, records: Sequence[tuple[bytes, bytes]]) -> tuple[int, int]:
        """Send as many of the records (key, value) as fit one batch; at least the first.

        Returns:
            how many were acknowledged, and the offset of the first.

        Raises:
            KafkaAway: nothing is known of what has become of them.
            KafkaRefuses: not this batch.
        """
        async with translated():
            batch = self._producer.create_batch()
            count = 0
            for key, value in records:
                if batch.append(timestamp=None, key=key, value=value) is None:
                    break
                count += 1
            batch.close()
            acknowledged = await self._producer.send_batch(batch, self._topic, partition=partition)
            acknowledged.add_done_callback(look_at)
            try:
                offset = (await asyncio.shield(acknowledged)).offset
            except _REFUSALS as error:
                raise KafkaRefuses(repr(error)) from None
            return count, offset

    async def ends(self) -> dict[int, int]:
        """Of each partition, an offset above every batch's first (a broker may not count the rest of the last batch).

        Raises:
            KafkaAway: they could not be had.
        """
        async with translated():
            topic_partitions = [TopicPartition(self._topic, partition) for partition in self._partitions]
            ends = await self._watcher.end_offsets(topic_partitions)
            return {place.partition: end for place, end in ends.items()}
