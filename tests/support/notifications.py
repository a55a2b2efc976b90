"""The notification service in this process or as processes that may be killed; FCM's stand-in; what others answer."""

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from chassis.ids import uuid7
from chassis.times import rfc3339, utc_now
from contracts import events as kinds
from contracts.events import Event
from contracts.internal import (
    LOST_DEVICES_PATH,
    PREFERENCES_PATH,
    ROOMS_PATH,
    STANDINGS_PATH,
    USERS_PATH,
    PreferenceRecord,
    PreferenceRecords,
    RoomRecord,
    Standing,
    Standings,
    StandingsQuery,
    UserIds,
    UserRecord,
    UserRecords,
)
from devstack.fcm.accounts import Accounts, ServiceAccount, create
from devstack.fcm.listener import Listener, Reply, Request
from devstack.fcm.server import Control, Delivery, Standin
from notification_service.app import create_app
from notification_service.settings import Settings

PATIENCE_SECONDS = 15
NOW = utc_now()


def event(kind: str, **data: object) -> Event:
    """An event that has just happened."""
    return Event(uuid7(), kind, 1, rfc3339(utc_now()) or "", msgspec.to_builtins(data, str_keys=True))


class Person:
    """Somebody with a device."""

    def __init__(self, name: str, *, token: str | None = None) -> None:
        self.id = uuid7()
        self.name = name
        self.token = f"{name}:{self.id.hex}" if token is None else token

    def registered(self) -> Event:
        """He has registered."""
        return event(
            kinds.USER_REGISTERED, user_id=self.id, username=self.name, display_name=self.name, created_at=rfc3339(NOW)
        )

    def device_registered(self, token: str | None = None) -> Event:
        """His device is known."""
        return self._device(kinds.DEVICE_REGISTERED, token)

    def device_removed(self, token: str | None = None) -> Event:
        """It is not his any more."""
        return self._device(kinds.DEVICE_REMOVED, token)

    def _device(self, kind: str, token: str | None) -> Event:
        return event(kind, user_id=self.id, session_id=uuid7(), token=token or self.token, platform="fcm")


class Place:
    """A room: its events, and its messages with their numbers."""

    def __init__(self, *members: Person, name: str | None = None) -> None:
        self.id = uuid7()
        self.name = name
        self.members = list(members)
        self.seq = 0

    def made(self) -> list[Event]:
        """Its members have been put into it."""
        return [self.member(kinds.MEMBER_ADDED, person) for person in self.members]

    def member(self, kind: str, person: Person, **more: object) -> Event:
        """Something happens to a member."""
        return event(kind, room=self.id, user=person.id, **more)

    def says(self, person: Person, content: str, *, at: str | None = None) -> Event:
        """A message."""
        self.seq += 1
        message_id = uuid7()
        moment = at or rfc3339(utc_now()) or ""
        data = {"id": message_id, "room": self.id, "seq": self.seq, "user": person.id, "content": content}
        data |= {"created_at": moment}
        return Event(message_id, kinds.MESSAGE_CREATED, 1, moment, msgspec.to_builtins(data))


class Others:
    """Auth, profile and chat, as one small real HTTP server. Who is named in `away` breaks off instead of answering."""

    def __init__(self) -> None:
        self.away: set[str] = set()
        self.rooms: dict[UUID, RoomRecord] = {}
        self.users: dict[UUID, UserRecord] = {}
        self.preferences: dict[UUID, dict[str, Any]] = {}
        self.online: set[UUID] = set()
        self.delivered: dict[tuple[UUID, UUID], int] = {}  # (room, user): seq
        self.read: dict[tuple[UUID, UUID], int] = {}
        self.muted: set[tuple[UUID, UUID]] = set()
        self.strangers: set[UUID] = set()  # members of nothing
        self.lost: list[str] = []
        self.asked: list[str] = []  # paths
        self._listener = Listener(self._answer)
        self._port = 0

    @property
    def url(self) -> str:
        """Where they are."""
        return f"http://127.0.0.1:{self._port}"

    async def open(self) -> None:
        """Begin to answer."""
        self._port = await self._listener.open("127.0.0.1", 0)

    async def close(self) -> None:
        """End."""
        await self._listener.close()

    def know(self, place: Place) -> None:
        """A room exists, and who is in it."""
        for person in place.members:
            self.users[person.id] = UserRecord(person.id, person.name, person.name, rfc3339(NOW) or "")
        kind = "direct" if place.name is None else "group"
        members = [person.id for person in place.members]
        self.rooms[place.id] = msgspec.convert(
            {"id": place.id, "type": kind, "name": place.name, "last_seq": place.seq, "members": members}, RoomRecord
        )

    async def _answer(self, request: Request) -> Reply | None:
        self.asked.append(request.path)
        if request.path.startswith(ROOMS_PATH):
            room = self.rooms.get(UUID(request.path.rpartition("/")[2]))
            return self._reply("chat", Reply(404, {"code": "room_not_found"}) if room is None else Reply(200, room))
        if request.path == STANDINGS_PATH:
            query = msgspec.json.decode(request.body, type=StandingsQuery)
            pairs = [(asked.room, user) for asked in query.rooms for user in asked.users if user not in self.strangers]
            return self._reply("chat", Reply(200, Standings([self._standing(*pair) for pair in pairs])))
        if request.path == PREFERENCES_PATH:
            users = msgspec.json.decode(request.body, type=UserIds).users
            found = [PreferenceRecord(user, self.preferences[user]) for user in users if user in self.preferences]
            return self._reply("profile", Reply(200, PreferenceRecords(found)))
        if request.path == USERS_PATH:
            return self._reply("auth", Reply(200, UserRecords(list(self.users.values()))))
        assert request.path == LOST_DEVICES_PATH, request.path
        if "auth" not in self.away:
            self.lost += msgspec.json.decode(request.body)["tokens"]
        return self._reply("auth", Reply(204))

    def _reply(self, service: str, reply: Reply) -> Reply | None:
        return None if service in self.away else reply

    def _standing(self, room: UUID, user: UUID) -> Standing:
        pair = room, user
        read = self.read.get(pair, 0)
        delivered = max(read, self.delivered.get(pair, 0))
        return Standing(room, user, read, delivered, pair in self.muted, user in self.online)


