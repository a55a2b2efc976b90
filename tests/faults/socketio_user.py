"""People who talk over Socket.IO, by the library's own client: reconnecting, resuming and repeating is theirs to do."""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import socketio

from parley_client import Account, ApiError, NoAnswer, Position, Ready, SessionOver
from parley_client.backoff import Then
from tests.faults.events import Send
from tests.faults.messages import content_of
from tests.faults.watch import Watch
from tests.faults.world import World

NAMESPACE = "/chat"
OPEN_SECONDS = 4
ANSWER_SECONDS = 5.0
SILENT_SECONDS = 5.0  # a connection over which nothing comes for so long is given up
WAIT_SECONDS = (0.1, 0.6)  # before connecting again
NOT_NOW = frozenset({"unavailable", "rate_limited"})


class SocketIOUser:
    """A connected device.

    Arguments:
        world: where everything is written down.
        account: of the user.
        user: his name, and the device's.
        chance: its own.
        transports: that the library may use; None leaves it to the library.
    """

    def __init__(
        self, world: World, account: Account, user: str, chance: random.Random, transports: list[str] | None = None
    ) -> None:
        self.user = user
        self._world = world
        self._account = account
        self._chance = chance
        self._transports = transports
        self._watch = Watch(world, user, user, revs=False)  # a message does not come with its rev
        self._positions: dict[str, Position] = {}
        self._epoch: str | None = None
        self._connection: _Connection | None = None
        self._in = asyncio.Event()  # while there is a connection that is let in
        self._number = 0
        self._lost_at = time.monotonic()
        self._running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect; returns when it is let in."""
        self._running = asyncio.create_task(self._stay_connected())
        await self._in.wait()

    async def stop(self) -> None:
        """End."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    def drop(self) -> None:
        """Lose the connection, if there is one."""
        if self._connection is not None:
            self._connection.over.set()

    # --- talking ------------------------------------------------------------------------------------------------------

    async def talk(self, rooms: Sequence[str], rate: float, stop: asyncio.Event) -> None:
        """Send to these rooms until told to stop, one after the other, each until it is stored."""
        while not stop.is_set():
            self._number += 1
            key = f"{self.user}-{self._number}"
            await self._send(self._chance.choice(rooms), key, content_of(key, self._chance))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), self._chance.expovariate(rate))

    async def _send(self, room: str, key: str, content: str) -> None:
        name = self._world.room_names[room]

        def note(kind: Any, **more: Any) -> None:
            self._world.add(Send(self._world.now(), kind, self.user, self.user, name, key, via="socketio", **more))

        note("invoke")
        while True:
            await self._in.wait()
            connection = self._connection
            try:
                if connection is None:
                    continue
                reply = await connection.ask("send_message", {"chat_id": room, "message": content, "client_id": key})
            except (socketio.exceptions.SocketIOError, TimeoutError):
                note("info", code="no_answer")
                await asyncio.sleep(self._chance.uniform(*WAIT_SECONDS))
                continue
            if "error" not in reply:
                note("ok", id=reply["message_id"], seq=reply["seq"], duplicate=reply["duplicate"])
                self._world.acked(name, reply["seq"], reply["message_id"], key)
                return
            code = reply["error"]["code"]
            if code not in NOT_NOW:
                note("fail", code=code)
                return
            note("info", code=code)
            await asyncio.sleep(float(reply["error"].get("retry_after", 1.0)))

    # --- connections --------------------------------------------------------------------------------------------------

    async def _stay_connected(self) -> None:
        while True:
            await self._live()
            self._lost_at = time.monotonic()
            await asyncio.sleep(self._chance.uniform(*WAIT_SECONDS))

    async def _live(self) -> None:
        """One connection from its beginning to its end."""
        self._watch.connecting(self._positions)
        connection = _Connection(self._heard)
        try:
            token = (await self._account.tokens.fresh()).access_token
            resume = {room: [at.seq] if at.rev is None else [at.seq, at.rev] for room, at in self._positions.items()}
            auth = {"token": token, "resume": resume} | ({} if self._epoch is None else {"epoch": self._epoch})
            await connection.open(self._account.parley.url(), auth, self._transports)
            async with asyncio.timeout(OPEN_SECONDS):
                await connection.ready.wait()
        except (socketio.exceptions.SocketIOError, ApiError, NoAnswer, SessionOver, TimeoutError) as error:
            self._watch.ended(None, connection.code, f"{type(error).__name__} {error}", Then.RETRY, 0.0)
            await connection.close()
            return
        self._connection = connection
        self._in.set()
        try:
            await connection.until_over()
        finally:
            self._in.clear()
            self._connection = None
            connection.mute()
            self._watch.ended(connection.id, connection.code, "", Then.RETRY, 0.0)
            await connection.close()

    def _heard(self, connection: "_Connection", event: str, data: Mapping[str, Any]) -> None:
        """An event, as the frame that it stands for."""
        if event == "session.ready":
            ready = Ready.of(data)
            self._epoch, connection.id = ready.epoch, ready.connection_id
            self._watch.ready(ready, time.monotonic() - self._lost_at)
            for room, position in ready.rooms.items():
                self._positions.setdefault(room, position)
            connection.ready.set()
        elif event == "receive_message":
            at = self._positions.get(data["chat_id"])
            self._positions[data["chat_id"]] = Position(data["seq"], None if at is None else at.rev)
            user = {"id": data["sender_id"]}
            message = {**data, "room": data["chat_id"], "id": data["message_id"], "user": user, "rev": 0}
            self._watch.frame(connection.id, "chat.message", {**message, "content": data["message"]})
        elif event in ("chat.edited", "chat.deleted"):
            at = self._positions.get(data["room"])
            if at is not None:
                self._positions[data["room"]] = Position(at.seq, max(data["rev"], at.rev or 0))
            self._watch.frame(connection.id, event, data)
        elif event == "chat_created":
            room = data["room"]
            self._positions.setdefault(room["id"], Position(room["joined_seq"], room["rev"]))
            self._watch.frame(connection.id, "room.created", room)
        else:
            if event == "room.removed":
                self._positions.pop(data["room"], None)
            elif event == "room.reset":
                self._positions[data["room"]] = Position(data["last_seq"], data["rev"])
            self._watch.frame(connection.id, event, data)


