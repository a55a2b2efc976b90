"""Sending what is due: a device's notifications one after the other, many devices at once.

The database is told of attempts in turns: one transaction stores how those that have ended went and takes the next
ones, so that its cost is shared by all that ended meanwhile. A push is taken, and marked as in doubt, before it is
sent; if this process dies, another one takes it when the claim is over. It may then be sent twice, which is counted;
the device shows it once, because both carry the same tag.
"""

import asyncio
import logging
import time
from collections.abc import Mapping
from datetime import timedelta

from prometheus_client import Counter, Gauge, Histogram

from chassis import tracing
from chassis.ids import uuid7
from chassis.postgres import Postgres
from chassis.times import utc_now

from . import policy
from .model import Push, Result, Sender
from .senders.bucket import Bucket
from .store import notifications as store
from .store.notifications import Settled
from .turns import Turns

logger = logging.getLogger(__name__)

IDLE_SECONDS = 0.25  # between looks for what has become due
GRACE_SECONDS = 2.0  # beyond a sender's own deadline

results = Counter("parley_push_attempts_total", "Attempts to push, by what came of them", ["result"])
repeats = Counter("parley_push_repeats_total", "Attempts after one of which nobody knows whether it succeeded")
delays = Histogram(
    "parley_push_delay_seconds",
    "Time from a message or a registration until its push was accepted",
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30, 60, 300, 1800, 86400),
)
under_way = Gauge("parley_push_under_way", "Attempts under way")
pace = Gauge("parley_push_pace", "Pushes per second that this process allows itself")


class Pushes:
    """Sends what is due, as a component.

    Arguments:
        database: ours.
        senders: push services by platform.
        bucket: how fast.
        at_once: attempts under way, at most.
        seconds: for one attempt.
        claim_seconds: after which another process takes over what this one was sending.
        life_seconds: what is older is not sent any more.
    """

    def __init__(
        self,
        database: Postgres,
        senders: Mapping[str, Sender],
        bucket: Bucket,
        *,
        at_once: int,
        seconds: float,
        claim_seconds: float,
        life_seconds: float,
    ) -> None:
        self._database = database
        self._senders = senders
        self._bucket = bucket
        self._at_once = at_once
        self._seconds = seconds
        self._claim_seconds = claim_seconds
        self._life = timedelta(seconds=life_seconds)
        self._claim = uuid7()  # of this process
        self._attempts: set[asyncio.Task[None]] = set()
        self._settled: list[Settled] = []
        self._turns = Turns("pushes", self.turn, idle_seconds=IDLE_SECONDS)

    async def start(self) -> None:
        """Begin to send."""
        await self._turns.start()

    async def stop(self) -> None:
        """Take nothing more, wait for what is under way, store how it went."""
        await self._turns.stop()
        if self._attempts:
            await asyncio.wait(self._attempts, timeout=self._seconds + GRACE_SECONDS)
        if self._settled:
            async with self._database.transaction() as connection:
                await store.settle(connection, self._claim, self._settled)

    def wake(self) -> None:
        """There is something to send."""
        self._turns.wake()

    async def turn(self) -> bool:
        """Store how attempts went, and begin the next ones. Returns whether there may be more at once."""
        settled, self._settled = self._settled, []
        free = self._bucket.take(self._at_once - len(self._attempts))
        pace.set(self._bucket.rate)
        try:
            async with self._database.transaction() as connection:
                if settled:
                    await store.settle(connection, self._claim, settled)
                pushes = await store.take_pushes(connection, self._claim, free, self._claim_seconds) if free else []
        except BaseException:
            self._settled = settled + self._settled
            self._bucket.give_back(free)
            raise
        self._bucket.give_back(free - len(pushes))
        for push in pushes:
            attempt = asyncio.create_task(self._attempt(push))
            self._attempts.add(attempt)
            attempt.add_done_callback(self._attempts.discard)
        under_way.set(len(self._attempts))
        return bool(pushes) and len(pushes) == free

    async def _attempt(self, push: Push) -> None:
        if push.repeated:
            repeats.inc()
            logger.info("a push may be a repeat", extra={"push": push.id, "attempt": push.attempts})
        began = time.monotonic()
        result = await self._send(push)
        if tracing.current is not None and push.notice.room_id is not None:
            self._trace(tracing.current, push, result, time.monotonic() - began)
        results.labels(result.outcome).inc()
        if result.outcome == "sent":
            delays.observe(max(0.0, time.time() - push.notice.created_at.timestamp()))
        elif result.outcome in ("refused", "lost"):
            extra = {"push": push.id, "outcome": result.outcome, "reason": result.reason}
            logger.warning("a push was not accepted", extra=extra)
        if result.slow_down:
            self._bucket.slow_down()
        self._settled.append(self._settle(push, result))
        self._turns.wake()

    async def _send(self, push: Push) -> Result:
        if push.notice.created_at < utc_now() - self._life:
            return Result("expired")
        sender = self._senders.get(push.platform)
        if sender is None:
            return Result("refused", reason="unknown platform")
        try:
            async with asyncio.timeout(self._seconds):
                return await sender.send(push)
        except TimeoutError:
            return Result("later", known=False, reason="timeout")
        except Exception as error:
            logger.exception("a sender failed", extra={"push": push.id})
            return Result("later", known=False, reason=type(error).__name__)

    @staticmethod
    def _trace(traces: tracing.Tracing, push: Push, result: Result, seconds: float) -> None:
        """The span of an attempt, in the trace of the message; without the token of the device."""
        if traces.sampled(push.notice.subject_id):
            about = {"parley.push.result": result.outcome, "parley.push.attempt": push.attempts}
            traces.followed(push.notice.subject_id, "push message", seconds, about)

    @staticmethod
    def _settle(push: Push, result: Result) -> Settled:
        wait = policy.backoff_seconds(push.failures, result.retry_after) if result.outcome == "later" else 0.0
        return Settled(
            id=push.id,
            token=push.token,
            is_done=result.outcome != "later",
            is_lost=result.outcome == "lost",
            is_known=result.known,
            wait_seconds=wait,
        )
