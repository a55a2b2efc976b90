"""One connection, from `session.ready` to its end: what comes is sorted in, what is due is written."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from typing import Any

from .connection import Connection, Ended
from .errors import SendRefused
from .model import Ack, Changed, Message, Notice, Ready
from .positions import Place
from .state import State
from .tokens import Grant, Tokens
from .upkeep import Upkeep

NOT_NOW = frozenset({"unavailable", "rate_limited"})  # what `error` says of a send that may be repeated


class Conversation:
    """Reads and writes until the connection ends.

    Arguments:
        connection: open.
        ready: its first frame.
        state: of the session.
        tokens: of the login.
        grant: the one that the connection was opened with.
    """

    def __init__(self, connection: Connection, ready: Ready, state: State, tokens: Tokens, grant: Grant) -> None:
        self._connection = connection
        self._state = state
        beat_seconds = state.options.heartbeat_seconds or ready.heartbeat_seconds
        self._upkeep = Upkeep(connection, tokens, grant, beat_seconds, state.options.dead_after_seconds)
        self._complaint: str | None = None  # why we have ended the connection
        self.draining: float | None = None  # seconds that the server wants us to stay away
        self._handlers: Mapping[str, Callable[[Mapping[str, Any]], None]] = {
            "chat.message": self._on_message,
            "chat.ack": self._on_ack,
            "chat.changed": self._on_changed,
            "error": self._on_error,
            "session.draining": self._on_draining,
            "auth.refreshed": lambda data: self._upkeep.answer(accepted=True),
            "chat.edited": lambda data: self._on_change("chat.edited", data),
            "chat.deleted": lambda data: self._on_change("chat.deleted", data),
            "room.reset": self._on_reset,
            "room.created": self._on_created,
            "room.removed": self._on_removed,
            "pong": lambda data: None,
        }

    async def run(self) -> None:
        """Talk.

        Raises:
            Ended: always.
        """
        try:
            await self._run()
        except Ended as ended:
            if self._complaint is not None:
                raise Ended(None, self._complaint) from ended
            raise

    async def _run(self) -> None:
        works = (self._write(), self._upkeep.beat(), self._upkeep.keep_token())
        helpers = [asyncio.create_task(work) for work in works]
        try:
            while True:
                if self._state.inbox.full:
                    self._upkeep.paused = True
                    await self._state.inbox.place()
                    self._upkeep.paused = False
                kind, data = await self._connection.read()
                self._state.observer.frame(self._connection.id, kind, data)
                self._hear(kind, data)
        finally:
            for helper in helpers:
                helper.cancel()
            results = await asyncio.gather(*helpers, return_exceptions=True)
            mistakes = [result for result in results if isinstance(result, Exception) and not isinstance(result, Ended)]
            if mistakes:
                raise mistakes[0]

    async def _write(self) -> None:
        """Write what is due, now and whenever something may be."""
        state, loop = self._state, asyncio.get_running_loop()
        while True:
            state.due.clear()
            for entry in state.outbox.due(loop.time()):
                state.counters.resends += entry.attempts > 1
                state.observer.attempt(self._connection.id, entry.client_id, entry.attempts)
                await self._connection.write(
                    entry.kind, {"room": entry.room, **entry.fields, "client_id": entry.client_id}
                )
            now, oldest = loop.time(), state.outbox.oldest()
            waits = [state.outbox.wait(now), None if oldest is None else oldest + state.options.answer_seconds - now]
            wait = min((wait for wait in waits if wait is not None), default=None)
            if wait is not None and wait <= 0:
                self._complaint = "a message was not answered"
                self._connection.abort()
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await state.due.wait()

    def _hear(self, kind: str, data: Mapping[str, Any]) -> None:
        handler = self._handlers.get(kind)
        try:
            if handler is not None:
                handler(data)
            else:
                self._state.inbox.put(Notice(kind, data))
        except (KeyError, TypeError, ValueError) as error:
            raise Ended(None, f"a frame {kind} could not be understood: {error!r}") from error

    # --- frames -------------------------------------------------------------------------------------------------------

    def _on_message(self, data: Mapping[str, Any]) -> None:
        state, room, seq = self._state, data["room"], data["seq"]
        before = state.positions.of(room)
        place = state.positions.take(room, seq)
        have = before.seq if before is not None else 0
        if place is Place.REPEAT:
            state.counters.repeats += 1
            state.observer.repeat(room, have, seq)
            return
        if place is Place.GAP:
            state.counters.gaps += 1
            state.observer.gap(room, have, seq)
            raise Ended(None, f"message {seq} came after {have}")  # and is asked for again by the next connection
        state.counters.messages += 1
        state.inbox.put(Message.of(data))

    def _on_change(self, kind: str, data: Mapping[str, Any]) -> None:
        """A message is edited or deleted: from here on the next connection asks for later changes."""
        self._state.positions.moved(data["room"], data["rev"])
        self._state.inbox.put(Notice(kind, data))

    def _on_ack(self, data: Mapping[str, Any]) -> None:
        if self._answered(data["client_id"], Ack.of(data)):
            self._state.counters.acks += 1
            self._state.counters.duplicates += data["duplicate"]

    def _on_changed(self, data: Mapping[str, Any]) -> None:
        if not self._answered(data["client_id"], Changed.of(data)):
            self._state.inbox.put(Notice("chat.changed", data))  # asked for by `notify`

    def _answered(self, client_id: str | None, answer: Ack | Changed) -> bool:
        """What was sent is done; False if the user has given up waiting, or an answer comes twice."""
        entry = self._state.outbox.take(client_id or "")
        if entry is None:
            return False
        self._state.changed()
        if not entry.done.done():
            entry.done.set_result(answer)
        return True

    def _on_error(self, data: Mapping[str, Any]) -> None:
        state, code, client_id = self._state, data["code"], data.get("client_id")
        if code == "token_invalid":
            self._upkeep.answer(accepted=False)
        elif client_id is not None and code in NOT_NOW:
            wait = float(data.get("retry_after") or 1.0) + state.options.chance.uniform(0, 0.5)
            state.outbox.again(client_id, asyncio.get_running_loop().time() + wait)
            state.changed()
        elif client_id is not None and (entry := state.outbox.take(client_id)) is not None:
            state.changed()
            state.counters.refusals += 1
            if not entry.done.done():
                entry.done.set_exception(SendRefused(code, data["detail"], client_id))
        else:
            state.inbox.put(Notice("error", data))

    def _on_draining(self, data: Mapping[str, Any]) -> None:
        self.draining = data["reconnect_after_ms"] / 1000

    def _on_reset(self, data: Mapping[str, Any]) -> None:
        self._state.positions.reset(data["room"], data["last_seq"], data["rev"])
        self._state.inbox.put(Notice("room.reset", data))

    def _on_created(self, data: Mapping[str, Any]) -> None:
        self._state.positions.created(data["id"], data["joined_seq"], data["rev"])
        self._state.inbox.put(Notice("room.created", data))

    def _on_removed(self, data: Mapping[str, Any]) -> None:
        self._state.positions.removed(data["room"])
        self._state.inbox.put(Notice("room.removed", data))