class _Connection:
    """One connection of the library's client.

    Arguments:
        heard: told of events, in the order in which they come.
    """

    def __init__(self, heard: Callable[["_Connection", str, Mapping[str, Any]], None]) -> None:
        self._heard = heard
        self._library = socketio.AsyncClient(reconnection=False)
        self._library.on("*", self._event, namespace=NAMESPACE)
        self._library.on("disconnect", self._disconnected, namespace=NAMESPACE)
        self._heard_at = time.monotonic()
        self._muted = False
        self.id = ""
        self.code: int | None = None  # why the server ends it
        self.ready = asyncio.Event()
        self.over = asyncio.Event()

    async def open(self, url: str, auth: Mapping[str, Any], transports: list[str] | None) -> None:
        """Connect.

        Raises:
            SocketIOError, TimeoutError: there is no connection.
        """
        async with asyncio.timeout(OPEN_SECONDS):
            await self._library.connect(
                url, auth=dict(auth), namespaces=[NAMESPACE], transports=transports, wait_timeout=OPEN_SECONDS
            )

    async def ask(self, event: str, data: Mapping[str, Any]) -> dict[str, Any]:
        """What an event is acknowledged by.

        Raises:
            SocketIOError, TimeoutError: it is not.
        """
        reply: dict[str, Any] = await self._library.call(event, data, namespace=NAMESPACE, timeout=ANSWER_SECONDS)
        return reply

    async def until_over(self) -> None:
        """Wait until it has ended, or nobody is there any more."""
        while not self.over.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.over.wait(), SILENT_SECONDS / 5)
            if time.monotonic() - self._heard_at > SILENT_SECONDS:
                return
            if not self.over.is_set():
                with contextlib.suppress(socketio.exceptions.SocketIOError):
                    await self._library.emit("ping", {}, namespace=NAMESPACE)

    def mute(self) -> None:
        """Hear nothing more."""
        self._muted = True

    async def close(self) -> None:
        """Leave."""
        self.mute()
        with contextlib.suppress(socketio.exceptions.SocketIOError, TimeoutError, OSError):
            async with asyncio.timeout(OPEN_SECONDS):
                await self._library.disconnect()

    def _event(self, event: str, data: Any = None) -> None:
        self._heard_at = time.monotonic()
        if event == "session.closing":
            self.code = data["code"]
        elif not self._muted and event != "pong":
            self._heard(self, event, data)

    def _disconnected(self, *reason: Any) -> None:
        self.over.set()
