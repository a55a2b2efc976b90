"""WebSockets: the checks and the handshake are ours, then the bytes flow between the client and a chat pod unread.

The client's handshake is repeated with a pod. Its refusal becomes ours, word for word; if it accepts, the client is
accepted (Hypercorn computes that answer from the client's key), the connection is taken from Hypercorn, and both sides
are spliced. No extension is ever negotiated on either side, so the frames of one are the frames of the other.
"""

import asyncio
import contextlib
import functools
import logging
from collections.abc import Mapping
from urllib.parse import parse_qs

import httpx

from chassis.asgi import Scope, Send
from chassis.ids import uuid7
from chassis.problems import Problem, Unavailable
from chassis.server import Handover, handover_of
from contracts.sockets import CONNECTION_HEADER

from .admission import Admission
from .connection import Connection, Failure, UpstreamError
from .headers import encode, response_headers
from .http1 import Head
from .origins import Origins
from .pods import Pod, Pods, UnknownSession, sockets
from .pool import dial
from .proxy import MAX_CONNECTS, problem_of, upstream_errors
from .request import Request
from .routes import Route
from .splice import ClientSide, PodSide, in_empty_context

logger = logging.getLogger(__name__)

DRAIN_PATH = "/internal/sockets/drain"
DRAIN_EXTRA_SECONDS = 2.0
DRAIN_BATCH = 1000  # ids in one request, which must stay below 64 KiB
MAX_QUERY_FIELDS = 100
_PASSED = frozenset(
    {
        b"authorization",
        b"origin",
        b"sec-websocket-key",
        b"sec-websocket-protocol",
        b"sec-websocket-version",
        b"user-agent",
    }
)


