"""The page of what was caught: `/`, and `/mails.json` for programs."""

import re
from collections.abc import Iterable
from html import escape
from typing import cast

import msgspec
from quart import Response, request

from chassis.app import check_access_marks
from chassis.app import create_app as create_quart
from chassis.asgi import App
from chassis.http import public, reply
from chassis.lifecycle import Lifecycle
from chassis.problems import Forbidden
from chassis.service import Service
from chassis.settings import Port, ServiceSettings

from .sink import Caught, Sink

OURSELVES = frozenset({"127.0.0.1", "localhost"})
CSP = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Mail</title>
<style>body {{ font: 16px/1.5 system-ui; max-width: 50rem; margin: 2rem auto; padding: 0 1rem }}
pre {{ white-space: pre-wrap; overflow-wrap: anywhere; background: #f4f4f4; padding: 1rem }}</style>
<h1>Mail</h1><p>What the platform has sent, the latest first. Nothing leaves this machine.</p>
{mails}</html>"""
_LINK = re.compile(r"https?://[^\s<>]+")
MAIL = "<h2>{subject}</h2><p>to {recipients}, {at}</p><pre>{text}</pre>"


class Settings(ServiceSettings, frozen=True, kw_only=True):
    """Where mail is taken, beside where the page is."""

    smtp_port: Port


class Mails(msgspec.Struct, frozen=True):
    """All that is kept, the oldest first."""

    mails: list[Caught]


def create_app(settings: Settings) -> Service:
    """The sink and its page, on the same address."""
    lifecycle = Lifecycle(stop_seconds=settings.stop_seconds)
    sink = Sink(settings.host, settings.smtp_port)
    lifecycle.add("sink", sink)
    app = create_quart("devstack.mail", title="Mail", max_body_bytes=settings.max_body_bytes, verify=None)

    @app.before_request
    async def refuse_other_names() -> None:
        """Pages of other sites must not read mail by giving their own name our address (DNS rebinding)."""
        if request.host.partition(":")[0] not in OURSELVES:
            raise Forbidden()

    @app.get("/")
    @public
    async def show() -> Response:
        page = PAGE.format(mails=_shown(reversed(sink.mails)))
        return Response(page, content_type="text/html; charset=utf-8", headers={"Content-Security-Policy": CSP})

    @app.get("/mails.json")
    @public
    async def mails() -> Response:
        return reply(Mails(list(sink.mails)))

    check_access_marks(app)
    return Service(cast("App", app), lifecycle)


def _shown(mails: Iterable[Caught]) -> str:
    return "\n".join(
        MAIL.format(
            subject=escape(mail.subject),
            recipients=escape(", ".join(mail.recipients)),
            at=escape(mail.at),
            text=_LINK.sub(r'<a href="\g<0>">\g<0></a>', escape(mail.text)),
        )
        for mail in mails
    )
