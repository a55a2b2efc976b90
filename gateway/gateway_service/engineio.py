"""Socket.IO through the gateway: requests of a session go to the pod that has it, or are told that there is none.

A session's id begins with a mark of its pod, which is compared with the marks of the pods that are known. Its first
request, which has no id, may go to any pod and tells it how we call it (`contracts.sockets`).
"""

import contextlib
from urllib.parse import parse_qs

import msgspec

from chassis.asgi import Scope, Send
from contracts.sockets import SOCKET_IO_PATH

from .http1 import Headers
from .pods import Target, sockets
from .request import Request
from .routes import Rate, Route

MAX_QUERY_FIELDS = 100
UNKNOWN_SESSION = b'{"code":1,"message":"Session ID unknown"}'  # as Engine.IO says it: its clients connect anew


def is_socket_io(route: Route) -> bool:
    """Whether the route is Socket.IO's."""
    return route.prefix == SOCKET_IO_PATH


def sid_of(scope: Scope) -> str | None:
    """The session that a request is of; None for the one that makes it."""
    with contextlib.suppress(ValueError):
        found = parse_qs(scope["query_string"].decode("latin-1"), max_num_fields=MAX_QUERY_FIELDS).get("sid")
        return found[0] if found else None
    return None


def rated(route: Route, sid: str | None) -> Route:
    """The route with its limit: a new session counts as a new socket, all that follows is polling."""
    return msgspec.structs.replace(route, rate=Rate.SOCKET if sid is None else Rate.POLLING)


def target(route: Route, request: Request, sid: str | None) -> Target:
    """Where an HTTP request goes."""
    if sid is None:
        return Target(route.service, load=sockets, newcomer=True)
    return Target(route.service, sid=sid, polls=request.method == "GET")


async def refuse(scope: Scope, send: Send, extra: Headers) -> None:
    """Answer that there is no such session, over HTTP or instead of a WebSocket."""
    prefix = "websocket." if scope["type"] == "websocket" else ""
    length = str(len(UNKNOWN_SESSION)).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", length), *extra]
    await send({"type": f"{prefix}http.response.start", "status": 400, "headers": headers})
    await send({"type": f"{prefix}http.response.body", "body": UNKNOWN_SESSION})
