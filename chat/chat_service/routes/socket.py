"""The WebSocket door: everything that can be refused is refused before the upgrade; then the socket is handed over."""

import contextlib
import hashlib
from collections.abc import Mapping
from uuid import UUID

import msgspec
from quart import Blueprint, Response, websocket
from quart_schema import hide
from redis.asyncio import Redis

from chassis.http import internal, public, reply, takes
from chassis.ids import parse_uuid, uuid7
from chassis.problems import Invalid, Unauthorized, Unavailable
from chassis.redis import RedisAway, guarded
from chassis.revocations import Guard
from chassis.server import handover_of
from chassis.tokens import Claims, bearer_token
from contracts import keys
from contracts.sockets import CONNECTION_HEADER

from ..model import MAX_SEQ, user_of
from ..people import People
from ..realtime.admission import Admission
from ..realtime.arrivals import Arrivals
from ..realtime.asyncapi import ADDRESS, MAX_RESUMED_ROOMS, SHORT_ADDRESS, encoded
from ..realtime.fallback import QuartTransport, serve
from ..realtime.keeper import Keeper
from ..realtime.live import encode_user
from ..realtime.protocol import MAX_EPOCH_CHARACTERS
from ..realtime.session import Handler, Session
from ..realtime.wanted import Wanted

SUBPROTOCOL = "bearer"
TICKET_SECONDS = 30
TICKET_ANSWER_SECONDS = 1.0  # for Redis: without it nobody comes in with a ticket, and a pod may be busy for a moment


class DrainRequest(msgspec.Struct):
    """A gateway goes away: these of its connections should be closed over that time."""

    connections: list[str]
    budget_seconds: float = 10


def blueprint(
    guard: Guard,
    redis: "Redis",
    people: People,
    arrivals: Arrivals,
    keeper: Keeper,
    handler: Handler,
    admission: Admission,
    *,
    handover_allowed: bool,
) -> Blueprint:
    """The WebSocket routes, and the drain of a gateway's connections.

    Arguments:
        redis: where tickets are; with a deadline of TICKET_ANSWER_SECONDS.
        handover_allowed: take sockets over from the HTTP server where that is possible.
    """
    routes = Blueprint("socket", __name__)

    async def connect() -> None:
        admission.check(keeper)
        claims, token, subprotocol = await _authenticate(guard, redis)
        query = websocket.args
        by_frame = query.get("resume") == "frame"
        positions, revs = parse_positions("" if by_frame else query.get("resume", ""))
        wanted = Wanted(
            positions=positions,
            revs=revs,
            history_of=_room_id(query["room"]) if "room" in query else None,
            epoch=_epoch(query["epoch"]) if "epoch" in query else None,
            by_frame=by_frame,
        )
        handover = handover_of(websocket.scope) if handover_allowed else None
        try:
            user = user_of(await people.me(claims), online=True)
            opening = await arrivals.prepare(user)
        except BaseException:  # this pod cannot now, another one may: the ticket has not been of use yet
            await _put_back(redis, query.get("ticket"), token)
            raise
        gateway_connection = websocket.headers.get(CONNECTION_HEADER, "")[:64] or None
        session = Session(handler, claims, encode_user(user), uuid7(), gateway_connection)
        try:
            if handover is not None:
                handover.pause()
            await websocket.accept(subprotocol=subprotocol)
            if handover is not None:
                handover.take(session)
            else:
                session.connection_made(QuartTransport(session))
        except BaseException:
            arrivals.abandon(opening)
            raise
        keeper.add(session)
        arrivals.begin(session, opening, wanted)
        if handover is None:
            await serve(session)

    routes.websocket(ADDRESS)(public(connect))
    routes.websocket(SHORT_ADDRESS, endpoint="connect_short")(public(connect))

    @routes.get("/asyncapi.json")
    @hide
    @public
    async def describe() -> Response:
        """What goes over the sockets, as an AsyncAPI document."""
        return Response(encoded(), content_type="application/json")

    @routes.post("/internal/sockets/drain")
    @internal
    @takes(DrainRequest)
    async def drain(data: DrainRequest) -> Response:
        """Move the sockets of a gateway that is going away."""
        wanted = set(data.connections)
        sessions = [session for session in keeper.sessions() if session.gateway_connection in wanted]
        await keeper.move_away(sessions, min(data.budget_seconds, 60))
        return reply({"closed": len(sessions)})

    return routes


