"""What a route is made of: `@public` or `@bearer`, `@takes(Body)`, `@reads(Query)`, `@gives(Reply)`, and one call.

The decorators validate with msgspec and document with quart-schema: the OpenAPI page cannot drift from the code.
"""

import functools
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ParamSpec, TypeVar, cast

import msgspec
from quart import Response, current_app, g, request
from quart_schema import document_querystring, document_request, document_response, security_scheme
from werkzeug.exceptions import RequestEntityTooLarge

from . import logs
from .openapi import EMPTY, OPTIONAL_BODY, OTHERWISE
from .problems import Invalid, Problem
from .tokens import Claims, bearer_token

P = ParamSpec("P")
R = TypeVar("R")
ModelT = TypeVar("ModelT", bound=msgspec.Struct)
Handler = Callable[P, Awaitable[R]]
ACCESS = "parley_access"  # on a handler: "public", "bearer" or "internal"; create_app refuses a route without one
MAX_DEPTH = 64  # of a JSON body; far below what recursion stands, here and in whatever reads it later
GUARD = "parley_guard"  # in app.extensions: turns a token into claims


def public(handler: Handler[P, R]) -> Handler[P, R]:
    """Anybody may call this."""
    setattr(handler, ACCESS, "public")
    return handler


def internal(handler: Handler[P, R]) -> Handler[P, R]:
    """Only other services may call this: the gateway does not route to it, and the network policies keep it inside."""
    setattr(handler, ACCESS, "internal")
    return handler


def bearer(handler: Handler[P, R]) -> Handler[P, R]:
    """A valid access token is needed; its claims are then `claims()`.

    Raises (to the client): 401 without one.
    """

    @functools.wraps(handler)
    async def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        verify = current_app.extensions[GUARD]
        g.claims = await verify(bearer_token(request.headers.getlist("Authorization")))
        logs.user_id.set(str(g.claims.user_id))
        return await handler(*args, **kwargs)

    setattr(guarded, ACCESS, "bearer")
    return cast("Handler[P, R]", security_scheme([{"bearer": []}])(guarded))


def claims() -> Claims:
    """Whose request this is; only inside a `@bearer` route."""
    return cast("Claims", g.claims)


def takes(model: type[ModelT], *, optional: bool = False) -> Callable[[Handler[..., R]], Handler[..., R]]:
    """Give the handler `data`, the JSON body as `model`. With `optional`, an absent body is `model()`.

    Raises (to the client): 400 not JSON, 413 too large, 415 another media type, 422 field errors.
    """

    def decorate(handler: Handler[..., R]) -> Handler[..., R]:
        @functools.wraps(handler)
        async def parsed(*args: Any, **kwargs: Any) -> R:
            return await handler(*args, data=await read_body(model, optional=optional), **kwargs)

        setattr(parsed, OPTIONAL_BODY, optional)
        return cast("Handler[..., R]", document_request(model)(parsed))

    return decorate


def reads(model: type[ModelT]) -> Callable[[Handler[..., R]], Handler[..., R]]:
    """Give the handler `query`, the query string as `model` (every field optional). 422 on field errors."""

    def decorate(handler: Handler[..., R]) -> Handler[..., R]:
        @functools.wraps(handler)
        async def parsed(*args: Any, **kwargs: Any) -> R:
            names = {field.encode_name for field in msgspec.structs.fields(model)}
            for name, value in request.args.items(multi=True):
                refuse_nul({name: value}, "")
            given = {name: value for name, value in request.args.items() if name in names}
            return await handler(*args, query=convert(given, model, strict=False), **kwargs)

        return cast("Handler[..., R]", document_querystring(model)(parsed))

    return decorate


def gives(
    model: type[msgspec.Struct], status: int = 200, *, otherwise: type[msgspec.Struct] | None = None
) -> Callable[[Handler[P, R]], Handler[P, R]]:
    """Document that the route answers `status` with `model`; the handler makes the response with `reply`.

    Arguments:
        otherwise: what it gives instead, depending on what is asked.
    """

    def decorate(handler: Handler[P, R]) -> Handler[P, R]:
        if otherwise is not None:
            setattr(handler, OTHERWISE, {**getattr(handler, OTHERWISE, {}), status: otherwise})
        return document_response(model, status)(handler)

    return decorate


