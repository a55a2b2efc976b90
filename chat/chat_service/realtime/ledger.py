"""Group commit: the sends of all sessions, written by one transaction after the other.

While a transaction runs, what comes in is collected; an idle ledger writes at once. The promise: `on_done` is called
exactly once for each accepted send, after the commit or with the reason why not; what is in doubt is `unavailable`, and
repeating it with the same client_id is harmless.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec
from prometheus_client import Counter, Histogram

from chassis import postgres
from chassis.postgres import Connection, Postgres
from chassis.times import rfc3339

from ..store import messages as store

logger = logging.getLogger(__name__)

GIVE_UP_SECONDS = 4.0  # a send older than this is answered `unavailable` instead of being tried again
RETRY_SECONDS = 0.1
_BAD_DATA = ("22", "23", "54")  # SQLSTATE classes that one message can cause: it is searched and refused alone

batch_size = Histogram(
    "parley_ledger_batch_messages", "Messages per transaction", buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500)
)
commit_seconds = Histogram("parley_ledger_commit_seconds", "Time of one group commit")
outcomes = Counter("parley_ledger_sends_total", "Sends by outcome", ["outcome"])
_stored = outcomes.labels("stored")


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """What became of a send: `stored`, `duplicate`, or an error code."""

    code: str
    id: UUID | None = None
    seq: int = 0
    rev: int = 0
    created_at: str = ""  # RFC 3339


class Entry:
    """One send.

    Arguments:
        message_id: of the message if it is new.
        client_id: never empty; the caller makes one up from the message id when the client gave none.
        author: the sender's User as JSON, for the frame.
        on_done: called with the outcome, on the event loop; must not raise.
        reply_to: the seq of another message of the room.
    """

    __slots__ = (
        "author", "client_id", "content", "id_text", "message_id", "on_done", "queued_at", "reply_to", "room_id",
        "room_text", "sender_id",
    )  # fmt: skip

    def __init__(
        self,
        message_id: UUID,
        room_id: UUID,
        sender_id: UUID,
        client_id: str,
        content: str,
        author: bytes,
        on_done: Callable[["Entry", Outcome], None],
        reply_to: int | None = None,
    ) -> None:
        self.message_id = message_id
        self.id_text = str(message_id)  # both are written several times, and str() of a UUID is slow
        self.room_id = room_id
        self.room_text = str(room_id).encode()
        self.sender_id = sender_id
        self.client_id = client_id
        self.content = content
        self.author = author
        self.on_done = on_done
        self.reply_to = reply_to
        self.queued_at = time.monotonic()


Committed = Callable[[Sequence[tuple[Entry, Outcome]]], None]
UNAVAILABLE = Outcome("unavailable")
REFUSED = Outcome("bad_frame")


class Ledger:
    """The component that writes messages.

    Arguments:
        database: chat's.
        on_committed: called once per transaction with the sends that are in Postgres now, `stored` or `duplicate`, by
            ascending seq and before their `on_done`.
        queue: the most sends that may wait; beyond it they are refused at once.
        batch: the most sends in one transaction.
    """

    def __init__(self, database: Postgres, on_committed: Committed, *, queue: int, batch: int) -> None:
        self._database = database
        self._on_committed = on_committed
        self._queue_limit = queue
        self._batch = batch
        self._queue: deque[Entry] = deque()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None
        self._closing = False

    async def start(self) -> None:
        """Begin to write."""
        self._writer = asyncio.create_task(self._write())

    async def stop(self) -> None:
        """Finish what was accepted, then end."""
        self._closing = True
        self._wake.set()
        if self._writer is not None:
            await self._writer

    def submit(self, entry: Entry) -> bool:
        """Accept a send; False when too many wait already (back-pressure) or the ledger is stopping."""
        if len(self._queue) >= self._queue_limit or self._closing:
            outcomes.labels("refused").inc()
            return False
        self._queue.append(entry)
        self._wake.set()
        return True

    async def send(self, entry_of: Callable[[Callable[[Entry, Outcome], None]], Entry]) -> Outcome:
        """`submit` for callers that can wait: the outcome."""
        done: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

        def resolve(_: Entry, outcome: Outcome) -> None:
            if not done.done():
                done.set_result(outcome)

        return await done if self.submit(entry_of(resolve)) else UNAVAILABLE

    async def _write(self) -> None:
        while True:
            if not self._queue:
                if self._closing:
                    return
                self._wake.clear()
                await self._wake.wait()
                continue
            take = min(len(self._queue), self._batch)
            entries = [self._queue.popleft() for _ in range(take)]
            try:
                await self._settle(entries)
            except Exception:  # a mistake of ours must not stop all sends of this pod
                logger.exception("the ledger failed on a batch")
                for entry in entries:
                    self._done(entry, UNAVAILABLE)

    async def _settle(self, entries: list[Entry]) -> None:
        """Commit `entries`, in parts where the whole does not go."""
        while entries:
            try:
                await self._commit(entries)
                return
            except Exception as error:
                if _is_bad_data(error):
                    await self._bisect(entries, error)
                    return
                if not postgres.is_away(error):
                    raise
                rooms = {entry.room_id for entry in entries}
                if isinstance(error, asyncpg.LockNotAvailableError) and len(rooms) > 1:
                    for room in rooms:  # one locked room must not hold up the others
                        await self._settle([entry for entry in entries if entry.room_id == room])
                    return
                entries = self._give_up_on_old(entries)
                if entries:
                    logger.warning("a group commit failed, trying again", extra={"error": repr(error)})
                    await asyncio.sleep(RETRY_SECONDS)

    async def _bisect(self, entries: list[Entry], error: BaseException) -> None:
        if len(entries) == 1:
            logger.warning("a message was refused by PostgreSQL", extra={"error": type(error).__name__})
            self._done(entries[0], REFUSED)
            return
        middle = len(entries) // 2
        await self._settle(entries[:middle])
        await self._settle(entries[middle:])

    def _give_up_on_old(self, entries: list[Entry]) -> list[Entry]:
        """Answer what has waited too long, and what its sender said to the room after it: his order is kept."""
        oldest = time.monotonic() - GIVE_UP_SECONDS / 2
        waiting = [*entries, *self._queue]
        stale = {(entry.sender_id, entry.room_id) for entry in waiting if entry.queued_at <= oldest}
        if not stale:
            return entries
        given_up = [entry for entry in waiting if (entry.sender_id, entry.room_id) in stale]
        self._queue = deque(entry for entry in self._queue if (entry.sender_id, entry.room_id) not in stale)
        for entry in given_up:
            self._done(entry, UNAVAILABLE)
        return [entry for entry in entries if (entry.sender_id, entry.room_id) not in stale]

    async def _commit(self, entries: list[Entry]) -> None:
        started = time.monotonic()
        async with self._database.connection() as connection:
            rows = await self._call(connection, entries)
        commit_seconds.observe(time.monotonic() - started)
        batch_size.observe(len(entries))
        times = {moment: rfc3339(moment) or "" for moment in {row["created_at"] for row in rows}}  # mostly one
        results = [(entry, _outcome(entry, row, times)) for row in rows for entry in (entries[row["ord"] - 1],)]
        results.sort(key=_by_seq)
        self._on_committed([(entry, outcome) for entry, outcome in results if outcome.code in ("stored", "duplicate")])
        stored = 0
        for entry, outcome in results:
            if outcome.code == "stored":
                stored += 1
                entry.on_done(entry, outcome)
            else:
                self._done(entry, outcome)
        _stored.inc(stored)

    @staticmethod
    async def _call(connection: Connection, entries: list[Entry]) -> list[asyncpg.Record]:
        return await store.send_messages(
            connection,
            [entry.message_id for entry in entries],
            [entry.room_id for entry in entries],
            [entry.sender_id for entry in entries],
            [entry.client_id for entry in entries],
            [entry.content for entry in entries],
            [entry.reply_to for entry in entries],
        )

    @staticmethod
    def _done(entry: Entry, outcome: Outcome) -> None:
        outcomes.labels(outcome.code).inc()
        entry.on_done(entry, outcome)


def _outcome(entry: Entry, row: asyncpg.Record, times: Mapping[datetime | None, str]) -> Outcome:
    code = row["outcome"]
    if code == "duplicate" and row["id"] == entry.message_id:
        code = "stored"  # by our own attempt before, whose answer was lost: nobody has been told yet
    return Outcome(code, row["id"], row["seq"] or 0, row["rev"] or 0, times[row["created_at"]])


def _by_seq(result: tuple[Entry, Outcome]) -> int:
    return result[1].seq


def _is_bad_data(error: BaseException) -> bool:
    if isinstance(error, (asyncpg.exceptions.DataError, asyncpg.exceptions.IntegrityConstraintViolationError)):
        return True
    state = getattr(error, "sqlstate", None)
    return isinstance(state, str) and state[:2] in _BAD_DATA