class Fcm:
    """FCM's stand-in, in this process."""

    def __init__(self, folder: Path) -> None:
        self.account = folder / "service-account.json"
        create(self.account)
        self.standin = Standin(Accounts(msgspec.json.decode(self.account.read_bytes(), type=ServiceAccount)))
        self._listener = Listener(self.standin.handle)
        self._port = 0

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._port}"

    async def open(self) -> None:
        """Begin to answer, at the same place as before."""
        self._port = await self._listener.open("127.0.0.1", self._port)

    async def close(self) -> None:
        """Be away."""
        await self._listener.close()

    def told(self, **control: Any) -> None:
        """Tell it what to do."""
        self.standin._obey(msgspec.convert(control, Control))

    @property
    def deliveries(self) -> list[Delivery]:
        """What it was given, in that order."""
        return list(self.standin._deliveries)

    @property
    def texts(self) -> list[tuple[str, str, str]]:
        """The same: (device, title, text)."""
        shown = [(delivery.token, delivery.message.notification) for delivery in self.deliveries]
        return [(token, notification.title, notification.body) for token, notification in shown]  # type: ignore[union-attr]

    @property
    def counts(self) -> dict[str, int]:
        """What happened, by kind."""
        return dict(self.standin._counts)

    async def until(self, count: int, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until there are so many deliveries."""
        await until(lambda: len(self.deliveries) >= count, f"{count} deliveries of {self.counts}", seconds)


class Worker:
    """A running notification service without Kafka: events are told to it."""

    def __init__(self, service: Any, settings: Settings) -> None:
        self.settings = settings
        self._service = service

    def component(self, name: str) -> Any:
        """A component by its name."""
        [found] = [component for other, component in self._service.lifecycle._components if other == name]
        return found

    async def tell(self, *events: Event) -> None:
        """These happen, as if Kafka had said so."""
        await self.component("events")._handle_all(events)

    async def sql(self, query: str, *arguments: Any) -> list[Any]:
        """Rows, directly from its database."""
        connection = await asyncpg.connect(self.settings.database_url)
        try:
            return list(await connection.fetch(query, *arguments))
        finally:
            await connection.close()

    async def is_done(self) -> bool:
        """Whether nothing waits: no look, no push."""
        [row] = await self.sql("SELECT (SELECT count(*) FROM messages) + (SELECT count(*) FROM notifications) AS left")
        return bool(row["left"] == 0)

    async def until_done(self, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until nothing waits."""
        await until(self.is_done, "the end of all looks and pushes", seconds)


@asynccontextmanager
async def running_worker(settings: Settings) -> AsyncIterator[Worker]:
    """The service from start to stop."""
    service = create_app(settings)
    try:
        await service.lifecycle.start()
        yield Worker(service, settings)
    finally:
        await service.lifecycle.stop()


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder that goes."""
    with tempfile.TemporaryDirectory(prefix="parley-test-") as folder:
        yield Path(folder)


async def start_process(settings: dict[str, Any]) -> asyncio.subprocess.Process:
    """The service as its own process; `settings` as of its Settings."""
    given = {
        name.upper(): ",".join(value) if isinstance(value, tuple) else str(value) for name, value in settings.items()
    }
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "notification_service",
        env={
            **{name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ},
            "HOST": "127.0.0.1",
            "PORT": "0",
            "DRAIN_PAUSE_SECONDS": "0",
            "LOG_LEVEL": "error",
            **given,
        },
        stderr=asyncio.subprocess.DEVNULL,
    )


async def until(condition: Callable[[], Any], what: str = "the condition", seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until `condition()` is true, awaiting it if it is a coroutine."""
    try:
        async with asyncio.timeout(seconds):
            while True:
                result = condition()
                if asyncio.iscoroutine(result):
                    result = await result
                if result:
                    return
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"{what} did not come about in {seconds} s") from None
