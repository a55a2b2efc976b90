"""People who talk while things break: over sockets and HTTP, reading, coming and going; and one who has no business."""

import asyncio
import contextlib
import random
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from parley_client import Account, ApiError, ChatSession, NoAnswer, Options, SendRefused, SessionOver
from tests.faults.history import Entry, Member, Read, Send
from tests.faults.messages import content_of, key_of
from tests.faults.watch import UNKNOWN, Watch
from tests.faults.world import World

WINDOW = 8  # messages of one client that are on their way at a time
HTTP_SHARE = 0.1
PAGE = 20
RETRY_SECONDS = 0.2
READ_SECONDS = (0.2, 1.0)
VISIT_SECONDS = (0.5, 3.0)


class Client:
    """A connected device of a user.

    Arguments:
        world: where everything is written down.
        account: of the user.
        name: of the device.
        user: the user's name.
        chance: its own.
        patient: it takes a server for dead as late as a phone would, not as soon as it may.
    """

    def __init__(
        self, world: World, account: Account, name: str, user: str, chance: random.Random, *, patient: bool = False
    ) -> None:
        self.name = name
        self.user = user
        self.account = account
        self._world = world
        self._chance = chance
        self.watch = Watch(world, name, user)
        beats = (10.0, 45.0) if patient else (1.0, 5.0)
        options = Options(
            heartbeat_seconds=beats[0],
            dead_after_seconds=beats[1],
            open_seconds=4.0,
            longest_wait_seconds=2.0,
            rooms_in_url=chance.choice((0, 50)),
            by_ticket=chance.random() < 0.2,
            chance=chance,
        )
        self.session: ChatSession = account.connect(options=options, observer=self.watch)
        self._number = 0
        self._sending: set[asyncio.Task[None]] = set()

    async def listen(self) -> None:
        """Take what comes; everything has been written down before."""
        async for _ in self.session:
            pass

    async def talk(self, rooms: Sequence[str], rate: float, stop: asyncio.Event) -> None:
        """Send to these rooms until told to stop, so many messages a second on average, and wait for the answers."""
        window = asyncio.Semaphore(WINDOW)
        while not stop.is_set():
            await window.acquire()
            send = self._by_http if self._chance.random() < HTTP_SHARE else self._by_socket
            self._start(send, self._chance.choice(rooms)).add_done_callback(lambda _: window.release())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), self._chance.expovariate(rate))

    async def settled(self, seconds: float) -> None:
        """Wait for the answers to what was sent, so long; what has none then is given up."""
        if self._sending:
            _, pending = await asyncio.wait(self._sending, timeout=seconds)
            for task in pending:
                task.cancel()
            await asyncio.gather(*pending, return_exceptions=True)

    def _start(self, send: Callable[[str, str, str], Coroutine[Any, Any, None]], room: str) -> asyncio.Task[None]:
        self._number += 1
        key = f"{self.name}-{self._number}"
        task = asyncio.create_task(send(room, key, content_of(key, self._chance)))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)
        return task

    async def _by_socket(self, room: str, key: str, content: str) -> None:
        name = self._world.room_names[room]
        self.watch.sending(key, name)
        self._world.add(Send(self._world.now(), "invoke", self.name, self.user, name, key))
        try:
            ack = await self.session.send(room, content, client_id=key)
        except SendRefused as refused:
            self._world.add(Send(self._world.now(), "fail", self.name, self.user, name, key, code=refused.code))
        except SessionOver:
            return
        else:
            self._stored(name, key, ack.id, ack.seq, ack.duplicate, "socket")
        finally:
            self.watch.sent(key)

    async def _by_http(self, room: str, key: str, content: str) -> None:
        name = self._world.room_names[room]
        body = {"room": room, "message": content, "client_id": key}
        self._world.add(Send(self._world.now(), "invoke", self.name, self.user, name, key, via="http"))
        while True:
            try:
                _, answer = await self.account.request("POST", "/api/chat/messages/", body)
            except (ApiError, NoAnswer) as error:
                code = code_of(error)
                self._world.add(Send(self._world.now(), "info", self.name, self.user, name, key, via="http", code=code))
                await asyncio.sleep(RETRY_SECONDS * (0.5 + self._chance.random()))
            else:
                self._stored(name, key, answer["id"], answer["seq"], answer.get("duplicate", False), "http")
                return

    def _stored(self, room: str, key: str, message_id: str, seq: int, duplicate: bool, via: str) -> None:
        now = self._world.now()
        self._world.add(Send(now, "ok", self.name, self.user, room, key, via, message_id, seq, duplicate))
        self._world.acked(room, seq)

    async def read(self, rooms: Sequence[str], stop: asyncio.Event) -> None:
        """Look at the newest messages of these rooms, now and then."""
        while not stop.is_set():
            room = self._chance.choice(rooms)
            with contextlib.suppress(ApiError, NoAnswer):
                await read_page(self._world, self.account, self.name, self.user, room)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), self._chance.uniform(*READ_SECONDS))

    async def intrude(self, rooms: Sequence[str], stop: asyncio.Event) -> None:
        """Try everything with rooms that are none of his."""
        while not stop.is_set():
            room = self._chance.choice(rooms)
            await self.session.notify("room.join", room=room, since=0)
            await self.session.notify("friend.typing.start", room=room)
            with contextlib.suppress(ApiError, NoAnswer):
                await read_page(self._world, self.account, self.name, self.user, room, allowed=False)
            self._start(self._by_socket, room)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), self._chance.uniform(*VISIT_SECONDS))


