"""People who talk while things break: over sockets and HTTP, reading, coming and going; and one who has no business."""

import asyncio
import contextlib
import random
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from parley_client import Account, ApiError, ChatSession, NoAnswer, Options, SendRefused, SessionOver
from tests.faults.events import DELETED, Change, Marking, Send, Type
from tests.faults.messages import content_of
from tests.faults.pages import PAGE, code_of, mark_all, read_page
from tests.faults.watch import Watch
from tests.faults.world import World

WINDOW = 8  # messages of one client that are on their way at a time
HTTP_SHARE = 0.1
CHANGE_SHARE = 0.04  # of what is done is changing a message that was sent before
DELETE_SHARE = 0.3  # of the changes
MARK_SHARE = 0.02  # of what is done is saying how far one has read
REMEMBERED = 50  # messages of its own that a client may change
RETRY_SECONDS = 0.2
READ_SECONDS = (0.2, 1.0)
VISIT_SECONDS = (0.5, 3.0)


@dataclass(slots=True)
class Said:
    """A message that was acknowledged, and how often it was edited."""

    room: str  # its id
    seq: int
    key: str
    version: int = 0


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
        self._said: deque[Said] = deque(maxlen=REMEMBERED)

    async def listen(self) -> None:
        """Take what comes; everything has been written down before."""
        async for _ in self.session:
            pass

    async def talk(self, rooms: Sequence[str], rate: float, stop: asyncio.Event) -> None:
        """Send to these rooms until told to stop, so many messages a second on average, and wait for the answers."""
        window = asyncio.Semaphore(WINDOW)
        while not stop.is_set():
            await window.acquire()
            self._act(rooms).add_done_callback(lambda _: window.release())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), self._chance.expovariate(rate))

    def _act(self, rooms: Sequence[str]) -> asyncio.Task[None]:
        """Do one thing: mostly say something, sometimes change what was said, or tell how far one has read."""
        luck = self._chance.random()
        if luck < CHANGE_SHARE and self._said:
            return self._begin(self._change(self._said.popleft()))
        room = self._chance.choice(rooms)
        if CHANGE_SHARE <= luck < CHANGE_SHARE + MARK_SHARE:
            return self._begin(self._mark(room))
        return self._start(self._by_http if self._chance.random() < HTTP_SHARE else self._by_socket, room)

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
        return self._begin(send(room, key, content_of(key, self._chance)))

    def _begin(self, act: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(act)
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
            self._stored(room, key, ack.id, ack.seq, ack.duplicate, "socket")
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
                self._stored(room, key, answer["id"], answer["seq"], answer.get("duplicate", False), "http")
                return

    def _stored(self, room: str, key: str, message_id: str, seq: int, duplicate: bool, via: str) -> None:
        now, name = self._world.now(), self._world.room_names[room]
        self._world.add(Send(now, "ok", self.name, self.user, name, key, via, message_id, seq, duplicate))
        self._world.acked(name, seq, message_id, key)
        self._said.append(Said(room, seq, key))

    async def _change(self, said: Said) -> None:
        """Edit or delete a message; one that is only edited may be changed again later."""
        name, deleting = self._world.room_names[said.room], self._chance.random() < DELETE_SHARE
        said.version = DELETED if deleting else said.version + 1

        def note(kind: Type, rev: int = 0, code: str = "") -> None:
            now, version = self._world.now(), said.version
            self._world.add(Change(now, kind, self.name, self.user, name, said.seq, said.key, version, rev, code))

        note("invoke")
        try:
            if deleting:
                changed = await self.session.delete(said.room, said.seq)
            else:
                content = content_of(said.key, self._chance, said.version)
                changed = await self.session.edit(said.room, said.seq, content)
        except SendRefused as refused:
            note("fail", code=refused.code)
        except SessionOver:
            return
        else:
            note("ok", changed.rev)
            self._world.changed(name, changed.rev)
            if not deleting:
                self._said.append(said)

    async def _mark(self, room: str) -> None:
        """Say how far one has read: up to some message over the socket, or all of it over HTTP."""
        name = self._world.room_names[room]
        have = self._world.have.get((self.name, name), 0)
        if have and self._chance.random() < 0.5:
            seq = self._chance.randint(max(1, have - PAGE), have)
            self._world.add(Marking(self._world.now(), "invoke", self.name, self.user, name, seq))
            await self.session.notify("chat.read", room=room, seq=seq)
        else:
            with contextlib.suppress(ApiError, NoAnswer):
                await mark_all(self._world, self.account, self.name, self.user, room)

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