def gives_nothing(status: int) -> Callable[[Handler[P, R]], Handler[P, R]]:
    """Document that the route answers `status` without a body; one that says nothing of its answers gives 204."""

    def decorate(handler: Handler[P, R]) -> Handler[P, R]:
        setattr(handler, EMPTY, {*getattr(handler, EMPTY, ()), status})
        return handler

    return decorate


def reply(
    body: msgspec.Struct | Mapping[str, Any], status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """A JSON response."""
    return Response(msgspec.json.encode(body), status, headers, content_type="application/json")


def no_content() -> Response:
    """204."""
    response = Response(b"", 204)
    response.headers.pop("Content-Type", None)
    return response


def accepted() -> Response:
    """202, without a body: it will be done."""
    response = no_content()
    response.status_code = 202
    return response


async def read_body(model: type[ModelT], *, optional: bool = False) -> ModelT:
    """The request's JSON body as `model`; see `takes`."""
    try:
        raw = cast("bytes", await request.get_data(cache=False))
    except RequestEntityTooLarge:
        raise Problem(413, "The body is larger than this service accepts.") from None
    if not raw and optional:
        return convert({}, model)
    if not request.is_json:
        raise Problem(415, "The body must be application/json.")
    try:
        document = msgspec.json.decode(raw)
    except (ValueError, RecursionError):  # also what is too large for a number, and bytes that are not UTF-8
        raise Problem(400, "The body is not well-formed JSON.", code="malformed_json") from None
    if raw.count(b"[") + raw.count(b"{") > MAX_DEPTH and _is_deeper(document, MAX_DEPTH):
        raise Invalid(("", f"must not be nested more than {MAX_DEPTH} levels deep"))
    if b"\\u0000" in raw:
        refuse_nul(document, "")
    return convert(document, model)


def convert(document: object, model: type[ModelT], *, strict: bool = True) -> ModelT:
    """`document` as `model`.

    Raises:
        Invalid: with every field that is wrong, not only the first.
    """
    try:
        return msgspec.convert(document, model, strict=strict)
    except (msgspec.ValidationError, RecursionError) as error:
        if not isinstance(document, dict):
            raise Invalid(("", "must be a JSON object")) from None
        raise Invalid(*(_field_errors(document, model, strict) or [("", str(error))])) from None


def _field_errors(document: dict[str, Any], model: type[msgspec.Struct], strict: bool) -> list[tuple[str, str]]:
    errors = []
    for field in msgspec.structs.fields(model):
        if field.encode_name in document:
            try:
                msgspec.convert(document[field.encode_name], field.type, strict=strict)
            except msgspec.ValidationError as error:
                detail, _, path = str(error).partition(" - at `$")
                errors.append((field.encode_name + _dotted(path.rstrip("`")), detail))
        elif field.required:
            errors.append((field.encode_name, "is required"))
    return errors


def _dotted(path: str) -> str:
    """`[0].a[...]` as `.0.a.*`."""
    return path.replace("[...]", ".*").replace("[", ".").replace("]", "")


def _is_deeper(document: object, levels: int) -> bool:
    """Whether containers are nested in more than that many levels; without recursion."""
    layer = [document]
    for _ in range(levels + 1):
        containers = [value for value in layer if isinstance(value, (dict, list))]
        if not containers:
            return False
        layer = [item for value in containers for item in (value.values() if isinstance(value, dict) else value)]
    return True


def refuse_nul(value: object, path: str) -> None:
    """Raise Invalid if any text in a JSON value has U+0000, which Postgres cannot store and nobody means."""
    if isinstance(value, str) and "\x00" in value:
        raise Invalid((path, "U+0000 is not allowed"))
    if isinstance(value, dict):
        for key, item in value.items():
            refuse_nul(key, f"{path}.{key}".lstrip(".").replace("\x00", "?"))
            refuse_nul(item, f"{path}.{key}".lstrip("."))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            refuse_nul(item, f"{path}.{index}".lstrip("."))
