"""Chat pods in this process, on real engines and real sockets, and a client that speaks the public protocol."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import httpx
import websockets

from chassis import server
from chassis.asgi import Edge
from chassis.ops import Ops
from chat_service.app import create_app
from chat_service.realtime.keeper import Keeper
from chat_service.realtime.session import Session
from chat_service.settings import Settings
from tests.support.auth import User
from tests.support.frames import check_sent, connect

PATIENCE_SECONDS = 30
PRESENCE = ("friend.online", "friend.offline")  # come by themselves


class Pod:
    """A running chat pod."""

    def __init__(self, port: int, service: Any, client: httpx.AsyncClient) -> None:
        self.port = port
        self.service = service
        self.client = client

    def sessions(self) -> list[Session]:
        """All open sessions of this pod."""
        keeper: Keeper = component(self, "keeper")
        return keeper.sessions()

    async def get(self, path: str, user: User) -> httpx.Response:
        """GET as a user."""
        return await self.client.get(path, headers=user.headers)

    async def post(self, path: str, user: User, body: Any = None) -> httpx.Response:
        """POST as a user."""
        return await self.client.post(path, headers=user.headers, json=body)

    async def direct(self, one: User, other: User) -> UUID:
        """The room of two."""
        response = await self.post("/api/chat/rooms/", one, {"type": "direct", "user": other.username})
        assert response.status_code in (200, 201), response.text
        return UUID(response.json()["id"])

    async def group(self, owner: User, *members: User) -> UUID:
        """A fresh group."""
        names = [member.username for member in members]
        response = await self.post("/api/chat/rooms/", owner, {"type": "group", "name": "group", "members": names})
        assert response.status_code == 201, response.text
        return UUID(response.json()["id"])

    @asynccontextmanager
    async def connect(self, user: User, query: str = "", **options: Any) -> AsyncIterator["Client"]:
        """A socket of a user, which has had its `session.ready`."""
        async with self.dial(user, query, **options) as socket:
            client = Client(socket)
            client.ready = await client.next("session.ready")
            yield client

    def dial(self, user: User | None, query: str = "", **options: Any) -> Any:
        """The bare connection; without a user, `query` is all there is."""
        token = "" if user is None else f"token={user.token}"
        url = f"ws://127.0.0.1:{self.port}/ws?{token}{query}"
        return connect(url, **options)


class Client:
    """A WebSocket client that remembers all it got, and the types of what it sent."""

    def __init__(self, socket: Any) -> None:
        self.socket = socket
        self.ready: dict[str, Any] = {}
        self.frames: list[dict[str, Any]] = []
        self.sent: list[str] = []
        self._taken = 0

    async def send(self, kind: str, **data: Any) -> None:
        """Send a frame, which is as documented."""
        text = json.dumps({"type": kind, "data": data}, default=str)
        self.sent.append(check_sent(text))
        await self.socket.send(text)

    async def send_wrong(self, kind: str, data: Any) -> None:
        """Send a frame that need not be as documented."""
        await self.socket.send(json.dumps({"type": kind, "data": data}, default=str))

    async def say(self, room: UUID, content: str, client_id: str | None = None) -> dict[str, Any]:
        """Send a message and wait for its ack."""
        data: dict[str, Any] = {"room": room, "content": content}
        if client_id is not None:
            data["client_id"] = client_id
        await self.send("chat.message", **data)
        return await self.next("chat.ack")

    async def next(self, kind: str, where: Callable[[dict[str, Any]], bool] = lambda data: True) -> dict[str, Any]:
        """The data of the next frame of that kind which has not been taken; others stay."""
        for index, frame in enumerate(self.frames):
            if frame["type"] == kind and not frame.get("taken") and where(frame["data"]):
                frame["taken"] = True
                return dict(self.frames[index]["data"])
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                frame = json.loads(await self.socket.recv())
                self.frames.append(frame)
                if frame["type"] == kind and where(frame["data"]):
                    frame["taken"] = True
                    return dict(frame["data"])

    async def next_of(self, *kinds: str) -> dict[str, Any]:
        """The next frame that comes of these kinds, whole; others stay."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                frame: dict[str, Any] = json.loads(await self.socket.recv())
                self.frames.append(frame)
                if frame["type"] in kinds:
                    frame["taken"] = True
                    return frame

    async def messages(self, count: int) -> list[dict[str, Any]]:
        """The next `count` messages."""
        return [await self.next("chat.message") for _ in range(count)]

    async def quiet(self) -> list[str]:
        """The kinds of all frames that have not been taken, after everything sent so far has been answered; without
        those of presence, which come when they come."""
        await self.send("ping")
        await self.next("pong")
        kinds = [frame["type"] for frame in self.frames if not frame.get("taken")]
        return [kind for kind in kinds if kind not in PRESENCE]

    async def closed(self) -> int:
        """Wait for the close; its code."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            try:
                while True:
                    self.frames.append(json.loads(await self.socket.recv()))
            except websockets.ConnectionClosed as closed:
                return closed.rcvd.code if closed.rcvd is not None else 1006


@asynccontextmanager
async def running_pod(name: str, **settings: Any) -> AsyncIterator[Pod]:
    """A pod from start to stop; `settings` as of chat's Settings."""
    service = create_app(Settings(pod_name=name, **settings))
    app = Ops(Edge(service.app, service.lifecycle), service.lifecycle, None)
    ended = asyncio.Event()
    port = free_port()

    async def shutdown() -> None:
        await ended.wait()

    serving = asyncio.create_task(server.serve(app, [f"127.0.0.1:{port}"], shutdown, grace_seconds=0.2))
    try:
        await service.lifecycle.start()
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
            await until_listening(port)
            yield Pod(port, service, client)
    finally:
        await service.lifecycle.stop()
        ended.set()
        await serving


def component(pod: Pod, name: str) -> Any:
    """The component of that name of a pod."""
    [found] = [component for other, component in pod.service.lifecycle._components if other == name]
    return found


async def until_listening(port: int) -> None:
    """Wait until somebody accepts connections there."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.01)
            else:
                writer.close()
                return


def free_port() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def until(condition: Callable[[], Any], what: str = "the condition") -> None:
    """Wait until `condition()` is true, awaiting it if it is a coroutine."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                result = condition()
                if asyncio.iscoroutine(result):
                    result = await result
                if result:
                    return
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"{what} did not come about in {PATIENCE_SECONDS} s") from None


def raw_socket(pod: Pod, user: User) -> socket.socket:
    """A socket that has been upgraded and will never read again."""
    raw = socket.create_connection(("127.0.0.1", pod.port))
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    head = f"GET /ws?token={user.token} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    raw.sendall(f"{head}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
    return raw
