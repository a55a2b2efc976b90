"""Which headers pass, and which do not: hop-by-hop ones (RFC 9110 section 7.6.1), claims of identity, our own."""

import functools
from collections.abc import Iterable

from .http1 import Headers

HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
# Written by us, whatever the client says: the framing, the request id, who the client is.
_OURS = frozenset({b"content-length", b"expect", b"host", b"forwarded", b"via", b"x-real-ip", b"x-request-id"})
# What other proxies call the user they have checked. Services verify tokens themselves; this is a second fence. And
# traces: ours begin here, since a message takes the id of its trace.
_IDENTITY = frozenset(
    {
        b"baggage",
        b"remote-user",
        b"traceparent",
        b"tracestate",
        b"x-client-cert",
        b"x-client-id",
        b"x-client-ip",
        b"x-email",
        b"x-groups",
        b"x-roles",
        b"x-user",
        b"x-userid",
        b"x-username",
    }
)
_IDENTITY_PREFIXES = (
    b"x-forwarded-",
    b"x-user-",
    b"x-auth-",
    b"x-authenticated-",
    b"x-internal-",
    b"x-original-",
    b"x-parley-",
    b"x-remote-",
)
_NOT_FROM_SERVICES = (b"access-control-", b"ratelimit-", b"x-parley-")  # ours to say, or for us alone
EXPOSED = b"RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Retry-After, X-Request-Id"


@functools.lru_cache(maxsize=1024)
def passes_inward(name: bytes) -> bool:
    """Whether a request's header of that name (in lower case) reaches a service."""
    plain = name.replace(b"_", b"-")  # some servers take one for the other
    return not (plain in HOP_BY_HOP or plain in _OURS or plain in _IDENTITY or plain.startswith(_IDENTITY_PREFIXES))


@functools.lru_cache(maxsize=1024)
def passes_outward(name: bytes) -> bool:
    """Whether a response's header of that name (in lower case) reaches the client. The server writes its own Date."""
    return name not in HOP_BY_HOP and name != b"date" and not name.startswith(_NOT_FROM_SERVICES)


def named_in_connection(headers: Iterable[tuple[bytes, bytes]]) -> frozenset[bytes]:
    """The headers that `Connection` declares to be for this hop only."""
    names: set[bytes] = set()
    for name, value in headers:
        if name == b"connection":
            names.update(option.strip().lower() for option in value.split(b","))
    return frozenset(names)


def response_headers(headers: Headers, status: int, extra: Headers) -> Headers:
    """What the client gets of a service's headers, with ours."""
    dropped = named_in_connection(headers)
    if status == 204:
        dropped |= {b"content-length"}
    passed = [item for item in headers if passes_outward(item[0]) and item[0] not in dropped]
    return passed + extra


def encode(headers: Iterable[tuple[str, str]]) -> Headers:
    """Headers as ASGI wants them."""
    return [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
