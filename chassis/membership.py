"""Whether a consumer's place in its group is certain, so that nothing is committed while it is not."""

import asyncio
import contextlib
from collections.abc import Collection
from typing import Any

from aiokafka import ConsumerRebalanceListener, TopicPartition


class Membership(ConsumerRebalanceListener):  # type: ignore[misc]
    """Hears when partitions are about to be taken away and when they have been given.

    A commit that is sent in between waits behind the request to join, on the same connection, and names a member that
    is none any more: aiokafka then gives up the place that it has just been given and joins again, round and round as
    long as there is something to commit. Or it names no member at all, and a broker that has forgotten everything
    believes it: then the group goes on in the middle of what was sent again.

    Arguments:
        patience_seconds: for the events at hand to be finished and committed, before others may have the partitions.
    """

    def __init__(self, patience_seconds: float) -> None:
        self.term = 0  # counts how often the place was lost
        self.at_work = asyncio.Lock()  # held while events are handled and committed
        self._patience_seconds = patience_seconds
        self._settled = asyncio.Event()

    @property
    def is_settled(self) -> bool:
        """Whether what is fetched now is ours to handle and commit."""
        return self._settled.is_set()

    async def settled(self, seconds: float) -> bool:
        """Wait for that."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._settled.wait()
        return self.is_settled

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """See ConsumerRebalanceListener; joining waits for this."""
        self._settled.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._patience_seconds), self.at_work:
                pass
        self.term += 1

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """See ConsumerRebalanceListener."""
        self._settled.set()


def is_member(consumer: Any) -> bool:
    """Whether the group knows us. aiokafka notices that it does not some loop turns before it tells the listener."""
    return bool(consumer._coordinator.member_id)
