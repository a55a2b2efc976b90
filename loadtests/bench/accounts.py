"""People with tokens, and a server in auth's place.

Logging in costs what argon2 is made to cost, and a thousand people would take minutes. So the benchmark signs its own
tokens with a key of its own and answers what services ask auth for: the public key, accounts, whether a session lives.
Nothing of this is asked while the clocks run: chat asks at the handshake.
"""

import asyncio
import base64
import time
from collections.abc import Sequence
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chassis.ids import uuid7
from chassis.times import rfc3339, utc_now
from chassis.tokens import ALGORITHM, TYPE
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

KEY_ID = "bench"
TOKEN_SECONDS = 3600


class Person(msgspec.Struct, frozen=True):
    """Somebody who is logged in."""

    id: UUID
    username: str
    token: str


class Accounts:
    """All people of a run, and the server that knows them."""

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()
        self._by_id: dict[UUID, UserRecord] = {}
        self._by_name: dict[str, UserRecord] = {}
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    async def open(self) -> None:
        """Begin to answer, on a free port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """End."""
        if self._server is not None:
            self._server.close()
        for writer in tuple(self._writers):
            writer.transport.abort()

    def register(self, count: int) -> Sequence[Person]:
        """That many new people."""
        registered_at = rfc3339(utc_now()) or ""
        people = []
        for _ in range(count):
            username = f"person{len(self._by_id):06}"
            record = UserRecord(uuid7(), username, username.capitalize(), registered_at)
            self._by_id[record.id] = self._by_name[username] = record
            people.append(Person(record.id, username, self._token(record)))
        return people

    def _token(self, record: UserRecord) -> str:
        now = int(time.time())
        claims = {
            "iss": TOKEN_ISSUER,
            "aud": TOKEN_AUDIENCE,
            "sub": str(record.id),
            "sid": str(uuid7()),
            "jti": uuid7().hex,
            "iat": now,
            "exp": now + TOKEN_SECONDS,
            "username": record.username,
        }
        return jwt.encode(claims, self._key, ALGORITHM, headers={"kid": KEY_ID, "typ": TYPE})

    def answer(self, target: str) -> object:
        """What auth says to `GET target`; None if there is no such path."""
        parts = urlsplit(target)
        if parts.path == JWKS_PATH:
            public = base64.urlsafe_b64encode(self._key.public_key().public_bytes_raw()).rstrip(b"=").decode()
            return {"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": KEY_ID, "x": public}]}
        if parts.path.startswith(f"{SESSION_PATH}/"):
            return SessionRecord(alive=True)
        if parts.path == USERS_PATH:
            query = parse_qs(parts.query)
            found = [self._by_id.get(UUID(text)) for text in query.get("id", [])]
            found += [self._by_name.get(text.lower()) for text in query.get("username", [])]
            return UserRecords([record for record in found if record is not None])
        return None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while True:
                request = await reader.readuntil(b"\r\n\r\n")
                answer = self.answer(request.split(b" ", 2)[1].decode())
                body = msgspec.json.encode(answer)
                status = b"404 Not Found" if answer is None else b"200 OK"
                head = b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
                writer.write(head % (status, len(body)) + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the service has gone
        finally:
            self._writers.discard(writer)
            writer.transport.abort()
