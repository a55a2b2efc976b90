"""`/auth/refresh`, `/auth/ws-ticket`, `/.well-known/jwks.json`."""

from typing import Annotated

import msgspec
from quart import Blueprint, Response, request

from chassis.http import bearer, claims, gives, public, reply, takes
from chassis.tokens import bearer_token
from contracts.internal import JWKS_PATH

from ..keyring import KeyRing
from ..model import Grant
from ..sessions import Sessions
from ..tickets import Tickets
from .caller import Caller

JWKS_MAX_AGE_SECONDS = 60


class RefreshBody(msgspec.Struct, frozen=True):
    """A refresh token."""

    refresh_token: Annotated[str, msgspec.Meta(min_length=1, max_length=512)]


class Ticket(msgspec.Struct, frozen=True):
    """A single-use stand-in for the access token."""

    ticket: str
    expires_in: int


class PublicKey(msgspec.Struct, frozen=True):
    """An Ed25519 key (RFC 8037)."""

    kty: str
    crv: str
    x: str
    kid: str
    use: str
    alg: str


class PublicKeys(msgspec.Struct, frozen=True):
    """A JWK set (RFC 7517)."""

    keys: list[PublicKey]


def blueprint(sessions: Sessions, tickets: Tickets, keys: KeyRing, caller: Caller) -> Blueprint:
    """The routes of tokens."""
    routes = Blueprint("tokens", __name__)

    @routes.post("/auth/refresh")
    @public
    @takes(RefreshBody)
    @gives(Grant)
    async def refresh(data: RefreshBody) -> Response:
        """Exchange a refresh token for a new pair."""
        return reply(await sessions.refresh(data.refresh_token, caller()))

    @routes.post("/auth/ws-ticket")
    @bearer
    @gives(Ticket)
    async def ws_ticket() -> Response:
        """A ticket for a WebSocket URL."""
        token = bearer_token(request.headers.getlist("Authorization"))
        return reply(Ticket(*await tickets.issue(claims(), token)))

    @routes.get(JWKS_PATH)
    @public
    @gives(PublicKeys)
    async def jwks() -> Response:
        """The keys that sign access tokens."""
        headers = {"Cache-Control": f"public, max-age={JWKS_MAX_AGE_SECONDS}"}
        return Response(keys.jwks(), 200, headers, content_type="application/json")

    return routes
