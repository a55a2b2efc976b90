"""A scripted server on the loopback interface: real WebSockets, HTTP answered in this process.

Each connection is taken by the next act of the script: a coroutine function that gets the Peer, or a Refusal.
"""

import asyncio
import http
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import httpx
import websockets
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from parley_client import Account, Grant, Observer, Parley, Position, Ready
from parley_client.backoff import Then

USER = {
    "id": "u1",
    "username": "alice",
    "full_name": "Alice",
    "is_online": True,
    "last_seen": None,
    "bg_color": "#abcdef",
}
CREATED_AT = "2026-01-02T03:04:05.678Z"


@dataclass(frozen=True)
class Refusal:
    """An answer to a handshake that is no 101."""

    status: int
    code: str = "refused"
    headers: Mapping[str, str] = field(default_factory=dict)


class Peer:
    """The server's side of one connection."""

    def __init__(self, socket: ServerConnection) -> None:
        self._socket = socket

    async def send(self, kind: str, **data: Any) -> None:
        """A frame."""
        await self._socket.send(json.dumps({"type": kind, "data": data}))

    async def raw(self, text: str) -> None:
        """Anything."""
        await self._socket.send(text)

    async def ready(self, rooms: Mapping[str, int], epoch: str = "e1", heartbeat_s: float = 25, rev: int = 0) -> None:
        """`session.ready`."""
        listed = [{"id": room, "last_seq": seq, "rev": rev, "read_seq": 0} for room, seq in rooms.items()]
        await self.send(
            "session.ready", connection_id="c1", user=USER, epoch=epoch, rooms=listed, heartbeat_s=heartbeat_s
        )

    async def messages(self, room: str, *seqs: int) -> None:
        """Messages of somebody else."""
        for seq in seqs:
            await self.send("chat.message", **message(room, seq))

    async def ack(self, frame: Mapping[str, Any], seq: int, *, duplicate: bool = False) -> None:
        """The answer to a `chat.message` frame."""
        data = frame["data"]
        await self.send(
            "chat.ack",
            client_id=data["client_id"],
            id=f"m{seq}",
            room=data["room"],
            seq=seq,
            created_at=CREATED_AT,
            duplicate=duplicate,
        )

    async def receive(self, kind: str) -> dict[str, Any]:
        """The next frame of that kind; others are passed over."""
        while True:
            frame: dict[str, Any] = json.loads(await self._socket.recv())
            if frame["type"] == kind:
                return frame

    async def close(self, code: int) -> None:
        """End the connection."""
        await self._socket.close(code)

    async def stay(self) -> None:
        """Read and say nothing until the client goes."""
        async for _ in self._socket:
            pass

    def abort(self) -> None:
        """End the connection without a word."""
        self._socket.transport.abort()

    def stop_reading(self) -> None:
        """Let the client's bytes lie."""
        self._socket.transport.pause_reading()


Act = Callable[[Peer], Awaitable[None]] | Refusal


def message(room: str, seq: int) -> dict[str, Any]:
    """The data of a `chat.message`."""
    return {
        "id": f"m{seq}",
        "room": room,
        "seq": seq,
        "rev": 0,
        "user": {**USER, "id": "u2", "username": "bob"},
        "content": f"content {seq}",
        "created_at": CREATED_AT,
        "direction": "received",
        "is_delivered": False,
        "is_read": False,
    }


class Fake:
    """The server, and an account on it.

    Arguments:
        acts: the script; a connection beyond it is refused with 503.
        renewals: what `/auth/refresh` answers, in turn: an access token or a status.
    """

    def __init__(self, *acts: Act, renewals: tuple[str | int, ...] = ()) -> None:
        self._acts = list(acts)
        self._renewals = list(renewals)
        self._stack = AsyncExitStack()
        self._mistakes: list[BaseException] = []
        self.queries: list[dict[str, str]] = []
        self.tokens: list[str | None] = []
        self.requests: list[httpx.Request] = []
        self.finished = asyncio.Semaphore(0)  # one for each act that has come to its end
        self.lifetime = 900.0

    async def __aenter__(self) -> Self:
        server = await self._stack.enter_async_context(
            serve(self._handle, "127.0.0.1", 0, process_request=self._answer, ping_interval=None, close_timeout=0.5)
        )
        port = server.sockets[0].getsockname()[1]
        client = httpx.AsyncClient(transport=httpx.MockTransport(self._http))
        await self._stack.enter_async_context(client)
        self.parley = Parley(f"http://127.0.0.1:{port}", client=client)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()
        if self._mistakes and error is None:
            raise self._mistakes[0]

    def account(self) -> Account:
        """Alice, logged in with the token `t0`."""
        return self.parley.account("u1", "alice", Grant.lasting("t0", "r0", self.lifetime))

    def _answer(self, socket: ServerConnection, request: Request) -> Response | None:
        self.queries.append({name: values[0] for name, values in parse_qs(urlsplit(request.path).query).items()})
        self.tokens.append(request.headers.get("Authorization", "").removeprefix("Bearer ") or None)
        act = self._acts[0] if self._acts else Refusal(503)
        if not isinstance(act, Refusal):
            return None
        if self._acts:
            self._acts.pop(0)
        self.finished.release()
        body = json.dumps({"code": act.code}).encode()
        status = http.HTTPStatus(act.status)
        return Response(status, status.phrase, Headers({"Content-Length": str(len(body)), **act.headers}), body)

    async def _handle(self, socket: ServerConnection) -> None:
        act = self._acts.pop(0)
        assert not isinstance(act, Refusal)
        try:
            await act(Peer(socket))
        except websockets.ConnectionClosed:
            pass
        except BaseException as mistake:
            self._mistakes.append(mistake)
            raise
        finally:
            self.finished.release()

    def _http(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if request.url.path == "/auth/ws-ticket":
            return httpx.Response(200, json={"ticket": "ticket-1", "expires_in": 30})
        assert request.url.path == "/auth/refresh"
        renewal = self._renewals.pop(0)
        if isinstance(renewal, int):
            return httpx.Response(renewal, json={"code": "refused", "detail": "no"})
        grant = {"access_token": renewal, "refresh_token": f"r-{renewal}", "expires_in": self.lifetime}
        return httpx.Response(200, json=grant)


class Watcher(Observer):
    """Remembers what a session tells."""

    def __init__(self) -> None:
        self.endings: list[tuple[int | None, str, Then, float]] = []
        self.resumed: list[dict[str, Position]] = []
        self.gaps: list[tuple[str, int, int]] = []
        self.repeats: list[tuple[str, int, int]] = []
        self.waits: list[float] = []

    def connecting(self, positions: Mapping[str, Position]) -> None:
        self.resumed.append(dict(positions))

    def ready(self, ready: Ready, seconds: float) -> None:
        self.waits.append(seconds)

    def ended(self, connection_id: str | None, code: int | None, reason: str, then: Then, seconds: float) -> None:
        self.endings.append((code, reason, then, seconds))

    def gap(self, room: str, have: int, got: int) -> None:
        self.gaps.append((room, have, got))

    def repeat(self, room: str, have: int, got: int) -> None:
        self.repeats.append((room, have, got))
