"""Socket.IO's clients: who connects becomes a session like any other, and events go to it.

The library's rooms and its Redis manager are not used: the hub delivers.
"""

import asyncio
import contextvars
import logging
from collections.abc import Coroutine
from typing import Any

import msgspec
import socketio

from chassis import postgres
from chassis.http import convert
from chassis.ids import uuid7
from chassis.problems import Problem, Unauthorized, Unavailable
from chassis.revocations import Guard

from ...model import user_of
from ...people import People
from ..arrivals import Arrivals
from ..keeper import Keeper
from ..live import encode_user
from ..session import Handler
from ..wanted import Opening, Wanted
from .client import Answering, EventSession
from .engine import Manager, Server
from .events import Positions, refusal_of
from .link import EventTransport, Link
from .outgoing import Translator
from .packets import EVENT, NAMESPACE, Event, Packet

logger = logging.getLogger(__name__)

MAX_MESSAGE_BYTES = 64 * 1024
RESUME_SECONDS = 1.0  # for an `auth.resume` from a client that has not said anything of it
MOST_PING_SECONDS = 25  # a poll waits that long, and proxies give up after 30
MOST_PONG_SECONDS = 20
SESSION_SECONDS = 20.0  # for a connection to come into the namespace


class Coming(msgspec.Struct):
    """A client that may come in, and has not been told so yet. `hold`: it has not said whether it resumes."""

    link: Link
    session: EventSession
    opening: Opening
    wanted: Wanted
    hold: bool


