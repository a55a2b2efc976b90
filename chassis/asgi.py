"""The outermost layer of every process: request ids, security headers, metrics, one log line, no leaked exception.

While the process drains, each answer closes its connection: who keeps connections open to it goes elsewhere before it
ends, instead of sending a request into a connection that is being closed.
"""

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from . import metrics, tracing
from .ids import uuid7
from .lifecycle import Lifecycle, Phase
from .logs import request_id, user_id
from .problems import CONTENT_TYPE, Problem, retry_after_header

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

ROUTE = "parley.route"  # in the scope: the rule that answered, for metrics; set by the application

# What a process says of itself to the gateway. While starting it does nothing with a request: another one may have it.
STATE, STARTING, LEAVING = "X-Parley-State", "starting", "leaving"

IDS = "parley.ids"  # in the scope: the UUIDs in the path by their names, for the log; set by the application
UNMATCHED = "unmatched"
MAX_LOGGED_PATH = 200

logger = logging.getLogger("access")
_SANE_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")

SECURITY_HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
)


class Edge:
    """Wraps a service's ASGI application.

    Arguments:
        app: the service.
        lifecycle: until it runs, requests are answered 503.
    """

    def __init__(self, app: App, lifecycle: Lifecycle) -> None:
        self._app = app
        self._lifecycle = lifecycle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI entry point."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        identifier = sane_request_id(scope) or uuid7().hex
        request_id.set(identifier)
        user_id.set("")
        exchange = Exchange(scope, send, identifier, self._lifecycle)
        scope[ROUTE] = UNMATCHED
        metrics.http_in_flight.inc()
        traces = tracing.current
        span = None if traces is None else traces.begin(scope)
        try:
            if self._lifecycle.phase is Phase.STARTING:
                raise Problem(503, "The service is starting.", headers={**retry_after_header(2), STATE: STARTING})
            if "\x00" in scope["path"]:
                raise Problem(400, "U+0000 is not allowed in a path.")
            await self._app(scope, receive, exchange.send)
        except asyncio.CancelledError:
            raise
        except Problem as problem:
            if exchange.status == 0:
                await send_problem(scope, exchange.send, problem, identifier)
        except Exception:
            logging.getLogger(__name__).exception("unhandled error", extra={"route": scope[ROUTE]})
            if exchange.status == 0:
                await send_problem(scope, exchange.send, Problem(500, "Something went wrong on our side."), identifier)
        finally:
            metrics.http_in_flight.dec()
            exchange.finish()
            if traces is not None and span is not None:
                traces.finish(span, scope.get("method", "WEBSOCKET"), scope[ROUTE], exchange.status or 499)


class Exchange:
    """One request and its answer: decorates the answer's head, remembers its status, writes the log line."""

    __slots__ = ("_identifier", "_lifecycle", "_scope", "_send", "_started", "status")

    def __init__(self, scope: Scope, send: Send, identifier: str, lifecycle: Lifecycle) -> None:
        self._scope = scope
        self._send = send
        self._identifier = identifier.encode()
        self._lifecycle = lifecycle
        self._started = time.perf_counter()
        self.status = 0

    async def send(self, message: Message) -> None:
        """Pass `message` on; heads get the request id and the security headers that they do not have themselves."""
        kind = message["type"]
        if kind in ("http.response.start", "websocket.http.response.start"):
            self.status = message["status"]
            message["headers"] = decorate(message.get("headers", ()), self._identifier)
            if self._lifecycle.phase is Phase.DRAINING and self._scope.get("http_version", "").startswith("1"):
                message["headers"] += [(b"connection", b"close"), (STATE.lower().encode(), LEAVING.encode())]
        elif kind == "websocket.close" and self.status == 0:  # the server would answer a 403 that has another id
            await send_problem(self._scope, self.send, Problem(403), self._identifier.decode())
            return
        elif kind == "websocket.accept":
            self.status = 101
            message["headers"] = [*message.get("headers", ()), (b"x-request-id", self._identifier)]
        await self._send(message)

    def finish(self) -> None:
        """Count and log the exchange; the rule instead of the path, and no query string: both may hold tokens."""
        scope, seconds = self._scope, time.perf_counter() - self._started
        method, route = scope.get("method", "WEBSOCKET"), scope[ROUTE]
        metrics.http_requests.labels(method if method in _METHODS else "OTHER", route, self.status or 499).inc()
        metrics.http_seconds.labels(route).observe(seconds)
        if logger.isEnabledFor(logging.INFO):
            extra = {
                "method": method,
                "route": route,
                "path": scope["path"][:MAX_LOGGED_PATH] if route == UNMATCHED else "",
                "status": self.status or 499,
                "ms": round(seconds * 1000, 2),
                **scope.get(IDS, {}),
            }
            logger.info("request", extra=extra)


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "WEBSOCKET"})


def decorate(headers: Any, identifier: bytes) -> list[tuple[bytes, bytes]]:
    """The headers with the request id, and each security header that is not there yet."""
    present = {name.lower() for name, _ in headers}
    extra = [header for header in SECURITY_HEADERS if header[0] not in present]
    return [*((n, v) for n, v in headers if n.lower() != b"x-request-id"), *extra, (b"x-request-id", identifier)]


def sane_request_id(scope: Scope) -> str | None:
    """The caller's `X-Request-Id` if there is one that can be logged and passed on."""
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            return value.decode() if _SANE_REQUEST_ID.fullmatch(value) else None
    return None


async def send_problem(scope: Scope, send: Send, problem: Problem, identifier: str) -> None:
    """Answer with problem+json, over HTTP or instead of accepting a WebSocket (ASGI `websocket.http.response`)."""
    body = problem.body(identifier)
    prefix = "websocket." if scope["type"] == "websocket" else ""
    headers = [(b"content-type", CONTENT_TYPE.encode()), (b"content-length", str(len(body)).encode())]
    headers += [(name.lower().encode(), value.encode()) for name, value in problem.headers.items()]
    await send({"type": f"{prefix}http.response.start", "status": problem.status, "headers": headers})
    await send({"type": f"{prefix}http.response.body", "body": b"" if scope.get("method") == "HEAD" else body})
