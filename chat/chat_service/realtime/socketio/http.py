"""Requests of Engine.IO: what is read of them, what the library sees of them, and the errors as its own server writes
them, `{"code": 1, "message": "Session ID unknown"}`: clients reconnect then."""

import asyncio
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs

import msgspec

from chassis.asgi import Receive, Scope, Send
from chassis.problems import Problem
from contracts.sockets import SOCKET_IO_PATH

from .server import MAX_MESSAGE_BYTES

MAX_QUERY_FIELDS = 50
BODY_SECONDS = 10.0
UNKNOWN_TRANSPORT = 0, "Transport unknown"
UNKNOWN_SESSION = 1, "Session ID unknown"
BAD_METHOD = 2, "Bad handshake method"
BAD_REQUEST = 3, "Bad request"
BAD_VERSION = 5, "Unsupported protocol version"


class EngineError(Exception):
    """An error of Engine.IO: its code and message."""


def read_query(query: bytes) -> dict[str, str]:
    """The fields that matter.

    Raises:
        EngineError: there are too many, one of them twice, or they ask for what is not there.
    """
    try:
        fields = parse_qs(query.decode("latin-1"), max_num_fields=MAX_QUERY_FIELDS)
    except ValueError:
        raise EngineError(*BAD_REQUEST) from None
    known: tuple[str, ...] = ("EIO", "transport", "sid", "token")
    if "j" in fields or any(len(fields.get(name, ())) > 1 for name in known):  # no JSONP
        raise EngineError(*BAD_REQUEST)
    found = {name: fields[name][0] for name in known if name in fields}
    if found.get("EIO") != "4":
        raise EngineError(*BAD_VERSION)
    if found.get("transport") not in ("polling", "websocket"):
        raise EngineError(*UNKNOWN_TRANSPORT)
    return found


def reduced(scope: Scope, query: Mapping[str, str], length: int | None = None) -> Scope:
    """The scope as the library needs it; it keeps it."""
    fields = f"EIO=4&transport={query['transport']}" + (f"&sid={query['sid']}" if query.get("sid") else "")
    headers = [(name, value) for name, value in scope["headers"] if name in (b"connection", b"upgrade")]
    if length is not None:
        headers = [(b"content-length", str(length).encode())]
    return {
        "type": scope["type"],
        "method": scope.get("method", "GET"),
        "path": SOCKET_IO_PATH + "/",
        "query_string": fields.encode(),
        "headers": headers,
    }


async def read_body(receive: Receive) -> bytes:
    """The body of a request.

    Raises:
        Problem: 408, 413.
    """
    body = b""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                body += bytes(message.get("body", b""))
                if len(body) > MAX_MESSAGE_BYTES:
                    raise Problem(413, "The body is larger than this service accepts.")
                if not message.get("more_body", False):
                    return body
    except TimeoutError:
        raise Problem(408, "The body did not come in time.", headers={"Connection": "close"}) from None


def header(scope: Scope, name: str) -> str | None:
    """A short header."""
    wanted = name.lower().encode()
    return next((value.decode("latin-1")[:100] for key, value in scope["headers"] if key == wanted), None)


async def respond(send: Send, status: int, body: bytes, prefix: str = "http", kind: bytes = b"text/plain") -> None:
    """A whole answer."""
    headers: Sequence[tuple[bytes, bytes]] = [
        (b"content-type", kind + b"; charset=UTF-8"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": f"{prefix}.response.start", "status": status, "headers": headers})
    await send({"type": f"{prefix}.response.body", "body": body})


async def send_error(scope: Scope, send: Send, code: int, text: str) -> None:
    """An error of Engine.IO, over HTTP or instead of accepting a WebSocket."""
    body = msgspec.json.encode({"code": code, "message": text})
    prefix = "websocket.http" if scope["type"] == "websocket" else "http"
    await respond(send, 400, body, prefix, b"application/json")