async def visit(world: World, hosts: Mapping[str, Account], guest: Client, stop: asyncio.Event) -> None:
    """Have a guest in one room after the other, each for a moment; in the end he is in none.

    Arguments:
        hosts: who adds and removes him, by room.
    """
    chance = random.Random(guest.name)
    while not stop.is_set():
        room = chance.choice(sorted(hosts))
        for added in (True, False):
            await _change(world, hosts[room], guest, room, added=added)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), chance.uniform(*VISIT_SECONDS))


async def _change(world: World, host: Account, guest: Client, room: str, *, added: bool) -> None:
    """Add or remove him, repeating it until it is known to be done."""
    name = world.room_names[room]
    world.add(Member(world.now(), "invoke", name, guest.user, added))
    while True:
        try:
            await (host.invite(room, guest.account.id) if added else host.remove(room, guest.account.id))
            break
        except NoAnswer:
            world.add(Member(world.now(), "info", name, guest.user, added))
        except ApiError as error:
            if error.status in (404, 409, 422):  # an attempt before has done it
                break
            world.add(Member(world.now(), "info", name, guest.user, added))
        await asyncio.sleep(RETRY_SECONDS)
    world.add(Member(world.now(), "ok", name, guest.user, added))


async def read_page(
    world: World, account: Account, client: str, user: str, room: str, *, final: bool = False, allowed: bool = True
) -> None:
    """Read the newest messages of a room, or with `final` all, and write down what was there.

    Arguments:
        allowed: it is his room; if not, a 404 is as it should be.

    Raises:
        ApiError, NoAnswer: there was nothing; that is written down too.
    """
    name = world.room_names[room]
    world.add(Read(world.now(), "invoke", client, user, name, final=final))
    try:
        count, entries = await (_all(world, account, room) if final else _newest(world, account, room))
    except (ApiError, NoAnswer) as error:
        code = code_of(error)
        if allowed or code != "404":
            world.add(Read(world.now(), "info", client, user, name, final=final, code=code))
        raise
    world.add(Read(world.now(), "ok", client, user, name, count, entries, final=final))


async def _newest(world: World, account: Account, room: str) -> tuple[int, list[Entry]]:
    _, page = await account.request("GET", f"/api/chat/{room}/messages/", page_size=PAGE)
    return page["count"], [_entry(world, message) for message in reversed(page["results"])]


async def _all(world: World, account: Account, room: str) -> tuple[int, list[Entry]]:
    entries: list[Entry] = []
    while True:
        after = entries[-1].seq if entries else 0
        _, page = await account.request("GET", f"/api/chat/{room}/messages/", after=after, limit=200)
        if not page["results"]:
            return page["count"], entries
        entries += [_entry(world, message) for message in page["results"]]


def _entry(world: World, message: dict[str, Any]) -> Entry:
    sender = world.user_names.get(message["user"]["id"], UNKNOWN)
    return Entry(message["seq"], message["id"], key_of(message["content"]), sender)


def code_of(error: ApiError | NoAnswer) -> str:
    """The status of an error, or that there was none."""
    return str(error.status) if isinstance(error, ApiError) else "no_answer"
