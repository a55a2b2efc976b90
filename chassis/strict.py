"""What Hypercorn's parts must not do here, and the errors below the application as problem+json (0.18, pinned)."""

from urllib.parse import urlsplit

import h11
from hypercorn.events import Closed, Event, RawData
from hypercorn.protocol.events import Body, EndBody, Response, StreamClosed
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.protocol.ws_stream import Handshake, WSStream

from .asgi import SECURITY_HEADERS
from .ids import uuid7
from .problems import CONTENT_TYPE, Problem

MAX_HEAD_BYTES = 16 * 1024


class PlainHandshake(Handshake):
    """A handshake in which the client never offers an extension.

    Hypercorn accepts permessage-deflate whenever it is offered: it inflates without bound, and handed-over bytes would
    be misread by a peer that compresses.
    """

    def __init__(self, headers: list[tuple[bytes, bytes]], http_version: str) -> None:
        super().__init__(headers, http_version)
        self.extensions = None


class ProblemWSStream(WSStream):
    """Refuses a bad handshake with problem+json, and closes: Hypercorn would leave the connection open for ever."""

    async def _send_error_response(self, status_code: int) -> None:
        headers, body = problem_response(status_code)
        await self.send(Response(stream_id=self.stream_id, status_code=status_code, headers=headers))
        await self.send(Body(stream_id=self.stream_id, data=body))
        await self.send(EndBody(stream_id=self.stream_id))
        await self.send(StreamClosed(stream_id=self.stream_id))


class StrictH11(H11Protocol):
    """HTTP/1.1 and nothing else: no upgrade to h2c, no HTTP/2 preface, no head of any size, one way to frame a body."""

    _refused = False

    async def handle(self, event: Event) -> None:
        """Take what was received, unless the connection has been given up."""
        if not (self._refused and isinstance(event, RawData)):
            await super().handle(event)

    async def _check_protocol(self, event: h11.Request) -> None:
        """Ignore an `Upgrade` that is not ours (RFC 9110, 7.8); `_create_stream` looks at everything else."""

    async def _create_stream(self, request: h11.Request) -> None:
        status = refusal(request)
        if status is not None:
            self._refused = True
            await self._send_error_response(status)
            await self.send(Closed())
        else:
            await super()._create_stream(in_origin_form(request))

    async def _send_error_response(self, status_code: int) -> None:
        headers, body = problem_response(status_code)
        await self._send_h11_event(h11.Response(status_code=status_code, headers=headers))
        await self._send_h11_event(h11.Data(data=body))
        await self._send_h11_event(h11.EndOfMessage())


def refusal(request: h11.Request) -> int | None:
    """The status with which a request is refused before anybody looks at it; None for a good one."""
    if request.http_version not in (b"1.0", b"1.1"):
        return 505
    names = [name for name, _ in request.headers]
    size = len(request.target) + sum(len(name) + len(value) + 4 for name, value in request.headers)
    if size > MAX_HEAD_BYTES:  # h11 limits what is incomplete only
        return 414 if len(request.target) > MAX_HEAD_BYTES // 2 else 431
    if b"transfer-encoding" in names and b"content-length" in names:
        return 400  # a way to smuggle (RFC 9112, 6.1)
    target = in_origin_form(request).target
    if not target.startswith(b"/") and (request.method, target) != (b"OPTIONS", b"*"):
        return 400
    return None


def in_origin_form(request: h11.Request) -> h11.Request:
    """The request, whose target may be absolute (RFC 9112, 3.2.2), as everybody sends it."""
    if not request.target.lower().startswith((b"http://", b"https://")):
        return request
    try:
        parts = urlsplit(request.target)
    except ValueError:
        return request
    target = (parts.path or b"/") + (b"?" + parts.query if parts.query else b"")
    return h11.Request(
        method=request.method, target=target, headers=list(request.headers), http_version=request.http_version
    )


def problem_response(status: int) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """The headers and the body of an answer after which the connection is closed."""
    identifier = uuid7().hex
    body = Problem(status).body(identifier)
    headers = [
        (b"content-type", CONTENT_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
        (b"x-request-id", identifier.encode()),
        *SECURITY_HEADERS,
    ]
    return headers, body
