"""One request as the gateway sees it: what the checks look at, and the head that goes to a service."""

from collections.abc import Iterable

from chassis import logs, tracing
from chassis.asgi import Scope
from chassis.problems import Problem

from .addresses import UNKNOWN, Addresses
from .headers import named_in_connection, passes_inward
from .http1 import Headers
from .paths import clear_path


class Request:
    """The parts of an ASGI scope that matter here.

    Arguments:
        scope: of an HTTP request or a WebSocket handshake.
        addresses: tell the client from the proxies.

    Raises:
        Problem: 400, it can be read in more than one way.
    """

    __slots__ = ("address", "fields", "headers", "host", "method", "path", "scheme", "target")

    def __init__(self, scope: Scope, addresses: Addresses) -> None:
        self.headers: Headers = scope["headers"]
        self.fields: dict[bytes, bytes] = {}
        for name, value in self.headers:
            known = self.fields.get(name)
            self.fields[name] = value if known is None else known + b"," + value
        self.method: str = scope.get("method", "GET")
        self.path = clear_path(scope["raw_path"])
        query: bytes = scope["query_string"]
        self.target: bytes = scope["raw_path"] + b"?" + query if query else scope["raw_path"]
        peer = (scope.get("client") or (UNKNOWN,))[0]
        self.address = addresses.client(peer, self.fields.get(b"x-forwarded-for", b""))
        self.host = self.fields.get(b"host", b"")
        self.scheme = "https" if scope["scheme"] in ("https", "wss") else "http"
        if addresses.is_trusted(peer):
            self.host = self.fields.get(b"x-forwarded-host", self.host)
            if self.fields.get(b"x-forwarded-proto") in (b"http", b"https"):
                self.scheme = self.fields[b"x-forwarded-proto"].decode()

    def all(self, name: bytes) -> list[str]:
        """Every value of a header."""
        return [value.decode("latin-1") for key, value in self.headers if key == name]

    def length(self, limit: int) -> int | None:
        """How long the body will be, None when the client does not say.

        Arguments:
            limit: bytes.

        Raises:
            Problem: 400 for framing that two programs could understand differently, 413 beyond the limit.
        """
        length = self.fields.get(b"content-length")
        if b"transfer-encoding" in self.fields:
            if length is not None:  # RFC 9112 section 6.1: it may be an attempt at request smuggling
                raise Problem(400, "Content-Length and Transfer-Encoding exclude each other.", code="bad_framing")
            return None
        if length is None:
            return 0
        if not length.isdigit():
            raise Problem(400, "Content-Length is not a number.", code="bad_framing")
        if int(length) > limit:
            raise too_large(limit)
        return int(length)

    def head(self, host: str, length: int | None, more: Iterable[tuple[bytes, bytes]] = ()) -> bytes:
        """The head for a service's HTTP request.

        Arguments:
            host: of the service, for a client of HTTP/1.0 that did not name one.
            length: of the body; None for a chunked one.
            more: headers of our own.
        """
        dropped = named_in_connection(self.headers) if b"connection" in self.fields else frozenset[bytes]()
        lines = [self.method.encode() + b" " + self.target + b" HTTP/1.1"]
        lines += [name + b": " + value for name, value in self.headers if passes_inward(name) and name not in dropped]
        lines += self._ours(host)
        lines += [name + b": " + value for name, value in more]
        if length is None:
            lines.append(b"transfer-encoding: chunked")
        elif length or b"content-length" in self.fields:
            lines.append(b"content-length: %d" % length)
        return b"\r\n".join(lines) + b"\r\n\r\n"

    def upgrade(self, host: str, passed: Iterable[bytes], more: Iterable[tuple[bytes, bytes]]) -> bytes:
        """The head of a WebSocket handshake with a service: nothing but what it needs.

        Arguments:
            host: of the service, for a client that did not name one.
            passed: the client's headers that it gets.
            more: headers of our own.
        """
        names = frozenset(passed)
        lines = [b"GET " + self.target + b" HTTP/1.1", b"upgrade: websocket", b"connection: Upgrade"]
        lines += [name + b": " + value for name, value in self.headers if name in names]
        lines += self._ours(host)
        lines += [name + b": " + value for name, value in more]
        return b"\r\n".join(lines) + b"\r\n\r\n"

    def _ours(self, host: str) -> list[bytes]:
        trace = tracing.traceparent()
        return [
            *([tracing.HEADER + b": " + trace] if trace else []),
            b"host: " + (self.fields.get(b"host") or host.encode()),
            b"x-forwarded-for: " + self.address.encode(),
            b"x-forwarded-proto: " + self.scheme.encode(),
            b"x-forwarded-host: " + (self.host or host.encode()),
            b"x-request-id: " + logs.request_id.get().encode(),
        ]


def too_large(limit: int) -> Problem:
    """413."""
    return Problem(413, f"The body is larger than {limit} bytes.")
