"""Sessions of browsers: the refresh token lives in a cookie that no script can read, the access token in the page.

`/web/login`, `/web/register` and `/web/exchange` are auth's own calls, except that the refresh token of their answer
goes into the cookie; `/web/refresh` takes it from there, `/web/logout` removes it. Only pages of this origin may call
them (SameSite=Strict, and a checked Origin): a cookie is sent by the browser, whoever asks for it (OWASP, CSRF).
"""

from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Any

import msgspec

from chassis.asgi import Message, Receive, Scope, Send
from chassis.problems import Forbidden, Problem

from .addresses import Addresses
from .headers import encode
from .origins import is_same
from .pods import Target
from .proxy import Proxy
from .request import Request
from .routes import AUTH

COOKIE = "parley_refresh"
COOKIE_SECONDS = 30 * 24 * 3600  # as long as a refresh token lives
COOKIE_PATH = "/web"
MAX_ANSWER_BYTES = 64 * 1024

TARGETS = {
    "/web/login": b"/auth/login",
    "/web/register": b"/auth/register",
    "/web/exchange": b"/auth/oauth/exchange",
    "/web/refresh": b"/auth/refresh",
    "/web/logout": b"/auth/logout",
}


class BrowserSessions:
    """Answers the calls of `TARGETS`.

    Arguments:
        proxy: reaches auth.
        addresses: tell the client from the proxies.
    """

    def __init__(self, proxy: Proxy, addresses: Addresses) -> None:
        self._proxy = proxy
        self._addresses = addresses

    async def answer(
        self, request: Request, scope: Scope, extra: Mapping[str, str], receive: Receive, send: Send
    ) -> None:
        """Pass a call on to auth, and keep the refresh token on the way back; 204 for a refresh without a cookie.

        Raises:
            Problem: 405 for anything but POST, 403 for another origin; and those of `Proxy.forward`.
        """
        if request.method != "POST":
            raise Problem(405, headers={"Allow": "POST"})
        origin = request.fields.get(b"origin", b"").decode("latin-1").lower()
        if not is_same(origin, request.host):
            raise Forbidden("Only pages of this origin may keep a session here.", code="origin_refused")
        if request.path == "/web/refresh":
            token = refresh_token_in(request)
            if token is None:  # the usual first question of a page, so not an error
                await send({"type": "http.response.start", "status": 204, "headers": encode(extra.items())})
                await send({"type": "http.response.body", "body": b""})
                return
            body = msgspec.json.encode({"refresh_token": token})
            inner, receive = self._rewritten(scope, request, body), one_body(body)
        else:
            inner = self._rewritten(scope, request, None)
        keeper = _Keeper(send, request.path, secure=request.scheme == "https")
        await self._proxy.forward(Target(AUTH), inner, extra, receive, keeper.send)

    def _rewritten(self, scope: Scope, request: Request, body: bytes | None) -> Request:
        """The request as auth gets it: its own path, no query, no cookie, and `body` if that is another one."""
        dropped = {b"cookie"} if body is None else {b"cookie", b"content-length", b"content-type", b"transfer-encoding"}
        headers = [item for item in scope["headers"] if item[0] not in dropped]
        if body is not None:
            headers += [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        target = TARGETS[request.path]
        return Request({**scope, "raw_path": target, "query_string": b"", "headers": headers}, self._addresses)


class _Keeper:
    """Takes the refresh token out of auth's answer and puts it into the cookie."""

    def __init__(self, send: Send, path: str, *, secure: bool) -> None:
        self._send = send
        self._path = path
        self._secure = secure
        self._head: Message = {}
        self._body = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._head = message
            return
        self._body += message.get("body", b"")
        if len(self._body) > MAX_ANSWER_BYTES:
            raise Problem(502, "A part of the service broke off.")
        if not message.get("more_body", False):
            await self._finish()

    async def _finish(self) -> None:
        headers, body = list(self._head["headers"]), self._body
        status: int = self._head["status"]
        token: str | None = None
        if status in (200, 201):
            grant: dict[str, Any] = msgspec.json.decode(body)
            token = grant.pop("refresh_token", None)
            body = msgspec.json.encode(grant)
            headers = [item for item in headers if item[0] != b"content-length"]
            headers.append((b"content-length", b"%d" % len(body)))
        if token is not None:
            headers.append((b"set-cookie", self._cookie(token, COOKIE_SECONDS)))
        elif self._path == "/web/logout" or (self._path == "/web/refresh" and status == 401):
            headers.append((b"set-cookie", self._cookie("", 0)))
        await self._send({**self._head, "headers": headers})
        await self._send({"type": "http.response.body", "body": body, "more_body": False})

    def _cookie(self, value: str, seconds: int) -> bytes:
        secure = "; Secure" if self._secure else ""
        text = f"{COOKIE}={value}; Path={COOKIE_PATH}; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"
        return text.encode("latin-1")


def refresh_token_in(request: Request) -> str | None:
    """The refresh token in a request's cookie."""
    try:
        cookies = SimpleCookie(request.fields.get(b"cookie", b"").decode("latin-1"))
    except CookieError:
        return None
    found = cookies.get(COOKIE)
    return found.value or None if found is not None else None


def one_body(body: bytes) -> Receive:
    """An ASGI receive that tells a body which is at hand."""

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
