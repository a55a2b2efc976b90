"""Somebody with a socket, whatever is spoken on it: he comes in, resumes, sends again what was not answered."""

import contextlib
import random
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import ClassVar

import gevent
import gevent.event
import msgspec

from loadtests.load.results import ACK, DELIVERY
from loadtests.load.wire import Gone, Refused, Wire

from .base import ChatUser, key_of, some_words

OPEN_SECONDS = 30.0
ANSWER_SECONDS = 10.0
SETTLE_SECONDS = 10.0
LONGEST_WAIT_SECONDS = 10.0
SCATTER_SECONDS = 1.0  # people whose network comes back do not come in the same millisecond
NOT_NOW = 1000  # before we were in: nobody is let in now
MOVED = frozenset({1001, 1012, 1013})  # the server asks us to come back


class Pending(msgspec.Struct):
    """Sent, and not answered."""

    room: str
    content: str
    due: float
    sent_at: float


class SocketUser(ChatUser):
    """A client with a socket."""

    abstract = True
    kind: ClassVar[str]  # in reports

    def begin(self) -> None:
        """Connect, and stay so."""
        self._pending: OrderedDict[str, Pending] = OrderedDict()
        self._up = gevent.event.Event()
        self._leaving = False
        self._cut = False
        self._ready_at = 0.0
        self.wire: Wire | None = None
        self._living = gevent.spawn(self._live)
        self._up.wait(OPEN_SECONDS)

    def wait_for_all(self) -> None:
        """Wait for answers, and for all that was acknowledged before."""
        self._until(lambda: not self._pending)
        for _ in self._pending:
            self.fire(self.kind, ACK, SETTLE_SECONDS * 1000, TimeoutError("no answer to a message"))
        newest = {r: s for r, s in self.play.book.newest(self.rooms).items() if r in self.watch.positions}
        self._until(lambda: not self.watch.lacks(newest))
        self.violated(*self.watch.lacks(newest))

    def leave(self) -> None:
        """Close the socket."""
        self._leaving = True
        self._living.kill()
        if self.wire is not None:
            self.wire.close()

    @staticmethod
    def _until(done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + SETTLE_SECONDS
        while not done() and time.monotonic() < deadline:
            gevent.sleep(0.02)

    def cut(self) -> None:
        """The network is gone for a moment."""
        if self.wire is not None:
            self._cut = True
            self.wire.cut()

    # The connection

    def dial(self) -> Wire:
        """A connection that is on its way to `entered`.

        Raises:
            Refused, Gone, OSError: there is none.
        """
        raise NotImplementedError

    def heard(self, text: bytes) -> None:
        """Something has come."""
        raise NotImplementedError

    def write_message(self, key: str, pending: Pending) -> None:
        """Send a message, or send it again.

        Raises:
            Gone: there is no connection.
        """
        raise NotImplementedError

    def url(self, path: str) -> str:
        """Where sockets are."""
        return str(self.host).rstrip("/").replace("http", "ws", 1) + path

    def _live(self) -> None:
        began, tries = time.perf_counter(), 0
        while not self._leaving:
            self._name = "resume" if self.watch.positions else "connect"
            self._began = began
            try:
                self.renew()
                self.wire = self.dial()
                for text in self.wire.messages():
                    self.heard(text)
                    tries = 0
            except Refused as refused:
                gevent.sleep(self._refused(refused, tries))
                tries += 1
                continue
            except OSError as error:
                self.fire(self.kind, self._name, (time.perf_counter() - began) * 1000, error)
            except Gone as gone:
                self._gone(gone)
            except Exception as error:  # a mistake of this generator must not look like a quiet platform
                self.fire("generator", "socket", 0.0, error)
            was_up = self._up.is_set()
            self._up.clear()
            if self.wire is not None:
                self.wire.cut()
            gevent.sleep(random.uniform(0, min(LONGEST_WAIT_SECONDS, SCATTER_SECONDS * 2**tries)))
            tries += 1
            if was_up:
                began = time.perf_counter()

    def _refused(self, refused: Refused, tries: int) -> float:
        """How long to wait; being told to is no error, being refused for another reason is one."""
        if refused.status in (429, 503) and refused.retry_after is not None:
            self.fire(self.kind, "told to wait", 0.0)
            return refused.retry_after * random.uniform(1, 1.5)
        self.fire(self.kind, self._name, (time.perf_counter() - self._began) * 1000, refused)
        if refused.status == 401:
            self._expires_at = 0.0
        return random.uniform(0, min(LONGEST_WAIT_SECONDS, SCATTER_SECONDS * 2**tries))

    def _gone(self, gone: Gone) -> None:
        if self._leaving or self._cut:
            self._cut = False
        elif gone.code in MOVED:
            self.fire(self.kind, "moved", 0.0)
        elif gone.code == NOT_NOW and not self._up.is_set():
            self.fire(self.kind, "told to wait", 0.0)
        else:
            self.fire(self.kind, "closed", 0.0, gone)

    def entered(self, positions: dict[str, int]) -> None:
        """We are in; rooms that we have no position of are heard from here on."""
        self._ready_at = time.perf_counter()
        self.fire(self.kind, self._name, (self._ready_at - self._began) * 1000)
        self.watch.begin(positions)
        self._up.set()
        for key, pending in list(self._pending.items()):
            self._write(key, pending)

    # Messages

    def say(self, due: float) -> None:
        """Send something."""
        room = random.choice(self.rooms)
        key = self.play.book.write(room, due)
        pending = self._pending[key] = Pending(room, f"{key} {some_words(30)}", due, time.perf_counter())
        if self._up.is_set():
            self._write(key, pending)
        first = next(iter(self._pending.values()))
        if time.perf_counter() - first.sent_at > ANSWER_SECONDS and self._up.is_set():
            self.cut()  # dead without having said so

    def _write(self, key: str, pending: Pending) -> None:
        pending.sent_at = time.perf_counter()
        with contextlib.suppress(Gone):  # it is sent again on the next connection
            self.write_message(key, pending)

    def acknowledged(self, key: str, room: str, seq: int) -> None:
        """A message of ours is stored."""
        pending = self._pending.pop(key, None)
        if pending is not None:
            # What was said while we were away has waited for us, not for the server; so has what was said to us.
            name = ACK if pending.due >= self._ready_at else "late ack"
            self.fire(self.kind, name, (time.perf_counter() - pending.due) * 1000)
        self.violated(*self.play.book.acknowledged(key, room, seq))

    def refused(self, key: str | None, code: str, retry_after: float | None) -> None:
        """The server says no to something."""
        self.fire(self.kind, f"error {code}", 0.0, RuntimeError(code))
        pending = self._pending.get(key or "")
        if key is None or pending is None:
            return
        if code in ("unavailable", "rate_limited"):
            gevent.spawn_later(retry_after or 1.0, self._again, key)
        else:
            del self._pending[key]

    def _again(self, key: str) -> None:
        pending = self._pending.get(key)
        if pending is not None and self._up.is_set():
            self._write(key, pending)

    def delivered(self, room: str, seq: int, content: str) -> None:
        """A message has come."""
        self.violated(self.watch.received(room, seq))
        sent, violations = self.play.book.delivered(key_of(content), room, seq)
        self.violated(*violations)
        if sent is not None:
            name = DELIVERY if sent.due >= self._ready_at else "late delivery"
            self.fire(self.kind, name, (time.perf_counter() - sent.due) * 1000)
