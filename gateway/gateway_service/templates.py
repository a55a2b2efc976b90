"""The gateway's pages, filled in: HTML without script."""

import re
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from quart import Response

PAGES = Path(__file__).with_name("pages")
CSP = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_WORDS = re.compile(r"`([^`]+)`|\[([^\]]+)\]\([^)]*\)")


def create() -> Environment:
    """The templates of `pages/`; a name that is missing is an error."""
    environment = Environment(
        loader=FileSystemLoader(PAGES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["marked"] = marked
    return environment


def marked(text: str) -> Markup:
    """A line with `code` shown as such, and links as their words: as much of Markdown as descriptions use."""
    out, at = Markup(), 0
    for match in _WORDS.finditer(text):
        out += escape(text[at : match.start()])
        out += Markup("<code>{}</code>").format(match[1]) if match[1] is not None else escape(match[2])
        at = match.end()
    return out + escape(text[at:])


def html(text: str) -> Response:
    """A page that may load our stylesheet and pictures, and nothing else."""
    return Response(text, content_type="text/html; charset=utf-8", headers={"Content-Security-Policy": CSP})