async def _authenticate(guard: Guard, redis: "Redis") -> tuple[Claims, str, str | None]:
    """The claims of the handshake's token, the token, and the subprotocol to answer with.

    Raises:
        Unauthorized: there is no good one.
        Unavailable: it cannot be known now.
    """
    query = websocket.args
    offered = [part.strip() for part in websocket.headers.get("Sec-WebSocket-Protocol", "").split(",")]
    subprotocol = SUBPROTOCOL if offered[0] == SUBPROTOCOL else None
    if "ticket" in query:
        token = await _redeem(redis, _only(query.getlist("ticket")))
    elif "token" in query:
        token = _only(query.getlist("token"))
    elif "Authorization" in websocket.headers:
        token = bearer_token(websocket.headers.getlist("Authorization"))
    elif subprotocol is not None and len(offered) == 2:
        token = offered[1]
    else:
        raise Unauthorized()
    return await guard(token), token, subprotocol


def _only(values: list[str]) -> str:
    """The one there is: of several, each reader might take another.

    Raises:
        Unauthorized: there are several.
    """
    if len(values) != 1:
        raise Unauthorized("Give one token, or one ticket.")
    return values[0]


async def _redeem(redis: "Redis", ticket: str) -> str:
    """The access token a ticket stands for; it is gone afterwards."""
    digest = hashlib.sha256(ticket.encode()).hexdigest()
    try:
        async with guarded():
            token = await redis.getdel(keys.ws_ticket(digest))
    except RedisAway:
        raise Unavailable("Tickets cannot be checked right now; use a token.") from None
    if token is None:
        raise Unauthorized("The ticket is unknown, used, or too old.", code="ticket_invalid")
    return token.decode() if isinstance(token, bytes) else str(token)


async def _put_back(redis: "Redis", ticket: str | None, token: str) -> None:
    """Make a redeemed ticket good again for as long as a fresh one."""
    if ticket is not None:
        digest = hashlib.sha256(ticket.encode()).hexdigest()
        with contextlib.suppress(RedisAway):
            async with guarded():
                await redis.set(keys.ws_ticket(digest), token, ex=TICKET_SECONDS, nx=True)


def parse_positions(text: str) -> tuple[Mapping[UUID, int], Mapping[UUID, int]]:
    """`ROOM:SEQ[:REV],…` as the seq of each room, and the rev of those that have one.

    Raises:
        Invalid: it has another form.
    """
    positions: dict[UUID, int] = {}
    revs: dict[UUID, int] = {}
    parts = text.split(",") if text else []
    if len(parts) > MAX_RESUMED_ROOMS:
        raise Invalid(("resume", f"at most {MAX_RESUMED_ROOMS} rooms fit into a URL"))
    for part in parts:
        room, *numbers = part.split(":")
        room_id = parse_uuid(room)
        if room_id is None or not 1 <= len(numbers) <= 2 or not all(_is_seq(number) for number in numbers):
            raise Invalid(("resume", "must be ROOM:SEQ or ROOM:SEQ:REV, separated by commas"))
        positions[room_id] = int(numbers[0])
        if len(numbers) == 2:
            revs[room_id] = int(numbers[1])
    return positions, revs


def _is_seq(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 16 and int(text) <= MAX_SEQ


def _epoch(text: str) -> str:
    if len(text) > MAX_EPOCH_CHARACTERS or "\x00" in text:
        raise Invalid(("epoch", "must be one of session.ready"))
    return text


def _room_id(text: str) -> UUID:
    room_id = parse_uuid(text)
    if room_id is None:
        raise Invalid(("room", "must be the id of a room"))
    return room_id
