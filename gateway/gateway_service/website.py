"""The gateway's own pages: the web client, what runs here, and the documents of the API for people and programs.

All but the client and what tries operations are HTML by templates, without script.
"""

from collections.abc import Mapping
from typing import Any

from quart import Quart, Response, request

from chassis.http import public
from chassis.problems import NotFound

from . import problem_codes, templates
from .event_page import page_of
from .openapi import METHODS, Document, MergedDocument, OneDocument, encode
from .status import Status
from .templates import html
from .webclient import DOCS_CSP, DOCS_PAGE, WebClient


def register(app: Quart, status: Status, document: MergedDocument, events: OneDocument, web: WebClient) -> None:
    """Add the pages to the gateway's Quart application; without a web client, the first page says what runs here."""
    pages = templates.create()
    pages.globals["icon"] = web.has("/favicon.svg")
    style = (templates.PAGES / "style.css").read_bytes()

    async def overview() -> Response:
        scheme = "https" if request.headers.get("X-Forwarded-Proto") == "https" else request.scheme
        base = f"{scheme}://{request.host}"
        return html(pages.get_template("landing.html").render(states=await status.get(), base=base))

    @app.get("/")
    @public
    async def page() -> Response:
        return web.page() or await overview()

    @app.get("/status")
    @public
    async def what_runs_here() -> Response:
        return await overview()

    @app.get("/favicon.svg")
    @app.get("/assets/<path:name>")
    @public
    async def asset(name: str = "") -> Response:
        found = web.find(request.path)
        if found is None:
            raise NotFound("There is nothing here.")
        return found

    @app.get("/docs")
    @public
    async def operations() -> Response:
        built = web.page(DOCS_PAGE, DOCS_CSP)
        if built is not None:
            return built
        merged = await document.get()
        values = {"missing": merged.get("x-missing", ()), "services": by_service(merged)}
        return html(pages.get_template("docs.html").render(values))

    @app.get("/docs/events")
    @public
    async def frames() -> Response:
        described = await events.get()
        return html(pages.get_template("events.html").render(page=page_of(described) if described else None))

    @app.get("/docs/errors")
    @public
    async def errors() -> Response:
        described = await events.get()
        channel = described["channels"]["socket"] if described else None
        return html(pages.get_template("errors.html").render(problems=problem_codes.TABLE, channel=channel))

    @app.get("/style.css")
    @public
    async def stylesheet() -> Response:
        return Response(style, content_type="text/css; charset=utf-8", headers={"Cache-Control": "max-age=300"})

    @public
    async def openapi() -> Response:
        return Response(encode(await document.get()), content_type="application/json")

    app.view_functions["openapi"] = openapi  # instead of the chassis's, which would describe these pages only


def by_service(document: Document) -> list[tuple[str, list[dict[str, Any]]]]:
    """The operations of each service."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for path, item in sorted(document["paths"].items()):
        for method in METHODS:
            if method in item:
                rows.setdefault(item[method]["tags"][0], []).append(operation(method, path, item[method]))
    return list(rows.items())


def operation(method: str, path: str, description: Mapping[str, Any]) -> dict[str, Any]:
    """One row: how to call it, what it is, whether a token is needed, what it may answer."""
    return {
        "method": method.upper(),
        "path": path,
        "text": description.get("summary") or description.get("description") or "",
        "token": bool(description.get("security")),
        "answers": ", ".join(sorted(description.get("responses", {}))),
    }
