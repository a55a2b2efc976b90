"""Services in the gateway's back that do what a test tells them, and people with tokens."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import jwt
import websockets
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request as Handshake
from websockets.http11 import Response as Refusal

from chassis.ids import uuid7
from contracts.internal import JWKS_PATH, SESSION_PATH, TOKEN_AUDIENCE, TOKEN_ISSUER

KEY = Ed25519PrivateKey.generate()


class Seen:
    """A request as a service got it."""

    def __init__(self, head: bytes, reader: asyncio.StreamReader) -> None:
        self.reader = reader  # for what comes after it
        self.body = b""
        start, *lines = head.decode("latin-1").split("\r\n")
        self.method, self.target, _ = start.split(" ")
        self.headers: list[tuple[str, str]] = []
        for line in lines:
            name, _, value = line.partition(": ")
            self.headers.append((name.lower(), value))

    def header(self, name: str) -> str | None:
        """The value of a header that comes once at most."""
        values = [value for key, value in self.headers if key == name]
        assert len(values) <= 1, (name, values)
        return values[0] if values else None

    def names(self) -> set[str]:
        """Which headers there are."""
        return {name for name, _ in self.headers}


Answer = Callable[[Seen, asyncio.StreamWriter], Awaitable[None]]


def response(status: int, body: bytes = b"", *headers: str) -> bytes:
    """A whole response."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


async def echo(seen: Seen, writer: asyncio.StreamWriter) -> None:
    """Tell what came."""
    document = {"method": seen.method, "target": seen.target, "headers": seen.headers, "body": seen.body.decode()}
    writer.write(response(200, json.dumps(document).encode(), "Content-Type: application/json"))


class FakeService:
    """An HTTP/1.1 server; `answer` decides what it says. Raw, so that it can also misbehave."""

    def __init__(self, answer: Answer = echo) -> None:
        self.answer = answer
        self.seen: list[Seen] = []
        self.connections = 0
        self.port = 0
        self.read_bodies = True
        self.body_bytes = 0  # read so far, also of bodies that are not complete
        self.writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    async def open(self) -> None:
        """Listen; on the same port as before."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Be gone, as if killed."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.drop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def drop(self) -> None:
        """End every connection."""
        for writer in self.writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.connections += 1
        self.writers.add(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n"))[:-4]
                seen = Seen(head, reader)
                if self.read_bodies:
                    seen.body = await self._body(seen, reader)
                self.seen.append(seen)
                await self.answer(seen, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self.writers.discard(writer)
            writer.transport.abort()

    async def _body(self, seen: Seen, reader: asyncio.StreamReader) -> bytes:
        body = b""
        if seen.header("transfer-encoding") == "chunked":
            while size := int(await reader.readline(), 16):
                body += (await reader.readexactly(size + 2))[:-2]
                self.body_bytes = len(body)
            await reader.readexactly(2)
        else:
            left = int(seen.header("content-length") or 0)
            while left:
                piece = await reader.read(min(left, 65536))
                if not piece:
                    raise ConnectionResetError
                body += piece
                left -= len(piece)
                self.body_bytes = len(body)
        return body


class FakeAuth(FakeService):
    """Auth's part: the keys, and whether a session lives; the rest as FakeService."""

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.then: Answer = echo
        self.ended: set[UUID] = set()
        self.asked: list[UUID] = []  # for sessions

    async def _answer(self, seen: Seen, writer: asyncio.StreamWriter) -> None:
        if seen.target == JWKS_PATH:
            raw = base64.urlsafe_b64encode(KEY.public_key().public_bytes_raw()).rstrip(b"=").decode()
            keys = {"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "test", "x": raw}]}
            writer.write(response(200, json.dumps(keys).encode()))
        elif seen.target.startswith(SESSION_PATH):
            session = UUID(seen.target.rpartition("/")[2])
            self.asked.append(session)
            writer.write(response(200, json.dumps({"alive": session not in self.ended}).encode()))
        else:
            await self.then(seen, writer)


class User:
    """Somebody with a token."""

    def __init__(self) -> None:
        self.id = uuid7()
        self.session_id = uuid7()
        self.token = self.make_token()
        self.headers = {"Authorization": f"Bearer {self.token}"}

    def make_token(self, seconds: int = 900, key: Ed25519PrivateKey = KEY) -> str:
        """A token of this login, good for `seconds`."""
        now = int(time.time())
        claims: dict[str, str | int] = {"iss": TOKEN_ISSUER, "aud": TOKEN_AUDIENCE, "jti": uuid7().hex}
        claims |= {"sub": str(self.id), "sid": str(self.session_id), "username": "somebody"}
        claims |= {"iat": now - 1, "exp": now + seconds}
        return jwt.encode(claims, key, "EdDSA", headers={"kid": "test", "typ": "at+jwt"})


class FakePod:
    """A chat pod's WebSocket door, by the `websockets` library: echoes, or does what `talk` says."""

    def __init__(self, talk: Callable[[ServerConnection], Awaitable[None]] | None = None) -> None:
        self.talk = talk
        self.handshakes: list[Handshake] = []
        self.connections: list[ServerConnection] = []
        self.refusal: tuple[int, bytes] | None = None
        self.port = 0
        self._server: Any = None

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    @asynccontextmanager
    async def running(self) -> AsyncIterator["FakePod"]:
        """Listen until the end of the block."""
        await self.open()
        try:
            yield self
        finally:
            await self.close()

    async def open(self) -> None:
        """Listen; on the same port as before."""
        self._server = await websockets.serve(
            self._serve,
            "127.0.0.1",
            self.port,
            process_request=self._check,
            select_subprotocol=lambda connection, offered: offered[0] if "bearer" in offered else None,
            max_size=2**25,
            close_timeout=0.2,
        )
        self.port = next(iter(self._server.sockets)).getsockname()[1]

    async def close(self) -> None:
        """Be gone."""
        if self._server is not None:
            for connection in self.connections:
                connection.transport.abort()
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    def _check(self, connection: ServerConnection, handshake: Handshake) -> Refusal | None:
        self.handshakes.append(handshake)
        if self.refusal is None:
            return None
        status, body = self.refusal
        refusal = connection.respond(status, body.decode())
        del refusal.headers["Content-Type"]
        refusal.headers["Content-Type"] = "application/problem+json"
        refusal.headers["Retry-After"] = "7"
        refusal.headers["X-Content-Type-Options"] = "nosniff"
        return refusal

    async def _serve(self, connection: ServerConnection) -> None:
        self.connections.append(connection)
        try:
            if self.talk is not None:
                await self.talk(connection)
                return
            async for message in connection:
                await connection.send(message)
        except websockets.ConnectionClosed:
            pass
