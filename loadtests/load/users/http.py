"""Somebody without a socket: he asks for what is new."""

import random
import time
from typing import Any

import gevent

from .base import ChatUser, key_of, some_words

SETTLE_SECONDS = 10.0
PAGE = 200


class HttpUser(ChatUser):
    """A client that polls."""

    abstract = True

    def begin(self) -> None:
        """Find out how far each room is."""
        page = self.ask("GET", "/api/chat/users/?page_size=200", "/api/chat/users/") or {"results": []}
        self.watch.begin({room["id"]: room["last_seq"] for room in page["results"]})

    def wait_for_all(self) -> None:
        """Ask until it is there."""
        newest = {room: seq for room, seq in self.play.book.newest(self.rooms).items() if room in self.watch.positions}
        deadline = time.monotonic() + SETTLE_SECONDS
        while self.watch.lacks(newest) and time.monotonic() < deadline:
            for room in newest:
                self._poll(room)
            gevent.sleep(0.05)
        self.violated(*self.watch.lacks(newest))

    def poll(self, due: float) -> None:
        """Ask for what is new in some room."""
        self._poll(random.choice(self.rooms))

    def say(self, due: float) -> None:
        """Send something."""
        room = random.choice(self.rooms)
        key = self.play.book.write(room, due)
        body = {"room": room, "message": f"{key} {some_words(30)}", "client_id": key}
        message = self.ask("POST", "/api/chat/messages/", "/api/chat/messages/", body)
        if message is not None:
            self.violated(*self.play.book.acknowledged(key, message["room"], message["seq"]))

    def mark_read(self, due: float) -> None:
        """All of a room is read."""
        self.ask("POST", f"/api/chat/{random.choice(self.rooms)}/messages/", "/api/chat/{room}/messages/")

    def _poll(self, room: str) -> None:
        after = self.watch.positions.get(room)
        if after is None:
            return
        path = f"/api/chat/{room}/messages/?after={after}&limit={PAGE}"
        page: Any = self.ask("GET", path, "/api/chat/{room}/messages/?after=")
        if page is None or self.watch.positions[room] != after:  # another one of us was quicker
            return
        for message in page["results"]:
            self.violated(self.watch.received(room, message["seq"]))
            _, violations = self.play.book.delivered(key_of(message["content"]), room, message["seq"])
            self.violated(*violations)
