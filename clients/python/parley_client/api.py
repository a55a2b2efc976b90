"""The platform and an account on it, over HTTP."""

import random
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Self
from uuid import uuid4

import httpx

from .closing import Closing
from .errors import ApiError, NoAnswer, error_of
from .model import Message, Position, Room
from .observer import Observer
from .options import Options
from .patience import Patience
from .session import ChatSession
from .tokens import Grant, Tokens


class Parley(Closing):
    """A platform.

    async with Parley("http://127.0.0.1:8000") as parley:
        alice = await parley.login("alice", "correct horse")

    Arguments:
        urls: of its gateway; of more than one, each request takes any.
        seconds: that a request may take.
        client: an httpx client of your own, which is not closed; proxies and certificates are its business.
    """

    def __init__(self, *urls: str, seconds: float = 10.0, client: httpx.AsyncClient | None = None) -> None:
        if not urls:
            raise ValueError("a platform has a URL")
        self._urls = [url.rstrip("/") for url in urls]
        self._owns_client = client is None
        self._client = client or httpx.AsyncClient(timeout=seconds, trust_env=False)

    async def __aenter__(self) -> Self:
        return self

    async def close(self) -> None:
        """Close the connections of HTTP; sessions are closed by themselves."""
        if self._owns_client:
            await self._client.aclose()

    def url(self) -> str:
        """The address for the next attempt."""
        return random.choice(self._urls)  # noqa: S311  spreading load, not a secret

    async def request(
        self, method: str, path: str, body: Any = None, *, token: str | None = None, **params: Any
    ) -> tuple[int, Any]:
        """One request; status and decoded body (None if there is none).

        Raises:
            ApiError: the answer is no success.
            NoAnswer: there is no answer, or not all of it.
        """
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        given = {name: value for name, value in params.items() if value is not None}
        try:
            answer = await self._client.request(
                method, self.url() + path, json=body, headers=headers, params=given or None
            )
        except httpx.HTTPError as error:
            raise NoAnswer(f"{method} {path}: {error or type(error).__name__}") from error
        try:
            content = answer.json() if answer.content else None
        except ValueError:
            content = None
        if not answer.is_success:
            raise error_of(answer.status_code, content, answer.headers.get("Retry-After"))
        return answer.status_code, content

    async def register(self, username: str, password: str, **more: Any) -> "Account":
        """A new account; `more` may be email, display_name, fcm_token. Raises as `request`."""
        _, body = await self.request("POST", "/auth/register", {"username": username, "password": password, **more})
        return self._account(body)

    async def login(self, username: str, password: str) -> "Account":
        """An account that is there; raises as `request`."""
        _, body = await self.request("POST", "/auth/login", {"username": username, "password": password})
        return self._account(body)

    def account(
        self, user_id: str, username: str, grant: Grant, on_change: Callable[[Grant], None] = lambda grant: None
    ) -> "Account":
        """An account whose tokens were kept; `on_change` is told of those that replace them."""
        return Account(self, user_id, username, Tokens(grant, self._renew, on_change))

    def _account(self, body: Mapping[str, Any]) -> "Account":
        return self.account(body["user_id"], body["username"], _grant_of(body))

    async def _renew(self, refresh_token: str) -> Grant:
        _, body = await self.request("POST", "/auth/refresh", {"refresh_token": refresh_token})
        return _grant_of(body)


