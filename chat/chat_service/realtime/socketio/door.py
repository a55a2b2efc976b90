"""The ASGI door of Socket.IO: what the library would not survive, or answers badly, is answered here."""

import asyncio
import contextlib
import secrets
from collections.abc import Mapping

from prometheus_client import Gauge

from chassis.asgi import ROUTE, App, Message, Receive, Scope, Send
from chassis.problems import Problem, Unavailable
from chassis.server import handover_of
from chassis.tokens import bearer_token
from contracts.sockets import CONNECTION_HEADER, POD_HEADER, SOCKET_IO_PATH, pod_mark

from ..admission import Admission
from ..keeper import Keeper
from .engine import opening
from .http import (
    BAD_METHOD,
    BAD_REQUEST,
    UNKNOWN_SESSION,
    EngineError,
    header,
    read_body,
    read_query,
    reduced,
    respond,
    send_error,
)
from .link import Link
from .packets import MAX_PACKETS, is_binary, is_packet
from .server import SocketIO
from .wire import Wire

SEPARATOR = "\x1e"  # of packets in a body
connections = Gauge("parley_chat_socketio_connections", "Open Engine.IO connections, with a session or without")


class Door:
    """Answers what is under /socket.io/, and passes on everything else.

    Arguments:
        inner: the application.
        socketio: the clients.
        admission, keeper: whether there is room for another one.
        pod_name: for ids, where no gateway says how it calls this pod.
        most: connections.
    """

    def __init__(
        self, inner: App, socketio: SocketIO, admission: Admission, keeper: Keeper, *, pod_name: str, most: int
    ) -> None:
        self._inner = inner
        self._socketio = socketio
        self._admission = admission
        self._keeper = keeper
        self._pod_name = pod_name
        self._most = most
        connections.set_function(lambda: len(socketio.links))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI entry point.

        Raises:
            Problem: the answer, where it is not one of Engine.IO's.
        """
        if scope["type"] not in ("http", "websocket") or scope["path"].rstrip("/") != SOCKET_IO_PATH:
            await self._inner(scope, receive, send)
            return
        scope[ROUTE] = SOCKET_IO_PATH
        try:
            query = read_query(scope["query_string"])
            if scope["type"] == "http":
                await self._http(scope, query, receive, send)
            else:
                await self._websocket(scope, query, receive, send)
        except EngineError as error:
            await send_error(scope, send, *error.args)

    # --- long-polling -------------------------------------------------------------------------------------------------

    async def _http(self, scope: Scope, query: Mapping[str, str], receive: Receive, send: Send) -> None:
        method = scope["method"]
        if method not in ("GET", "POST"):
            raise Problem(405, headers={"Allow": "GET, POST"})
        if query["transport"] != "polling":
            raise EngineError(*BAD_REQUEST)
        link = self._link(query)
        if method == "POST":
            if link is None:
                raise EngineError(*BAD_METHOD)
            status, answer = await self._ask(scope, query, self._checked(link, await read_body(receive)))
        elif link is None:
            status, answer = await self._connect_by_polling(scope, query)
        else:
            status, answer = await self._poll(link, scope, query, receive)
        await respond(send, status, answer)

    async def _connect_by_polling(self, scope: Scope, query: Mapping[str, str]) -> tuple[int, bytes]:
        link = self._new_link(scope, query)
        try:
            return await self._ask(scope, {**query, "sid": ""})
        finally:
            if link.sid not in self._socketio.server.eio.sockets:
                self._socketio.forget(link)

    async def _poll(self, link: Link, scope: Scope, query: Mapping[str, str], receive: Receive) -> tuple[int, bytes]:
        """One poll: until there is something to say, or the client has gone; then so has what was being said."""
        if link.polling or not link.allow():
            await self._socketio.server.eio.drop(link.sid)
            raise EngineError(*BAD_REQUEST)
        link.polling = True
        link.heard()
        watch = asyncio.ensure_future(self._watch(link, receive))
        try:
            status, answer = await self._ask(scope, query)
        finally:
            watch.cancel()
            link.polling = False
            link.queue.sent()
        if not answer:  # the session has ended
            raise EngineError(*UNKNOWN_SESSION)
        return status, answer

    async def _watch(self, link: Link, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._socketio.drop(link.sid)

    def _checked(self, link: Link, body: bytes) -> bytes:
        """What the library may see of a body.

        Raises:
            EngineError: it would raise, or there is too much of it.
        """
        link.heard()
        try:
            packets = [packet for packet in body.decode().split(SEPARATOR) if not is_binary(packet)]
        except UnicodeDecodeError:
            raise EngineError(*BAD_REQUEST) from None
        well = len(packets) <= MAX_PACKETS and all(map(is_packet, packets)) and "2probe" not in packets
        if not (well and link.allow(len(packets))):
            self._socketio.drop(link.sid)
            raise EngineError(*BAD_REQUEST)
        return SEPARATOR.join(packets).encode()

    async def _ask(self, scope: Scope, query: Mapping[str, str], body: bytes = b"") -> tuple[int, bytes]:
        """What the library answers: status and body."""
        answer: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            answer.append(message)

        await self._socketio.server.handle_request(reduced(scope, query, len(body)), receive, send)
        status: int = answer[0]["status"]
        return status, b"".join(message.get("body", b"") for message in answer)

    # --- WebSocket ----------------------------------------------------------------------------------------------------

    async def _websocket(self, scope: Scope, query: Mapping[str, str], receive: Receive, send: Send) -> None:
        if query["transport"] != "websocket":
            raise EngineError(*BAD_REQUEST)
        first = await receive()
        if first["type"] != "websocket.connect":
            return
        link = self._link(query)
        upgrade = link is not None
        if link is None:
            link = self._new_link(scope, query)
        elif link.upgrading:
            raise EngineError(*BAD_REQUEST)
        link.upgrading = True
        handover = handover_of(scope)
        link.use_socket(None if handover is None else handover.transport, header(scope, CONNECTION_HEADER))
        wire = Wire(link, first, receive, send, upgrade=upgrade)
        try:
            query = {**query, "sid": link.sid if upgrade else ""}
            await self._socketio.server.handle_request(reduced(scope, query), wire.receive, wire.send)
        finally:
            link.upgrading = False
            connection = self._socketio.server.eio.sockets.get(link.sid)
            if connection is not None and upgrade and not connection.upgraded:
                connection.upgrading = False  # the library forgets it, and would answer polls with nothing
                link.use_socket(None, None)
            elif connection is not None:
                await self._socketio.server.eio.drop(link.sid)
            elif not upgrade:
                self._socketio.forget(link)

    # --- both ---------------------------------------------------------------------------------------------------------

    def _link(self, query: Mapping[str, str]) -> Link | None:
        """
        Raises:
            EngineError: it has ended, or is another pod's.
        """
        sid = query.get("sid")
        if sid is None:
            return None
        link = self._socketio.links.get(sid)
        if link is None or link.ended:
            raise EngineError(*UNKNOWN_SESSION)
        return link

    def _new_link(self, scope: Scope, query: Mapping[str, str]) -> Link:
        """
        Raises:
            Unavailable: there is no room.
        """
        self._admission.check(self._keeper)
        if len(self._socketio.links) >= self._most:
            raise Unavailable("This server is full.", retry_after=5)
        token = query.get("token")
        if token is None:
            given = [value.decode("latin-1") for name, value in scope["headers"] if name == b"authorization"]
            with contextlib.suppress(Problem):
                token = bearer_token(given)
        pod = header(scope, POD_HEADER) or self._pod_name
        link = self._socketio.open(pod_mark(pod) + secrets.token_urlsafe(15), token)
        opening.set(link)
        return link
