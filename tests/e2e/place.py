"""Somebody with a friend and a room, for requests that should change nothing there."""

import re
from typing import Any

import httpx

from tests.e2e.people import PASSWORD, Person
from tests.support.openapi import Operation

NOBODY = "00000000-0000-7000-8000-000000000000"


class Place:
    """Somebody with a friend, a room and a group, whose state is looked at before and after."""

    def __init__(self, alice: Person, bob: Person, room: str) -> None:
        self.alice = alice
        self.bob = bob
        self.room = room

    def path(self, operation: Operation, **instead: str) -> str:
        """The path of an operation, with something in place of its names."""
        known = {
            "room": self.room,
            "user_id": "me",
            "user": self.bob.id,
            "session_id": NOBODY,
            "token": "sample",
            "seq": "1",
        }
        return re.sub(r"\{(\w+)\}", lambda match: {**known, **instead}.get(match[1], "sample"), operation.path)

    def good(self, operation: Operation) -> Any:
        """A body with all its fields."""
        return {field: self._good(field, schema) for field, schema in operation.body.get("properties", {}).items()}

    def _good(self, field: str, schema: Any) -> Any:
        known = {
            "username": self.alice.username,
            "receiver": self.bob.username,
            "user": self.bob.username,
            "members": [self.bob.username],
            "room": self.room,
            "id": self.alice.id,
            "type": "group",
            "platform": "fcm",
            "email": "somebody@example.org",
            "avatarUrl": "https://example.org/a.png",
            "preferences": {"theme": "dark"},
            "password": PASSWORD,
            "current_password": PASSWORD,
            "new_password": f"another {PASSWORD}",
        }
        kinds = {option.get("type") for option in schema.get("anyOf", [schema])}
        by_kind = {"string": "sample", "integer": 1, "boolean": False, "object": {}, "array": []}
        return known.get(field) or next(value for kind, value in by_kind.items() if kind in kinds)

    async def call(self, operation: Operation, path: str, **more: Any) -> httpx.Response:
        """Alice's request."""
        return await self.alice.call(operation.method, path, **more)

    async def state(self) -> list[Any]:
        """What a request could have changed."""
        paths = ["/auth/me", "/auth/sessions", "/profiles/me", "/api/chat/users/", f"/api/chat/{self.room}/messages/"]
        mine = [await self.alice.get(path) for path in paths]
        for session in mine[1]["sessions"]:
            del session["last_seen_at"]
        return [*mine, await self.bob.get("/profiles/me"), await self.bob.get("/api/chat/users/")]
