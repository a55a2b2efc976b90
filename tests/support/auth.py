"""A small real HTTP server in auth's place, and people with tokens."""

import asyncio
import base64
import time
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chassis.ids import uuid7
from contracts.internal import (
    JWKS_PATH,
    SESSION_PATH,
    TOKEN_AUDIENCE,
    TOKEN_ISSUER,
    USERS_PATH,
    SessionRecord,
    UserRecord,
    UserRecords,
)

REGISTERED_AT = "2026-01-31T12:00:00.000000Z"
KEY = Ed25519PrivateKey.generate()


class FakeAuth:
    """Answers as auth does: keys, users, sessions. It can be away (`close`) or frozen (`hold`)."""

    def __init__(self) -> None:
        self.users: dict[UUID, UserRecord] = {}
        self.asked: list[str] = []  # the questions about users, as path and query
        self.request_ids: list[str] = []
        self.answering = asyncio.Event()
        self.answering.set()
        self.port = 0
        self.most_at_once = 0
        self._open = 0
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in self._writers:
            writer.transport.abort()
        self.answering.set()

    def hold(self) -> None:
        """Accept questions about users and do not answer them until `answering` is set."""
        self.answering.clear()

    def register(self, username: str, display_name: str = "") -> "User":
        """A user, as if he had just registered."""
        record = UserRecord(uuid7(), username, display_name or username, REGISTERED_AT)
        self.users[record.id] = record
        return User(record)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while request := await reader.readuntil(b"\r\n\r\n"):
                lines = request.decode().split("\r\n")
                target = lines[0].split(" ")[1]
                self.request_ids += [line.split(": ")[1] for line in lines if line.lower().startswith("x-request-id")]
                body = msgspec.json.encode(self._answer(target))
                if target.startswith(USERS_PATH):
                    self._open += 1
                    self.most_at_once = max(self.most_at_once, self._open)
                    await self.answering.wait()
                    self._open -= 1
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    def _answer(self, target: str) -> object:
        parts = urlsplit(target)
        query = parse_qs(parts.query)
        if parts.path == JWKS_PATH:
            raw = base64.urlsafe_b64encode(KEY.public_key().public_bytes_raw()).rstrip(b"=").decode()
            return {"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "test", "x": raw}]}
        if parts.path.startswith(SESSION_PATH):
            return SessionRecord(alive=True)
        assert parts.path == USERS_PATH, target
        self.asked.append(target)
        ids = {UUID(text) for text in query.get("id", [])}
        names = {name.lower() for name in query.get("username", [])}
        return UserRecords([u for u in self.users.values() if u.id in ids or u.username.lower() in names])


class User:
    """Somebody with a token."""

    def __init__(self, record: UserRecord) -> None:
        self.record = record
        self.id = record.id
        self.username = record.username
        self.path = f"/profiles/{record.id}"
        self.session_id = uuid7()
        self.token = self.fresh_token()
        self.headers = {"Authorization": f"Bearer {self.token}"}

    def fresh_token(self, seconds: int = 900) -> str:
        """Another token of this login, good for `seconds`."""
        now = int(time.time())
        claims: dict[str, str | int] = {"iss": TOKEN_ISSUER, "aud": TOKEN_AUDIENCE, "sub": str(self.id)}
        claims |= {"sid": str(self.session_id)}
        claims |= {"jti": uuid7().hex, "iat": now, "exp": now + seconds, "username": self.username}
        return jwt.encode(claims, KEY, "EdDSA", headers={"kid": "test", "typ": "at+jwt"})
