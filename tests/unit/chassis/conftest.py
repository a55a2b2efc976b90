"""An application with one route of each kind, called without a socket."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, cast
from uuid import UUID

import httpx
import msgspec
import pytest
from msgspec import Meta
from quart import Quart, Response

from chassis import http
from chassis.app import check_access_marks, create_app
from chassis.asgi import App, Edge
from chassis.ids import uuid7
from chassis.lifecycle import Lifecycle, Phase
from chassis.problems import Conflict, NotFound, Problem, TooMany, Unauthorized, Unavailable
from chassis.tokens import Claims

MAX_BODY_BYTES = 10_000


class Inner(msgspec.Struct):
    """A part of a body."""

    count: Annotated[int, Meta(ge=0, le=100)]
    note: str | None = None


class Body(msgspec.Struct, rename="camel"):
    """A body with fields of every kind."""

    display_name: Annotated[str, Meta(min_length=1, max_length=5)]
    amount: Annotated[int, Meta(ge=0, le=2**31)] = 0
    inner: Inner | None = None
    numbers: list[int] = []
    anything: Any = None
    by_name: dict[str, int] = {}


class Optional(msgspec.Struct):
    """A body that may be left out."""

    all: bool = False


class Page(msgspec.Struct):
    """A query string."""

    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    search: str = ""


async def verify(token: str) -> Claims:
    """Accepts one token."""
    if token == "good":
        return Claims(UUID(int=1), UUID(int=2), "jti", "alice", 0, 1)
    raise Unauthorized("No.", code="token_invalid")


def make_app() -> Quart:
    """The application."""
    app = create_app("test", title="Test", max_body_bytes=MAX_BODY_BYTES, verify=verify)

    @app.post("/body")
    @http.public
    @http.takes(Body)
    async def body(data: Body) -> Response:
        return http.reply(data)

    @app.post("/optional/")
    @http.public
    @http.takes(Optional, optional=True)
    async def optional(data: Optional) -> Response:
        return http.reply(data)

    @app.get("/page")
    @http.public
    @http.reads(Page)
    async def page(query: Page) -> Response:
        return http.reply(query)

    @app.get("/things/<uuid:thing_id>/")
    @http.public
    async def thing(thing_id: UUID) -> Response:
        return http.reply({"id": thing_id})

    @app.get("/words/<word>")
    @http.public
    async def word(word: str) -> Response:
        return http.reply({"word": word})

    @app.delete("/things/<uuid:thing_id>")
    @http.public
    async def remove(thing_id: UUID) -> Response:
        return http.no_content()

    @app.get("/me")
    @http.bearer
    async def me() -> Response:
        return http.reply({"username": http.claims().username})

    @app.get("/raises/<name>")
    @http.public
    async def raises(name: str) -> Response:
        raise RAISED[name]

    check_access_marks(app)
    return app


RAISED: dict[str, Exception] = {
    "conflict": Conflict("It is taken.", code="username_taken"),
    "missing": NotFound(),
    "many": TooMany(1.2),
    "away": Unavailable(retry_after=0),
    "teapot": Problem(418, headers={"X-Pot": "small"}),
    "bug": RuntimeError("postgresql://user:secret@host/db does not like SELECT * FROM users"),
    "group": ExceptionGroup("several", [KeyError("secret")]),
    "timeout": TimeoutError(),
    "refused": ConnectionRefusedError(111, "secret"),
}


@pytest.fixture
def lifecycle() -> Lifecycle:
    """Of a running service."""
    lifecycle = Lifecycle()
    lifecycle.phase = Phase.RUNNING
    return lifecycle


@pytest.fixture
async def client(lifecycle: Lifecycle) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application."""
    transport = httpx.ASGITransport(Edge(cast("App", make_app()), lifecycle), client=("test", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


@pytest.fixture
def thing_id() -> UUID:
    """An id."""
    return uuid7()
