"""Browsers from other sites: which `Origin` may call us (the Fetch standard's CORS), and open sockets (RFC 6455, 10.2).

No cookies are used, so credentials are never allowed: a page needs a token, and then it may do what the token may.
"""

from collections.abc import Iterable, Mapping

from chassis.lifecycle import Fatal
from chassis.problems import Forbidden

from .headers import EXPOSED

_DEFAULT_PORTS = {"http": ":80", "https": ":443"}
METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
MAX_AGE_SECONDS = 600


class Origins:
    """The allow-list.

    Arguments:
        allowed: `https://host[:port]`, or `*` for every site.

    Raises:
        Fatal: an entry is neither.
    """

    def __init__(self, allowed: Iterable[str]) -> None:
        entries = set(allowed)
        for entry in entries - {"*"}:
            scheme, separator, host = entry.partition("://")
            if scheme not in _DEFAULT_PORTS or not separator or not host or "/" in host:
                raise Fatal(f"ALLOWED_ORIGINS: not https://host[:port]: {entry}")
        self._every = "*" in entries
        self._allowed = {_normal(entry) for entry in entries}

    def allows(self, origin: bytes, host: bytes) -> bool:
        """Whether a page of `origin` may use us.

        Arguments:
            origin: the header.
            host: how the page would call us; a page of the same host is ours. The scheme is not compared, since TLS may
                end before us.
        """
        text = origin.decode("latin-1").lower()
        return self._every or _normal(text) in self._allowed or is_same(text, host)

    def check_socket(self, origin: bytes | None, host: bytes) -> None:
        """Refuse a browser's socket from another site; who sends no Origin is no browser.

        Raises:
            Forbidden: it is not allowed.
        """
        if origin is not None and not self.allows(origin, host):
            raise Forbidden("Pages of this origin may not open sockets here.", code="origin_refused")

    def answer_headers(self, origin: bytes | None, host: bytes) -> dict[str, str]:
        """What an answer needs so that the page may read it; nothing for pages of our own and those not allowed."""
        if origin is None or is_same(origin.decode("latin-1").lower(), host) or not self.allows(origin, host):
            return {}
        return {
            "Access-Control-Allow-Origin": origin.decode("latin-1"),
            "Access-Control-Expose-Headers": EXPOSED.decode(),
            "Vary": "Origin",
        }

    def preflight(self, fields: Mapping[bytes, bytes], host: bytes) -> dict[str, str] | None:
        """The answer to a preflight request; None when this is none.

        Arguments:
            fields: the headers of an OPTIONS request.
            host: how we are called.

        Raises:
            Forbidden: the origin is not allowed.
        """
        origin = fields.get(b"origin")
        if origin is None or b"access-control-request-method" not in fields:
            return None
        if not self.allows(origin, host):
            raise Forbidden("Pages of this origin may not call this.", code="origin_refused")
        asked = fields.get(b"access-control-request-headers", b"").decode("latin-1")
        headers = {
            "Access-Control-Allow-Origin": origin.decode("latin-1"),
            "Access-Control-Allow-Methods": METHODS,
            "Access-Control-Max-Age": str(MAX_AGE_SECONDS),
            "Vary": "Origin",
        }
        return {**headers, "Access-Control-Allow-Headers": asked} if asked else headers


def is_same(origin: str, host: bytes) -> bool:
    """Whether a page of `origin` (in lower case) was served under `host`."""
    scheme, _, authority = origin.partition("://")
    port = _DEFAULT_PORTS.get(scheme)
    if port is None or not authority:
        return False
    return authority.removesuffix(port) == host.decode("latin-1").lower().removesuffix(port)


def _normal(origin: str) -> str:
    origin = origin.lower()
    return origin.removesuffix(_DEFAULT_PORTS.get(origin.partition("://")[0], "\0"))
