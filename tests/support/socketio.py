"""Clients of Socket.IO: python-socketio's, which remembers what it got, and bare ones that can misbehave."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import socketio
import websockets

from tests.support.auth import User
from tests.support.chat import PATIENCE_SECONDS, Pod, until
from tests.support.frames import WrongFrameError, check_acknowledged, check_heard

NAMESPACE = "/chat"


class SocketClient:
    """python-socketio's client. Events of its own begin with a "$"."""

    def __init__(self) -> None:
        self.library = socketio.AsyncClient(reconnection=False)
        self.events: list[tuple[str, Any]] = []
        self.wrong: list[WrongFrameError] = []
        self.library.on("*", self._heard, namespace=NAMESPACE)
        for name in ("connect_error", "disconnect"):
            self.library.on(name, self._own(name), namespace=NAMESPACE)

    async def _heard(self, event: str, data: Any = None) -> None:
        self.events.append((event, data))
        try:
            check_heard(event, data)
        except WrongFrameError as error:  # the library would log it and go on
            self.wrong.append(error)

    def _own(self, name: str) -> Callable[..., Any]:
        async def heard(data: Any = None) -> None:
            self.events.append((f"${name}", data))

        return heard

    async def call(self, event: str, data: Any = None) -> Any:
        """Emit an event; what its acknowledgement says, which is as documented."""
        reply = await self.library.call(event, data, namespace=NAMESPACE, timeout=PATIENCE_SECONDS)
        check_acknowledged(event, reply)
        return reply

    async def tell(self, event: str, data: Any = None) -> None:
        """Emit an event without asking for an acknowledgement."""
        await self.library.emit(event, data, namespace=NAMESPACE)

    def all(self, event: str) -> list[Any]:
        """The data of all events of that name."""
        return [data for name, data in self.events if name == event]

    async def until(self, event: str, count: int = 1) -> Any:
        """Wait for so many events; the data of the last."""
        await until(lambda: len(self.all(event)) >= count, f"{count} {event}")
        return self.all(event)[count - 1]

    def seqs(self, room: object) -> list[int]:
        """The messages of a room, by seq, as they came."""
        return [data["seq"] for data in self.all("receive_message") if data["chat_id"] == str(room)]


@asynccontextmanager
async def connected(pod: Pod, user: User, *, resume: Any = False, **options: Any) -> AsyncIterator[SocketClient]:
    """A client of a pod, until the end of the block.

    Arguments:
        resume: where it goes on, as told in `auth`; None says nothing of it.
        options: as of the library.
    """
    client = SocketClient()
    auth = {"token": user.token} | ({} if resume is None else {"resume": resume})
    given = {"auth": auth, "namespaces": [NAMESPACE], **options}
    try:
        await client.library.connect(f"http://127.0.0.1:{pod.port}", **given)
        yield client
    finally:
        await client.library.disconnect()
    assert client.wrong == []


class Polling:
    """Engine.IO by long-polling, request by request.

    Arguments:
        client: whose base URL is the server's.
    """

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.query = {"EIO": "4", "transport": "polling"}
        self._heard = ""

    async def open(self, token: str = "", **query: str) -> dict[str, Any]:
        """Open the connection; with a token, come into the namespace too. What the server says of the connection."""
        self.query |= query
        said = (await self.get()).text
        assert said.startswith("0"), said
        opened: dict[str, Any] = json.loads(said[1:])
        self.query["sid"] = opened["sid"]
        if token:
            assert (await self.post("40/chat," + json.dumps({"token": token, "resume": False}))).status_code == 200
            await self.until("40/chat,{")
        return opened

    async def get(self, **query: str) -> httpx.Response:
        """Poll."""
        return await self.client.get("/socket.io/", params=self.query | query)

    async def post(self, *packets: str | bytes, **query: str) -> httpx.Response:
        """Send packets."""
        body = b"\x1e".join(packet.encode() if isinstance(packet, str) else packet for packet in packets)
        headers = {"Content-Type": "text/plain;charset=UTF-8"}
        return await self.client.post("/socket.io/", params=self.query | query, content=body, headers=headers)

    async def until(self, text: str) -> str:
        """Poll until a packet with that text has come; the packet. Those before it are passed over."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while text not in self._heard:
                self._heard += (await self.get()).text + "\x1e"
        before, _, behind = self._heard.partition(text)
        end, _, self._heard = behind.partition("\x1e")
        return before.rpartition("\x1e")[2] + text + end


@asynccontextmanager
async def bare_socket(pod: Pod, token: str = "", **query: str) -> AsyncIterator[Any]:
    """Engine.IO over a WebSocket; with a token, in the namespace."""
    fields = "&".join(f"{name}={value}" for name, value in {"EIO": "4", "transport": "websocket", **query}.items())
    url = f"ws://127.0.0.1:{pod.port}/socket.io/?{fields}"
    async with websockets.connect(url, compression=None, ping_interval=None, proxy=None, close_timeout=1) as socket:
        if "sid" not in query:
            assert (await socket.recv())[:1] == "0"
        if token:
            await socket.send("40/chat," + json.dumps({"token": token, "resume": False}))
            assert str(await socket.recv()).startswith("40/chat,{")
        yield socket


async def packet_with(socket: Any, text: str) -> str:
    """The next packet that has that text."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            packet = str(await socket.recv())
            if text in packet:
                return packet


async def close_of(socket: Any) -> tuple[int, str]:
    """Wait for the WebSocket's close; its code and reason."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        try:
            while True:
                await socket.recv()
        except websockets.ConnectionClosed as closed:
            return (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd is not None else (1006, "")
