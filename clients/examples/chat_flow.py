#!/usr/bin/env python3
"""Two people from registration to logout, over plain HTTP, with nothing but Python's standard library.

    python3 clients/examples/chat_flow.py [URL]

CreateUser, Login, GetUsers, SendMessage, GetMessages, Logout: each call is printed with its status. `chat_flow.sh` is
the same with curl. Over a WebSocket messages come by themselves: see `clients/python` and `docs/protocol.md`.
"""

import json
import secrets
import sys
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlencode


class Platform:
    """A platform, and how one calls it."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def call(self, what: str, method: str, path: str, body: Any = None, token: str = "") -> tuple[int, Any]:
        """One request; its status and what is in the answer, None if it is empty. Errors are answers too."""
        request = urllib.request.Request(self.url + path, method=method)
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request, timeout=10) as reply:
                status, content = reply.status, reply.read()
        except urllib.error.HTTPError as error:
            with error:
                status, content = error.code, error.read()
        print(f"{what:<11} {method:<4} {path} {status}")
        return status, json.loads(content) if content else None


def tell(platform: Platform, word: str) -> None:
    """The whole story; `word` makes the names of the two their own."""
    password = "correct horse battery staple"
    alice, bob = f"alice-{word}", f"bob-{word}"

    tokens = {}
    for name in (alice, bob):
        platform.call("CreateUser", "POST", "/register", {"username": name, "password": password})
        _, grant = platform.call("Login", "POST", "/login", {"username": name, "password": password})
        tokens[name] = grant["access_token"]

    _, page = platform.call("GetUsers", "GET", "/users/show?limit=50", token=tokens[alice])
    print(f"  {len(page['users'])} users, {'and more' if page['next_cursor'] else 'and that is all'}")

    # Whoever does not get an answer sends again with the same client_id: the message is there once.
    hello = {"receiver": bob, "message": "Hello, Bob!", "client_id": secrets.token_hex(8)}
    for _ in range(2):
        status, message = platform.call("SendMessage", "POST", "/api/chat/messages/", hello, tokens[alice])
        print(f"  {'stored' if status == 201 else 'was stored'} as {message['seq']}")
    answer = {"receiver": alice, "message": "Hello, Alice!"}
    platform.call("SendMessage", "POST", "/api/chat/messages/", answer, tokens[bob])

    path = "/api/chat/messages/?" + urlencode({"with": bob})
    _, page = platform.call("GetMessages", "GET", path, token=tokens[alice])
    for message in reversed(page["results"]):  # the newest comes first
        print(f"  {message['seq']} {message['user']['username']}: {message['content']}")

    for name in (alice, bob):
        platform.call("Logout", "POST", "/auth/logout", token=tokens[name])
    platform.call("GetUsers", "GET", "/users/show", token=tokens[alice])  # 401: in force at once


if __name__ == "__main__":
    tell(Platform(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000"), secrets.token_hex(4))
