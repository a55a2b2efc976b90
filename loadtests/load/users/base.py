"""What all users have in common: a person, a token that stays fresh, a time for each thing they do, and HTTP."""

import random
import time
from typing import Any, ClassVar
from urllib.parse import quote

import gevent
import gevent.lock
import gevent.pool
from locust import FastHttpUser, task
from locust.exception import StopUser

from loadtests.load.checks import Violation, Watch
from loadtests.load.play import NobodyLeft, Play, Seat
from loadtests.load.results import CHECK
from loadtests.load.world import expires_at

REFRESH_BEFORE_SECONDS = 60.0
_SPEECH = """the quick brown fox jumps over a lazy dog while nobody at all is looking and we have a meeting about it at
nine in the morning please bring coffee"""
WORDS = tuple(_SPEECH.split())
TOLD_IN_FULL = 20  # broken promises of one process; more would only fill memory


class ChatUser(FastHttpUser):
    """Somebody; what he does and how often is a table of the profile."""

    abstract = True
    actions: ClassVar[dict[str, float]] = {}  # times a minute, by the name of a method
    network_timeout = 30.0
    connection_timeout = 10.0
    told = 0

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        self.play: Play = environment.play
        self.watch = Watch()
        self._per_second = sum(self.actions.values()) * self.play.pace / 60
        self._due = time.perf_counter()
        self._doing = gevent.pool.Group()
        self._renewing = gevent.lock.RLock()
        self._settled = False
        self.seat: Seat | None = None

    def on_start(self) -> None:
        """Become somebody, and come in."""
        try:
            self.seat = self.play.take()
        except NobodyLeft as error:
            self.fire("generator", "seat", 0.0, error)
            raise StopUser from None
        self.person = self.seat.person
        self.rooms = self.seat.rooms
        self._expires_at = expires_at(self.person.access_token)
        self.play.present.add(self)
        self.begin()
        self._due = time.perf_counter()

    def on_stop(self) -> None:
        """See that nothing is missing, and go."""
        if self.seat is not None:
            try:
                self.settle()
            finally:
                self.leave()
                self.play.present.discard(self)
                self.play.give_back(self.seat)
                self.seat = None

    def settle(self) -> None:
        """See that nothing is missing, once."""
        if not self._settled:
            self._settled = True
            self._doing.join(timeout=5)
            self._doing.kill()
            self.wait_for_all()

    def begin(self) -> None:
        """Come in."""
        raise NotImplementedError

    def wait_for_all(self) -> None:
        """Wait for everything that is acknowledged, and tell what does not come."""
        raise NotImplementedError

    def leave(self) -> None:
        """Go."""

    def cut(self) -> None:
        """Drop the connection, if there is one that lasts."""

    def wait_time(self) -> float:
        """Until the next thing: people do not wait for answers, so that a slow server is not asked less often."""
        self._due += random.expovariate(self._per_second)
        return max(0.0, self._due - time.perf_counter())

    @task
    def act(self) -> None:
        """Do one of the things; it was due at a moment, and is late if this generator is."""
        if self.play.over:
            return
        (name,) = random.choices(list(self.actions), list(self.actions.values()))
        self._doing.spawn(self._do, name, self._due)

    def _do(self, name: str, due: float) -> None:
        try:
            self.renew()
            getattr(self, name)(due)
        except Exception as error:  # a mistake of this generator must not look like a quiet platform
            self.fire("generator", name, 0.0, error)

    # What is told to Locust

    def fire(self, kind: str, name: str, milliseconds: float, error: Exception | None = None) -> None:
        """Something was done."""
        self.environment.events.request.fire(
            request_type=kind,
            name=name,
            response_time=milliseconds,
            response_length=0,
            exception=error,
            context={},
        )

    def violated(self, *violations: Violation | None) -> None:
        """Promises were broken."""
        for violation in violations:
            if violation is not None:
                ChatUser.told += 1
                kept = violation if ChatUser.told <= TOLD_IN_FULL else Violation(violation.kind, "and more of them")
                self.fire(CHECK, violation.kind, 0.0, kept)

    # What everybody does over HTTP

    def ask(self, method: str, path: str, name: str, body: Any = None) -> Any:
        """A request; its answer, or None when it failed, which is told."""
        headers = {"Authorization": f"Bearer {self.person.access_token}"}
        with self.rest(method, path, name=name, headers=headers, json=body) as response:
            return response.js if response.status_code and response.status_code < 400 else None

    def renew(self) -> None:
        """Get another token in time."""
        if time.time() < self._expires_at - REFRESH_BEFORE_SECONDS:
            return
        with self._renewing:
            if time.time() < self._expires_at - REFRESH_BEFORE_SECONDS:
                return  # somebody else of us has
            body = {"refresh_token": self.person.refresh_token}
            with self.rest("POST", "/auth/refresh", name="/auth/refresh", json=body) as response:
                pair = response.js
            if not pair or "access_token" not in pair:
                self._expires_at = time.time() + REFRESH_BEFORE_SECONDS + 5  # told; try again soon
                return
            self.person.access_token, self.person.refresh_token = pair["access_token"], pair["refresh_token"]
            self._expires_at = expires_at(self.person.access_token)
            self.renewed()

    def renewed(self) -> None:
        """There is another token."""

    def list_rooms(self, due: float) -> None:
        """Look at the list of rooms."""
        self.ask("GET", "/api/chat/users/", "/api/chat/users/")

    def look_back(self, due: float) -> None:
        """Read what was said last, which must be in order and without holes."""
        page = self.ask("GET", f"/api/chat/{random.choice(self.rooms)}/messages/", "/api/chat/{room}/messages/")
        for older, newer in self._neighbours(page):
            if newer["seq"] != older["seq"] + 1:
                self.violated(Violation("gap", f"{newer['seq']} of {newer['room']} after {older['seq']}, in a page"))

    @staticmethod
    def _neighbours(page: Any) -> list[tuple[Any, Any]]:
        messages = (page or {}).get("results", [])
        return list(zip(messages[1:], messages, strict=False))

    def see_profile(self, due: float) -> None:
        """Look at somebody's profile."""
        other = random.choice(self.seat.circle.people) if self.seat else self.person
        self.ask("GET", f"/profiles/{other.id}", "/profiles/{id}")

    def search_people(self, due: float) -> None:
        """Look for somebody by the beginning of his name."""
        prefix = quote(self.person.username[:5])
        self.ask("GET", f"/profiles?search={prefix}&limit=20", "/profiles?search=")

    def change_profile(self, due: float) -> None:
        """Say what one is doing."""
        self.ask("PATCH", f"/profiles/{self.person.id}", "/profiles/{id}", {"statusMessage": some_words(5)})


def some_words(most: int) -> str:
    """Something to say."""
    return " ".join(random.choices(WORDS, k=random.randint(1, most)))


def key_of(content: str) -> str:
    """The key at the beginning of a message of ours."""
    return content.partition(" ")[0]