class Account:
    """Somebody who is logged in; made by Parley. All methods raise as `Parley.request`, and SessionOver."""

    def __init__(self, parley: Parley, user_id: str, username: str, tokens: Tokens) -> None:
        self.parley = parley
        self.id = user_id
        self.username = username
        self.tokens = tokens

    async def request(self, method: str, path: str, body: Any = None, **params: Any) -> tuple[int, Any]:
        """A request in his name; a token that is refused is renewed once."""
        grant = await self.tokens.fresh()
        try:
            return await self.parley.request(method, path, body, token=grant.access_token, **params)
        except ApiError as error:
            if error.status != 401:
                raise
        grant = await self.tokens.renew(grant)
        return await self.parley.request(method, path, body, token=grant.access_token, **params)

    async def logout(self, *, everywhere: bool = False) -> None:
        """End this login, or all of his: tokens are refused and sockets close at once."""
        await self.request("POST", "/auth/logout", {"all": everywhere})

    async def rooms(self, *, online: bool = False) -> AsyncIterator[Room]:
        """His rooms, the latest activity first; `online`: those with a friend who is connected."""
        page = 1
        while True:
            wanted = "online" if online else None
            _, body = await self.request("GET", "/api/chat/users/", page=page, page_size=200, filter=wanted)
            for room in body["results"]:
                yield Room.of(room)
            if body["next"] is None:
                return
            page += 1

    async def room(self, room: str) -> Room:
        """One room."""
        return Room.of((await self.request("GET", f"/api/chat/users/{room}/"))[1])

    async def direct(self, user: str) -> Room:
        """The room with somebody (username or id), made if there is none."""
        return Room.of((await self.request("POST", "/api/chat/rooms/", {"type": "direct", "user": user}))[1])

    async def group(self, name: str, *members: str) -> Room:
        """A new group with these people (usernames or ids) and himself."""
        body = {"type": "group", "name": name, "members": list(members)}
        return Room.of((await self.request("POST", "/api/chat/rooms/", body))[1])

    async def invite(self, room: str, user: str) -> None:
        """Add somebody (username or id) to a group."""
        await self.request("POST", f"/api/chat/rooms/{room}/members/", {"user": user})

    async def remove(self, room: str, user_id: str) -> None:
        """Remove somebody from a group, or leave it oneself."""
        await self.request("DELETE", f"/api/chat/rooms/{room}/members/{user_id}/")

    async def history(
        self, room: str, *, after: int | None = None, before: int | None = None, limit: int = 50
    ) -> list[Message]:
        """A page of a room: beyond `after` ascending, or below `before` (else the newest) descending; at most 200."""
        path = f"/api/chat/{room}/messages/"
        if after is None and before is None:
            before = 2**53
        _, body = await self.request("GET", path, after=after, before=before, limit=limit)
        return [Message.of(message) for message in body["results"]]

    async def all_history(self, room: str, *, after: int = 0) -> AsyncIterator[Message]:
        """All messages of a room beyond `after`, ascending."""
        while page := await self.history(room, after=after, limit=200):
            for message in page:
                yield message
            after = page[-1].seq

    async def send(
        self,
        room: str,
        content: str,
        *,
        reply_to: int | None = None,
        client_id: str | None = None,
        patience: float = 30.0,
    ) -> Message:
        """Send over HTTP, repeating it with the same client_id until it is known to be stored.

        Arguments:
            reply_to: the seq of the message of that room that this one answers.
            client_id: of 1 to 64 characters, one's own for each message; made up if there is none.
            patience: seconds to go on trying.

        Raises:
            ApiError: it is refused.
            NoAnswer, Unavailable: patience is over, and it is not known whether it is stored.
        """
        body: dict[str, Any] = {"room": room, "message": content, "client_id": client_id or uuid4().hex}
        if reply_to is not None:
            body["reply_to"] = reply_to
        trying = Patience(patience)
        while True:
            try:
                return Message.of((await self.request("POST", "/api/chat/messages/", body))[1])
            except (ApiError, NoAnswer) as error:
                await trying.after(error)

    async def edit(self, room: str, seq: int, content: str) -> Message:
        """Give a message of his other words; the message as it is then."""
        _, body = await self.request("PATCH", f"/api/chat/{room}/messages/{seq}/", {"content": content})
        return Message.of(body)

    async def delete(self, room: str, seq: int) -> None:
        """Delete a message of his, or of a group that he owns."""
        await self.request("DELETE", f"/api/chat/{room}/messages/{seq}/")

    async def mark_read(self, room: str) -> int:
        """Everything in a room is read; the marker."""
        return int((await self.request("POST", f"/api/chat/{room}/messages/"))[1]["read_seq"])

    def connect(
        self,
        *,
        positions: Mapping[str, Position] | None = None,
        epoch: str | None = None,
        options: Options | None = None,
        observer: Observer | None = None,
    ) -> ChatSession:
        """A live session, to be entered with `async with`.

        Arguments:
            positions: where to go on, as of `ChatSession.positions`; other rooms begin now.
            epoch: `ChatSession.epoch` at that time.
            options: times and sizes.
            observer: told of everything.
        """
        return ChatSession(self, positions, epoch, options or Options(), observer or Observer())

    async def ticket(self) -> str:
        """Stands for the token in the URL of one WebSocket, for 30 s."""
        return str((await self.request("POST", "/auth/ws-ticket"))[1]["ticket"])


def _grant_of(body: Mapping[str, Any]) -> Grant:
    return Grant.lasting(body["access_token"], body["refresh_token"], float(body["expires_in"]))
