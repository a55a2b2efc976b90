"""People who use the platform from outside: HTTP and WebSockets through the gateway, nothing else."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from tests.support.answers import check_answer
from tests.support.chat import Client
from tests.support.frames import connect

PASSWORD = "correct horse battery staple"
SECONDS = 10


class Platform:
    """The gateway of a running platform.

    Arguments:
        url: of the gateway.
        client: without a base URL, so that services can be asked directly too.
    """

    def __init__(self, url: str, client: httpx.AsyncClient) -> None:
        self.url = url
        self.client = client

    async def call(self, method: str, path: str, body: Any = None, *, token: str = "", **more: Any) -> httpx.Response:
        """A request; `body` is sent as JSON if not None, `path` may be a whole URL. The answer is as documented."""
        url = path if path.startswith("http") else self.url + path
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= more.pop("headers", {})
        if body is not None:
            more["json"] = body
        reply = await self.client.request(method, url, headers=headers, **more)
        if not path.startswith("http"):
            check_answer(reply)
        return reply

    async def register(self, word: str = "user", **more: Any) -> "Person":
        """Somebody new, whose name begins with that word."""
        username = f"{word}-{secrets.token_hex(4)}"
        reply = await self.call("POST", "/auth/register", {"username": username, "password": PASSWORD, **more})
        assert reply.status_code == 201, reply.text
        return Person(self, reply.json())

    def dial(self, query: str = "", path: str = "/api/chat/ws/chat/", **options: Any) -> Any:
        """A bare WebSocket connection."""
        url = f"{self.url.replace('http', 'ws', 1)}{path}{query}"
        return connect(url, **options)


class Person:
    """Somebody with an account and a session.

    Arguments:
        platform: where.
        grant: the answer to his registration or login.
    """

    def __init__(self, platform: Platform, grant: dict[str, Any]) -> None:
        self.platform = platform
        self.grant = grant
        self.id: str = grant["user_id"]
        self.username: str = grant["username"]
        self.token: str = grant["access_token"]

    async def call(self, method: str, path: str, body: Any = None, **more: Any) -> httpx.Response:
        """A request with his token."""
        return await self.platform.call(method, path, body, token=self.token, **more)

    async def get(self, path: str, **more: Any) -> Any:
        """What a GET gives, which must be 200."""
        reply = await self.call("GET", path, **more)
        assert reply.status_code == 200, reply.text
        return reply.json()

    async def log_in(self) -> "Person":
        """Himself once more, in another session."""
        body = {"username": self.username, "password": PASSWORD}
        reply = await self.platform.call("POST", "/auth/login", body)
        assert reply.status_code == 200, reply.text
        return Person(self.platform, reply.json())

    async def direct(self, other: "Person") -> str:
        """The room of these two."""
        reply = await self.call("POST", "/api/chat/rooms/", {"type": "direct", "user": other.username})
        assert reply.status_code in (200, 201), reply.text
        return str(reply.json()["id"])

    async def group(self, name: str, *members: "Person") -> str:
        """A new group."""
        body = {"type": "group", "name": name, "members": [member.username for member in members]}
        reply = await self.call("POST", "/api/chat/rooms/", body)
        assert reply.status_code == 201, reply.text
        return str(reply.json()["id"])

    async def say(self, room: str, text: str, client_id: str | None = None) -> dict[str, Any]:
        """A message over HTTP."""
        body = {"room": room, "message": text} | ({"client_id": client_id} if client_id else {})
        reply = await self.call("POST", "/api/chat/messages/", body)
        assert reply.status_code in (200, 201), reply.text
        message: dict[str, Any] = reply.json()
        return message

    @asynccontextmanager
    async def connected(self, query: str = "", **options: Any) -> AsyncIterator[Client]:
        """A socket, which has had its `session.ready`."""
        async with self.platform.dial(f"?token={self.token}{query}", **options) as socket:
            client = Client(socket)
            client.ready = await client.next("session.ready")
            yield client
