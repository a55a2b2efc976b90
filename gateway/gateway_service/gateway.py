"""The gateway's ASGI application: finds the route, checks, and hands the request to who answers it."""

import asyncio
from collections.abc import Mapping

from chassis.asgi import ROUTE, App, Message, Receive, Scope, Send
from chassis.problems import NotFound, Problem

from . import engineio
from .addresses import Addresses
from .admission import Admission
from .browsers import BrowserSessions
from .headers import encode
from .origins import Origins
from .pods import Target, UnknownSession
from .proxy import Proxy
from .request import Request
from .routes import BROWSERS, GATEWAY, WEB_ROOT, Kind, Route, Router
from .sockets import Sockets, credentials

DISCARD_BYTES = 128 * 1024
DISCARD_SECONDS = 0.5


class Gateway:
    """In front of Quart, since most requests are only passed on.

    Arguments:
        pages: the Quart application of the gateway's own pages.
        router, addresses, origins, admission, proxy, sockets, browsers: see their classes.
    """

    def __init__(
        self,
        pages: App,
        *,
        router: Router,
        addresses: Addresses,
        origins: Origins,
        admission: Admission,
        proxy: Proxy,
        sockets: Sockets,
        browsers: BrowserSessions,
    ) -> None:
        self._pages = pages
        self._router = router
        self._addresses = addresses
        self._origins = origins
        self._admission = admission
        self._proxy = proxy
        self._sockets = sockets
        self._browsers = browsers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI entry point.

        Raises:
            Problem: the answer, where it is one of ours; the edge sends it.
        """
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, send)
        else:
            await self._pages(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = Body(receive)
        headers: Mapping[str, str] = {}
        try:
            request = Request(scope, self._addresses)
            headers = self._origins.answer_headers(request.fields.get(b"origin"), request.host)
            await self._answer(request, scope, body, send, headers)
        except UnknownSession:
            await body.discard(scope)
            await engineio.refuse(scope, send, encode(headers.items()))
        except Problem as problem:
            problem.headers.update(headers)
            if problem.status != 408:
                await body.discard(scope)
            raise

    async def _answer(
        self, request: Request, scope: Scope, receive: Receive, send: Send, headers: Mapping[str, str]
    ) -> None:
        route = self._find(request)
        scope[ROUTE] = route.prefix
        if request.method == "OPTIONS":
            preflight = self._origins.preflight(request.fields, request.host)
            if preflight is not None:
                await send({"type": "http.response.start", "status": 204, "headers": encode(preflight.items())})
                await send({"type": "http.response.body", "body": b""})
                return
        target, tokens = Target(route.service), request.all(b"authorization")
        if engineio.is_socket_io(route):
            self._origins.check_socket(request.fields.get(b"origin"), request.host)
            sid = engineio.sid_of(scope)
            route, target = engineio.rated(route, sid), engineio.target(route, request, sid)
            tokens, _ = credentials(request, scope)
        admitted = await self._admission.admit(route, request.address, tokens)
        extra = {**headers, **admitted.headers}
        if route.service == GATEWAY:
            shown = route.prefix if route.exact else request.path
            path = {"path": shown, "raw_path": shown.encode()}
            await self._pages({**scope, **path}, receive, with_headers(send, extra))
            return
        try:
            if route.service == BROWSERS:
                await self._browsers.answer(request, scope, extra, receive, send)
            else:
                await self._proxy.forward(target, request, extra, receive, send)
        except Problem as problem:
            problem.headers.update(extra)
            raise

    def _find(self, request: Request) -> Route:
        """The route of an HTTP request.

        Raises:
            NotFound: there is none.
            Problem: 426, it is one for WebSockets.
        """
        socket = self._router.find(Kind.SOCKET, request.path)
        route = self._router.find(Kind.HTTP, request.path)
        if socket is not None and (route is None or len(route.prefix) < len(socket.prefix)):
            upgrade = {"Upgrade": "websocket", "Connection": "Upgrade"}
            raise Problem(426, "This is a WebSocket; ask for an upgrade.", headers=upgrade)
        if route is not None:
            return route
        navigation = request.method in ("GET", "HEAD") and b"text/html" in request.fields.get(b"accept", b"")
        if navigation and not self._router.is_api(request.path):
            return WEB_ROOT
        raise NotFound("There is nothing here.")

    async def _websocket(self, scope: Scope, send: Send) -> None:
        request = Request(scope, self._addresses)
        route = self._router.find(Kind.SOCKET, request.path)
        if route is None:
            raise NotFound("There is no WebSocket here.")
        scope[ROUTE] = route.prefix
        if not engineio.is_socket_io(route):
            await self._sockets.open(route, request, scope, send)
            return
        sid = engineio.sid_of(scope)
        try:
            await self._sockets.open(engineio.rated(route, sid), request, scope, send, sid)
        except UnknownSession:
            await engineio.refuse(scope, send, [])


class Body:
    """A request's body on its way; remembers whether its end has been seen."""

    __slots__ = ("_receive", "complete")

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.complete = False

    async def __call__(self) -> Message:
        """ASGI's receive."""
        message = await self._receive()
        if not message.get("more_body", False):  # the last piece, or the client has gone
            self.complete = True
        return message

    async def discard(self, scope: Scope) -> None:
        """Take what is left, within reason, so that the connection can be used again after an early answer."""
        names = [name for name, _ in scope["headers"]]
        if b"content-length" not in names and b"transfer-encoding" not in names:
            return
        taken = 0
        try:
            async with asyncio.timeout(DISCARD_SECONDS):
                while not self.complete and taken < DISCARD_BYTES:
                    taken += len((await self()).get("body", b""))
        except TimeoutError:
            return


def with_headers(send: Send, headers: Mapping[str, str]) -> Send:
    """A `send` that adds headers to the answer's head."""
    extra = encode(headers.items())

    async def adding(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *extra]
        await send(message)

    return adding
