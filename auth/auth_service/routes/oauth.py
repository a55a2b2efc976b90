"""`/auth/oauth`, `/auth/identities`."""

from typing import Annotated

import msgspec
from quart import Blueprint, Response, request
from werkzeug.http import dump_cookie
from werkzeug.routing import BaseConverter

from chassis.http import bearer, claims, gives, gives_nothing, no_content, public, reads, reply, takes
from chassis.times import rfc3339

from ..identities import Identities
from ..model import Grant
from ..oauth.config import NAME
from ..oauth.logins import Begun, OAuthLogins, cookie_name
from ..oauth.pending import STATE_SECONDS
from ..oauth.provider import Answer
from .caller import Caller

COOKIE_PATH = "/auth/oauth"
Opaque = Annotated[str, msgspec.Meta(max_length=2048)]
Challenge = Annotated[str, msgspec.Meta(pattern="^([A-Za-z0-9_-]{43})?$")]


class ProviderConverter(BaseConverter):
    """The name of a provider, which `exchange` is none of; anything else is no such path."""

    regex = f"(?!exchange(?:/|$))(?:{NAME.pattern})"
    part_isolating = True


class BeginQuery(msgspec.Struct, frozen=True):
    """Where the browser goes in the end, and a PKCE challenge (S256) that binds the code to this client."""

    redirect_uri: Opaque | None = None
    code_challenge: Challenge = ""


class CallbackQuery(msgspec.Struct, frozen=True):
    """What a provider sends along (RFC 6749, 4.1.2; RFC 9207)."""

    state: Opaque = ""
    code: Opaque | None = None
    error: Opaque | None = None
    iss: Opaque | None = None


class ExchangeBody(msgspec.Struct, frozen=True):
    """The code that came with the browser, and what the challenge was made of, if there was one."""

    code: Annotated[str, msgspec.Meta(min_length=1, max_length=512)]
    code_verifier: Annotated[str, msgspec.Meta(max_length=128)] = ""


class LinkBody(msgspec.Struct, frozen=True):
    """Where the browser goes in the end."""

    redirect_uri: Opaque | None = None


class LinkView(msgspec.Struct, frozen=True):
    """Where the browser goes now."""

    url: str


class ProviderView(msgspec.Struct, frozen=True):
    """One that can be logged in with."""

    name: str
    title: str


class ProviderList(msgspec.Struct, frozen=True):
    """All of them."""

    providers: list[ProviderView]


class IdentityView(msgspec.Struct, frozen=True):
    """One of my accounts elsewhere."""

    provider: str
    created_at: str | None


class IdentityList(msgspec.Struct, frozen=True):
    """All of mine."""

    identities: list[IdentityView]


def blueprint(logins: OAuthLogins, identities: Identities, caller: Caller) -> Blueprint:
    """The routes of logins by other accounts. The application must know `ProviderConverter` as `provider`."""
    routes = Blueprint("oauth", __name__)

    def bound(response: Response, begun: Begun) -> Response:
        """With the cookie that binds the login to this browser."""
        if begun.cookie:
            response.headers.add(
                "Set-Cookie",
                dump_cookie(
                    begun.cookie_name,
                    begun.cookie,
                    max_age=STATE_SECONDS,
                    path=COOKIE_PATH,
                    secure=logins.is_secure,
                    httponly=True,
                    samesite="Lax",
                ),
            )
        return response

    @routes.get("/auth/oauth")
    @public
    @gives(ProviderList)
    async def list_providers() -> Response:
        """With whom can one log in?"""
        return reply(ProviderList([ProviderView(name, entry.config.title) for name, entry in logins.providers.items()]))

    @routes.get("/auth/oauth/<provider:provider>")
    @public
    @reads(BeginQuery)
    @gives_nothing(303)
    async def begin(provider: str, query: BeginQuery) -> Response:
        """Go to a provider to log in; the browser comes back to `redirect_uri` with `code` or `error`."""
        begun = await logins.begin(provider, query.redirect_uri, query.code_challenge)
        return bound(_see_other(begun.location), begun)

    @routes.get("/auth/oauth/<provider:provider>/callback")
    @public
    @reads(CallbackQuery)
    @gives_nothing(303)
    async def callback(provider: str, query: CallbackQuery) -> Response:
        """Where a provider sends the browser back to."""
        name = cookie_name(query.state)
        cookie = request.cookies.get(name, "")
        answer = Answer(query.state, query.code, query.error, query.iss)
        location = await logins.finish(provider, answer, cookie, caller())
        response = _see_other(location)
        if cookie:
            response.headers.add("Set-Cookie", dump_cookie(name, "", max_age=0, path=COOKIE_PATH, httponly=True))
        return response

    @routes.post("/auth/oauth/exchange")
    @public
    @takes(ExchangeBody)
    @gives(Grant)
    async def exchange(data: ExchangeBody) -> Response:
        """A session for the code that came with the browser."""
        return reply(await logins.exchange(data.code, data.code_verifier, caller()))

    @routes.get("/auth/identities")
    @bearer
    @gives(IdentityList)
    async def list_identities() -> Response:
        """The accounts elsewhere that I can log in with."""
        mine = await identities.of(claims().user_id)
        return reply(IdentityList([IdentityView(one.provider, rfc3339(one.created_at)) for one in mine]))

    @routes.post("/auth/identities/<provider:provider>")
    @bearer
    @takes(LinkBody, optional=True)
    @gives(LinkView)
    async def link(provider: str, data: LinkBody) -> Response:
        """Add one: the browser must go to `url`, and comes back with `linked` or `error`."""
        begun = await logins.begin(provider, data.redirect_uri, "", claims().user_id)
        return bound(reply(LinkView(begun.location)), begun)

    @routes.delete("/auth/identities/<provider:provider>")
    @bearer
    async def unlink(provider: str) -> Response:
        """Log in with that one no more."""
        await identities.remove(claims().user_id, provider, caller())
        return no_content()

    return routes


def _see_other(location: str) -> Response:
    """303: a GET, whatever brought the browser here; nothing in between learns where it came from."""
    headers = {"Location": location, "Referrer-Policy": "no-referrer"}
    response = Response(b"", 303, headers)
    response.headers.pop("Content-Type", None)
    return response
