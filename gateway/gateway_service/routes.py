"""What is reachable from outside: one table. What is not in it is 404, such as `/internal`, `/livez` and `/metrics`."""

import enum
from collections.abc import Iterable

import msgspec

GATEWAY, AUTH, PROFILE, CHAT = "gateway", "auth", "profile", "chat"
BROWSERS = "browsers"  # not a service: calls of auth whose refresh token stays in a cookie; see browsers.py
SERVICES = (AUTH, PROFILE, CHAT)


class Access(enum.Enum):
    """Who may call."""

    PUBLIC = "public"  # anybody; the service may ask for more
    BEARER = "bearer"  # a valid access token of a living session is needed


class Rate(enum.Enum):
    """Which limit applies."""

    DEFAULT = "default"  # by user, else by address
    LOGIN = "login"  # always by address
    SOCKET = "socket"  # new sockets
    POLLING = "polling"  # of an open Socket.IO session: many small requests stand for one socket
    PAGE = "page"  # pages and descriptions, by address


class Kind(enum.Enum):
    """How one speaks there."""

    HTTP = "http"
    SOCKET = "websocket"


class Route(msgspec.Struct, frozen=True):
    """One row. `exact` rows have nothing below them."""

    prefix: str
    service: str
    access: Access
    rate: Rate
    kind: Kind = Kind.HTTP
    exact: bool = False


TABLE = (
    Route("/auth", AUTH, Access.PUBLIC, Rate.DEFAULT),
    Route("/auth/register", AUTH, Access.PUBLIC, Rate.LOGIN),
    Route("/auth/login", AUTH, Access.PUBLIC, Rate.LOGIN),
    Route("/auth/refresh", AUTH, Access.PUBLIC, Rate.DEFAULT),
    Route("/auth/oauth", AUTH, Access.PUBLIC, Rate.DEFAULT),
    Route("/auth/logout", AUTH, Access.BEARER, Rate.DEFAULT),
    Route("/auth/me", AUTH, Access.BEARER, Rate.DEFAULT),
    Route("/auth/sessions", AUTH, Access.BEARER, Rate.DEFAULT),
    Route("/auth/password", AUTH, Access.BEARER, Rate.DEFAULT),
    Route("/auth/password/reset", AUTH, Access.PUBLIC, Rate.LOGIN),
    Route("/auth/email", AUTH, Access.BEARER, Rate.DEFAULT),
    Route("/auth/email/verify/confirm", AUTH, Access.PUBLIC, Rate.DEFAULT),
    Route("/auth/identities", AUTH, Access.BEARER, Rate.DEFAULT),
    Route("/auth/devices", AUTH, Access.BEARER, Rate.DEFAULT),
    Route("/auth/ws-ticket", AUTH, Access.BEARER, Rate.DEFAULT),
    Route("/register", AUTH, Access.PUBLIC, Rate.LOGIN, exact=True),
    Route("/login", AUTH, Access.PUBLIC, Rate.LOGIN, exact=True),
    Route("/users/show", AUTH, Access.BEARER, Rate.DEFAULT, exact=True),
    Route("/.well-known/jwks.json", AUTH, Access.PUBLIC, Rate.DEFAULT, exact=True),
    Route("/profiles", PROFILE, Access.BEARER, Rate.DEFAULT),
    Route("/api/chat", CHAT, Access.BEARER, Rate.DEFAULT),
    Route("/asyncapi.json", CHAT, Access.PUBLIC, Rate.PAGE, exact=True),
    Route("/socket.io", CHAT, Access.PUBLIC, Rate.POLLING, exact=True),
    Route("/api/chat/ws/chat", CHAT, Access.BEARER, Rate.SOCKET, Kind.SOCKET, exact=True),
    Route("/ws", CHAT, Access.BEARER, Rate.SOCKET, Kind.SOCKET, exact=True),
    Route("/socket.io", CHAT, Access.PUBLIC, Rate.SOCKET, Kind.SOCKET, exact=True),  # the token may be in a packet
    Route("/web/login", BROWSERS, Access.PUBLIC, Rate.LOGIN, exact=True),
    Route("/web/register", BROWSERS, Access.PUBLIC, Rate.LOGIN, exact=True),
    Route("/web/exchange", BROWSERS, Access.PUBLIC, Rate.LOGIN, exact=True),
    Route("/web/refresh", BROWSERS, Access.PUBLIC, Rate.DEFAULT, exact=True),
    Route("/web/logout", BROWSERS, Access.BEARER, Rate.DEFAULT, exact=True),
    Route("/", GATEWAY, Access.PUBLIC, Rate.PAGE, exact=True),
    Route("/assets", GATEWAY, Access.PUBLIC, Rate.PAGE),
    Route("/favicon.svg", GATEWAY, Access.PUBLIC, Rate.PAGE, exact=True),
    Route("/status", GATEWAY, Access.PUBLIC, Rate.PAGE, exact=True),
    Route("/docs", GATEWAY, Access.PUBLIC, Rate.PAGE),
    Route("/openapi.json", GATEWAY, Access.PUBLIC, Rate.PAGE, exact=True),
    Route("/style.css", GATEWAY, Access.PUBLIC, Rate.PAGE, exact=True),
)
WEB_ROOT = next(route for route in TABLE if route.prefix == "/")
_PRIVATE = ("internal", "livez", "readyz", "metrics")


class Router:
    """Finds the row of a path: the longest prefix that ends where a segment ends."""

    def __init__(self, table: Iterable[Route] = TABLE) -> None:
        table = tuple(table)
        self._rows = {kind: {row.prefix: row for row in table if row.kind is kind} for kind in Kind}
        self._api = {row.prefix.split("/")[1] for row in table} | set(_PRIVATE)

    def find(self, kind: Kind, path: str) -> Route | None:
        """The row for a clear path (see `paths.clear_path`), None when it is not ours."""
        rows = self._rows[kind]
        if (row := rows.get(path)) is not None:
            return row
        end = path.rfind("/")
        while end > 0:
            if (row := rows.get(path[:end])) is not None and not row.exact:
                return row
            end = path.rfind("/", 0, end)
        return None

    def is_api(self, path: str) -> bool:
        """Whether the first segment belongs to the API, so that a browser gets no page for it."""
        return path.split("/", 2)[1].lower() in self._api