class Sockets:
    """Opens, counts and drains the spliced sockets.

    Arguments:
        pods: of the chat service.
        admission: checks tokens and limits.
        origins: checks browsers.
        client: for the drain.
        connect_seconds: for a pod to accept a connection.
        handshake_seconds: for its answer to the upgrade.
        idle_seconds: between two pieces of a refusal's body.
    """

    def __init__(
        self,
        pods: Pods,
        admission: Admission,
        origins: Origins,
        client: httpx.AsyncClient,
        *,
        connect_seconds: float,
        handshake_seconds: float,
        idle_seconds: float,
    ) -> None:
        self._pods = pods
        self._admission = admission
        self._origins = origins
        self._client = client
        self._connect_seconds = connect_seconds
        self._handshake_seconds = handshake_seconds
        self._idle_seconds = idle_seconds
        self._draining = False
        self._open: dict[str, tuple[Pod, asyncio.Transport]] = {}
        self._all_closed = asyncio.Event()

    async def open(self, route: Route, request: Request, scope: Scope, send: Send, sid: str | None = None) -> None:
        """Answer one handshake.

        Arguments:
            route, request, scope, send: of the client.
            sid: the Socket.IO session that goes on over this socket.

        Raises:
            Problem: it is refused, by us or because no pod answers.
            UnknownSession: no pod has that session.
        """
        self._origins.check_socket(request.fields.get(b"origin"), request.host)
        tokens, ticket = credentials(request, scope)
        admitted = await self._admission.admit(route, request.address, tokens, later=ticket)
        self._refuse_if_draining()
        handover = handover_of(scope)
        if handover is None:
            raise Problem(501, "WebSockets are served over plain HTTP/1.1 only.", code="no_websocket_here")
        identifier = uuid7().hex
        pod, connection, head = await self._handshake(request, identifier, sid)
        try:
            self._refuse_if_draining()  # it may have begun in the meantime, and does not know of this one
            extra = encode(admitted.headers.items())
            if head.status != 101:
                await self._relay(head, connection, extra, send)
            else:
                subprotocol = chosen_subprotocol(head, scope["subprotocols"])
                handover.pause()
                await send({"type": "websocket.accept", "subprotocol": subprotocol, "headers": extra})
                self._splice(identifier, pod, connection, handover)
        except BaseException:
            connection.abort()
            raise

    async def drain(self, budget_seconds: float) -> None:
        """Take no more sockets, and let the pods, who see the frames, say goodbye with 1012 on those that are open.

        Arguments:
            budget_seconds: over which they may spread it; what is open afterwards is closed.
        """
        self._draining = True
        by_pod: dict[Pod, list[str]] = {}
        for identifier, (pod, _) in self._open.items():
            by_pod.setdefault(pod, []).append(identifier)
        asked = [
            self._ask_to_drain(pod, names[start : start + DRAIN_BATCH], budget_seconds)
            for pod, names in by_pod.items()
            for start in range(0, len(names), DRAIN_BATCH)
        ]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(budget_seconds):
                await asyncio.gather(*asked)
                if self._open:
                    self._all_closed.clear()
                    await self._all_closed.wait()
        left = list(self._open.values())
        if left:
            logger.warning("closing sockets that the pods have left open", extra={"sockets": len(left)})
        for _, up in left:
            up.close()

    def _refuse_if_draining(self) -> None:
        if self._draining:
            raise Unavailable("This gateway is going away; connect again.", code="draining", retry_after=1)

    @property
    def count(self) -> int:
        """How many are open."""
        return len(self._open)

    async def _ask_to_drain(self, pod: Pod, identifiers: list[str], budget_seconds: float) -> None:
        body = {"connections": identifiers, "budget_seconds": budget_seconds}
        try:
            timeout = budget_seconds + DRAIN_EXTRA_SECONDS  # it answers when it has done so
            response = await self._client.post(f"{pod.url}{DRAIN_PATH}", json=body, timeout=timeout)
            response.raise_for_status()
        except httpx.HTTPError as error:
            logger.warning("a pod does not drain", extra={"address": pod.name, "error": repr(error)})

    async def _handshake(self, request: Request, identifier: str, sid: str | None) -> tuple[Pod, Connection, Head]:
        """Find a pod that answers. One that does not, or is full, is passed over as long as there is another.

        Raises:
            Problem: none does.
            UnknownSession: the one that has the session does not.
        """
        tried: list[Pod] = []
        error = UpstreamError(Failure.CONNECT, "no pod is known")
        while (pod := self._pods.choose(sockets, exclude=tried, sid=sid)) is not None and len(tried) < MAX_CONNECTS:
            tried.append(pod)
            last = sid is not None or len(tried) == min(MAX_CONNECTS, len(self._pods.pods))
            try:
                connection, head = await self._ask_pod(pod, request, identifier)
            except UpstreamError as failure:
                error = failure
                self._pods.failed(pod)
                upstream_errors.labels(self._pods.service, failure.failure.value).inc()
                if failure.failure not in (Failure.CONNECT, Failure.STALE):
                    break  # it has seen the handshake, and with it a ticket that can be used once
                continue
            if head.status == 503:
                self._pods.rest(pod)
                if not last:
                    connection.abort()
                    continue
            self._pods.worked(pod)
            return pod, connection, head
        if sid is not None:
            raise UnknownSession
        logger.warning("no chat pod takes a socket", extra={"error": str(error), "tried": len(tried)})
        raise problem_of(error)

    async def _ask_pod(self, pod: Pod, request: Request, identifier: str) -> tuple[Connection, Head]:
        connection = Connection(_ignore)
        await dial(connection, *pod.place, self._connect_seconds)
        try:
            more = [*pod.introduction(), (CONNECTION_HEADER.lower().encode(), identifier.encode())]
            connection.begin("GET", request.upgrade(pod.name, _PASSED, more))
            async with asyncio.timeout(self._handshake_seconds):
                return connection, await connection.head()
        except TimeoutError:
            connection.abort()
            raise UpstreamError(Failure.SLOW, "no answer to the handshake") from None
        except BaseException:
            connection.abort()
            raise

    async def _relay(self, head: Head, connection: Connection, extra: list[tuple[bytes, bytes]], send: Send) -> None:
        """Give the client a pod's refusal."""
        headers = response_headers(head.headers, head.status, extra)
        await send({"type": "websocket.http.response.start", "status": head.status, "headers": headers})
        with contextlib.suppress(UpstreamError):  # cut short there, cut short here
            while piece := await connection.read(self._idle_seconds):
                await send({"type": "websocket.http.response.body", "body": piece, "more_body": True})
        await send({"type": "websocket.http.response.body", "body": b"", "more_body": False})
        connection.abort()

    def _splice(self, identifier: str, pod: Pod, connection: Connection, handover: Handover) -> None:
        up, down = connection.transport, handover.transport
        try:
            handover.take(ClientSide(up))
        except ConnectionError:  # the client has gone
            up.abort()
            return
        if up.is_closing():  # the pod has
            down.close()
            return
        self._open[identifier] = (pod, up)
        pod.count_sockets(1)
        first = connection.detach()
        up.set_protocol(PodSide(down, functools.partial(self._closed, identifier)))
        if first:
            down.write(first)
        in_empty_context(up.resume_reading)

    def _closed(self, identifier: str) -> None:
        pod, _ = self._open.pop(identifier)
        pod.count_sockets(-1)
        if not self._open:
            self._all_closed.set()


def credentials(request: Request, scope: Scope) -> tuple[list[str], bool]:
    """What the client proves himself with.

    Returns:
        the token as `Authorization` values, from the header, the subprotocol pair `bearer, <jwt>` or `?token=`, and
        whether there is a ticket instead, which only the chat service can check because it works once.

    Raises:
        Problem: 400, the query string is not a sane one.
    """
    try:
        query = parse_qs(
            scope["query_string"].decode("latin-1"), keep_blank_values=True, max_num_fields=MAX_QUERY_FIELDS
        )
    except ValueError:
        raise Problem(400, "The query string has too many fields.") from None
    if "ticket" in query:
        return [], True
    if tokens := query.get("token"):
        return [f"Bearer {token}" for token in tokens], False
    if values := request.all(b"authorization"):
        return values, False
    offered: list[str] = scope.get("subprotocols", [])
    if "bearer" in offered[:-1]:
        return [f"Bearer {offered[offered.index('bearer') + 1]}"], False
    return [], False


def chosen_subprotocol(head: Head, offered: list[str]) -> str | None:
    """The subprotocol of a pod's answer.

    Raises:
        Problem: 502, it is none of those offered, or it speaks of an extension, of which none was offered.
    """
    fields: Mapping[bytes, bytes] = dict(head.headers)
    chosen = fields.get(b"sec-websocket-protocol", b"").decode("latin-1") or None
    if b"sec-websocket-extensions" in fields or (chosen is not None and chosen not in offered):
        raise Problem(502, "A part of the service broke the handshake.")
    return chosen


def _ignore(connection: Connection) -> None:
    """Handshakes use no pool."""
