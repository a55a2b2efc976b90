"""The gateway's own pages: the web client, what runs here, the operations, the merged OpenAPI document.

All but the client are HTML by templates, without script.
"""

from collections.abc import Iterable
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from quart import Quart, Response, request

from chassis.http import public
from chassis.problems import NotFound

from .openapi import METHODS, Document, MergedDocument, encode
from .status import PodState, Status
from .webclient import WebClient

PAGES = Path(__file__).with_name("pages")
CSP = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


def register(app: Quart, status: Status, document: MergedDocument, web: WebClient) -> None:
    """Add the pages to the gateway's Quart application; without a web client, the first page says what runs here."""
    landing, docs = (Template((PAGES / name).read_text()) for name in ("landing.html", "docs.html"))
    style = (PAGES / "style.css").read_bytes()

    async def overview() -> Response:
        scheme = "https" if request.headers.get("X-Forwarded-Proto") == "https" else request.scheme
        base = f"{scheme}://{request.host}"
        values = {
            "states": state_rows(await status.get()),
            "base": escape(base),
        }
        return html(landing.substitute(values))

    @app.get("/")
    @public
    async def page() -> Response:
        return web.page() if web else await overview()

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
        merged = await document.get()
        values = {"missing": missing_line(merged), "sections": sections(merged)}
        return html(docs.substitute(values))

    @app.get("/style.css")
    @public
    async def stylesheet() -> Response:
        return Response(style, content_type="text/css; charset=utf-8", headers={"Cache-Control": "max-age=300"})

    @public
    async def openapi() -> Response:
        return Response(encode(await document.get()), content_type="application/json")

    app.view_functions["openapi"] = openapi  # instead of the chassis's, which would describe these pages only


def html(text: str) -> Response:
    """A page that may load our stylesheet and nothing else."""
    return Response(text, content_type="text/html; charset=utf-8", headers={"Content-Security-Policy": CSP})


def state_rows(states: Iterable[PodState]) -> str:
    """A table row for each pod."""
    return "\n".join(
        f"<tr><td>{escape(state.name)}</td>"
        f'<td class="{"ready" if state.state == "ready" else "away"}">{escape(state.state)}</td></tr>'
        for state in states
    )


def missing_line(document: Document) -> str:
    """What to say of services whose part is missing."""
    missing = ", ".join(document.get("x-missing", ()))
    return f'<p class="away">Not complete: no answer from {escape(missing)}.</p>' if missing else ""


def sections(document: Document) -> str:
    """A heading and a list for each service."""
    rows: dict[str, list[str]] = {}
    for path, item in sorted(document["paths"].items()):
        for method in METHODS:
            if method in item:
                rows.setdefault(item[method]["tags"][0], []).append(operation(method, path, item[method]))
    return "\n".join(
        f"<h2>{escape(service)}</h2>\n<table><tbody>\n" + "\n".join(lines) + "\n</tbody></table>"
        for service, lines in rows.items()
    )


def operation(method: str, path: str, description: dict[str, Any]) -> str:
    """One row: how to call it, what it is, whether a token is needed, what it may answer."""
    text = description.get("summary") or description.get("description") or ""
    token = "token" if description.get("security") else ""
    answers = ", ".join(sorted(description.get("responses", {})))
    return (
        f'<tr><td><code class="method">{method.upper()}</code> <code>{escape(path)}</code></td>'
        f"<td>{escape(str(text))}</td><td>{token}</td><td>{escape(answers)}</td></tr>"
    )
