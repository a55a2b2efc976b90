"""The Quart application of a service: every error is problem+json, every route says who may call it."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from uuid import UUID

from quart import Quart, Response, has_request_context, request, websocket
from quart.globals import request_ctx
from quart_schema import HttpSecurityScheme, Info, QuartSchema, hide
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound

from . import http, postgres
from .asgi import IDS, ROUTE
from .logs import request_id
from .openapi import EXAMPLES, Example, Provider, document
from .problems import CONTENT_TYPE, Problem, Unavailable
from .redis import RedisAway
from .tokens import Claims

logger = logging.getLogger(__name__)
Verify = Callable[[str], Awaitable[Claims]]


def create_app(
    name: str,
    *,
    title: str,
    max_body_bytes: int,
    verify: Verify | None,
    examples: Mapping[str, Example] = MappingProxyType({}),
) -> Quart:
    """A Quart application with the house rules.

    Arguments:
        name: the import name of the service's package.
        title: for its OpenAPI document, served at `/openapi.json`.
        max_body_bytes: beyond this a body is answered 413.
        verify: turns a token into claims or raises `Unauthorized`; needed when the service has `@bearer` routes.
        examples: of its calls, for the document.
    """
    app = Quart(name, static_folder=None)
    app.extensions[EXAMPLES] = examples
    app.config["MAX_CONTENT_LENGTH"] = max_body_bytes
    app.config["BODY_TIMEOUT"] = 10
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    if verify is not None:
        app.extensions[http.GUARD] = verify
    bearer = HttpSecurityScheme(scheme="bearer", bearer_format="JWT")
    schema = QuartSchema(
        app,
        info=Info(title=title, version="1"),
        openapi_path=None,
        swagger_ui_path=None,
        redoc_ui_path=None,
        scalar_ui_path=None,
        security_schemes={"bearer": bearer},
        conversion_preference="msgspec",
        openapi_provider_class=Provider,
    )

    @app.get("/openapi.json")
    @hide
    @http.public
    async def openapi() -> Response:
        return http.reply(document(app, schema))

    app.before_request(_name_route)
    app.before_websocket(_name_websocket_route)
    app.register_error_handler(Problem, _problem)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unexpected)
    return app


def check_access_marks(app: Quart) -> None:
    """Refuse an application with a route that does not say who may call it.

    Raises:
        RuntimeError: naming the routes.
    """
    unmarked = [
        rule.rule for rule in app.url_map.iter_rules() if not hasattr(app.view_functions[rule.endpoint], http.ACCESS)
    ]
    if unmarked:
        raise RuntimeError(f"routes without @public, @bearer or @internal: {', '.join(sorted(unmarked))}")


async def _name_route() -> None:
    if request.url_rule is not None and request.scope is not None:
        request.scope[ROUTE] = request.url_rule.rule  # type: ignore[literal-required]
        request.scope[IDS] = {  # type: ignore[literal-required]
            "subject_id" if name == "user_id" else name: str(value)  # `user_id` is who asks
            for name, value in (request.view_args or {}).items()
            if isinstance(value, UUID)
        }


async def _name_websocket_route() -> None:
    if websocket.url_rule is not None:
        websocket.scope[ROUTE] = websocket.url_rule.rule  # type: ignore[literal-required]


async def _problem(problem: Problem) -> Response:
    return Response(problem.body(request_id.get()), problem.status, problem.headers, content_type=CONTENT_TYPE)


async def _http_error(error: HTTPException) -> Response:
    if isinstance(error, (NotFound, MethodNotAllowed)) and (methods := _methods_of_path()):
        return await _problem(Problem(405, headers={"Allow": ", ".join(sorted(methods))}))
    status = error.code or 500
    if status < 400:  # a redirect of the router is its own answer
        return error.get_response()  # type: ignore[return-value]
    return await _problem(Problem(status))


def _methods_of_path() -> set[str]:
    """What may be done with the request's path, with and without its slash at the end.

    Werkzeug calls a path not found when only its other spelling has a rule, for another method.
    """
    adapter = request_ctx.url_adapter if has_request_context() else None
    if adapter is None:
        return set()
    path = request.path
    other = path.rstrip("/") if path.endswith("/") else path + "/"
    return {*adapter.allowed_methods(path), *adapter.allowed_methods(other)}


async def _unexpected(error: Exception) -> Response:
    if isinstance(error, RedisAway) or postgres.is_away(error):
        logger.warning("dependency away", extra={"error": repr(error)})
        return await _problem(Unavailable("A part of the service is away; try again."))
    logger.error("unhandled error", exc_info=error)
    return await _problem(Problem(500, "Something went wrong on our side."))