class SocketIO:
    """Socket.IO's clients. A component of the lifecycle.

    Arguments:
        guard, people, arrivals, keeper: see their classes.
        handler, answering: carry out what clients ask for.
        ping_seconds: how often a client is pinged.
        pong_seconds: how long it may take to answer.
    """

    def __init__(
        self,
        guard: Guard,
        people: People,
        arrivals: Arrivals,
        keeper: Keeper,
        handler: Handler,
        answering: Answering,
        *,
        ping_seconds: int,
        pong_seconds: int,
    ) -> None:
        self._guard = guard
        self._people = people
        self._arrivals = arrivals
        self._keeper = keeper
        self._handler = handler
        self._answering = answering
        self._translator = Translator()
        self._coming: dict[str, Coming] = {}
        self._sessions: dict[str, tuple[Link, EventSession]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.links: dict[str, Link] = {}
        quiet = logging.getLogger("socketio.server")
        quiet.setLevel(logging.ERROR)  # below that it logs what is said, and by whom
        self.server = Server(
            self._lost,
            async_mode="asgi",
            client_manager=Manager(self._connected),
            serializer=Packet,
            namespaces="*",
            logger=quiet,
            engineio_logger=quiet,
            cors_allowed_origins=[],  # the gateway's business
            http_compression=False,
            max_http_buffer_size=MAX_MESSAGE_BYTES,
            ping_interval=ping_seconds,
            ping_timeout=pong_seconds,
        )
        self.server.on("connect", self._connect, namespace=NAMESPACE)
        self.server.on("disconnect", self._disconnect, namespace=NAMESPACE)
        self.server.on(EVENT, self._event, namespace=NAMESPACE)
        self.server.on("connect", self._refuse_namespace, namespace="*")

    async def start(self) -> None:
        """Nothing: clients come by requests."""

    async def stop(self) -> None:
        """End what is left."""
        await self.server.eio.stop()
        tasks = list(self._tasks)
        await asyncio.gather(*tasks, return_exceptions=True)

    def open(self, sid: str, token: str | None) -> Link:
        """A link for a connection that is about to be made."""
        link = Link(sid, token, self._handler.limits, self.drop)
        link.expect_session(SESSION_SECONDS)
        self.links[sid] = link
        return link

    def forget(self, link: Link) -> None:
        """The connection was not made after all."""
        self.links.pop(link.sid, None)
        link.lost()

    def drop(self, sid: str) -> None:
        """End an Engine.IO session at once."""
        self._spawn(self.server.eio.drop(sid))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work, context=contextvars.Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- what the library calls ---------------------------------------------------------------------------------------

    async def _connect(self, sid: str, _: object, auth: dict[str, Any] | None) -> None:
        link = self.links.get(self.server.manager.eio_sid_from_sid(sid, NAMESPACE) or "")
        if link is None:
            raise socketio.exceptions.ConnectionRefusedError("this connection has ended")
        try:
            self._coming[sid] = await self._prepare(link, auth or {})
        except Problem as problem:
            if problem.status == 503:  # whose connection ends tries again by itself; who is refused does not
                await self.server.eio.drop(link.sid)
            raise socketio.exceptions.ConnectionRefusedError(problem.detail, refusal_of(problem).body()) from None
        except Exception:  # the library would leave him neither in nor out
            logger.exception("a client could not be let in")
            await self.server.eio.drop(link.sid)
            raise socketio.exceptions.ConnectionRefusedError("Something went wrong on our side.") from None

    async def _prepare(self, link: Link, auth: dict[str, Any]) -> Coming:
        """
        Raises:
            Problem: he may not come in, or cannot now.
        """
        token = auth.get("token", link.token)
        if not isinstance(token, str):
            raise Unauthorized()
        wanted = wanted_by(auth)
        if self._keeper.draining:
            raise Unavailable("This server is going away.", retry_after=1)
        claims = await self._guard(token)
        try:
            user = user_of(await self._people.me(claims), online=True)
            opening = await self._arrivals.prepare(user)
        except Exception as error:
            if isinstance(error, Problem) or not postgres.is_away(error):
                raise
            raise Unavailable("A part of the service is away; try again.") from None
        session = EventSession(
            self._handler, self._answering, claims, encode_user(user), uuid7(), link.gateway_connection
        )
        return Coming(link, session, opening, wanted, hold=auth.get("resume") is None)

    def _connected(self, sid: str) -> None:
        """The client has been told; from now on it is a session. In one loop turn, so that nothing is missed."""
        coming = self._coming.pop(sid, None)
        if coming is None:
            return
        link, session = coming.link, coming.session
        if link.ended:
            self._arrivals.abandon(coming.opening)
            self._spawn(self.server.manager.disconnect(sid, NAMESPACE, ignore_queue=True))
            return
        link.expect_nothing()
        link.token = None
        link.session = session
        session.gateway_connection = link.gateway_connection
        self._sessions[sid] = link, session
        transport = EventTransport(link, session, self._translator)
        session.connection_made(transport)
        self._keeper.add(session)
        self._arrivals.begin(session, coming.opening, coming.wanted)
        if coming.hold:
            transport.hold(RESUME_SECONDS)

    async def _disconnect(self, sid: str, _: str) -> None:
        found = self._sessions.pop(sid, None)
        if found is None:
            return
        link, session = found
        link.session = None
        session.connection_lost(None)
        if not link.ended:
            link.expect_session(SESSION_SECONDS)

    async def _event(self, sid: str, event: Event) -> object:
        found = self._sessions.get(sid)
        return None if found is None else await found[1].event(event)

    async def _refuse_namespace(self, namespace: str, *_: object) -> None:
        body = {"code": "no_such_namespace", "detail": f"The namespace is {NAMESPACE}."}
        raise socketio.exceptions.ConnectionRefusedError("Invalid namespace", body)

    def _lost(self, sid: str) -> None:
        self.server.eio.sockets.pop(sid, None)  # which the library looks through now and then only
        link = self.links.pop(sid, None)
        if link is not None:
            link.lost()


def wanted_by(auth: dict[str, Any]) -> Wanted:
    """Where a client wants to go on, by what it connects with: `resume` and `epoch`.

    `resume` is the positions, or true when they will come in an `auth.resume`.

    Raises:
        Problem: 422, it has another form.
    """
    resume = auth.get("resume")
    if resume is None or isinstance(resume, bool):
        return Wanted(by_frame=bool(resume))
    positions = convert({"rooms": resume, "epoch": auth.get("epoch")}, Positions)
    return Wanted(positions=positions.seqs(), revs=positions.revs(), epoch=positions.epoch)
