"""`/livez`, `/readyz` and `/metrics`: what the cluster asks of a process. Plain ASGI, so that they cost nothing."""

import msgspec

from . import metrics
from .asgi import App, Receive, Scope, Send
from .lifecycle import Lifecycle

PATHS = frozenset({"/livez", "/readyz", "/metrics"})


class Ops:
    """Answers the ops paths and passes everything else on.

    Arguments:
        app: the service.
        lifecycle: whose readiness is reported.
        ops_port: when set, the ops paths exist only on this port and nothing else does; otherwise they are beside the
            service's own. A process that faces the internet sets it.
    """

    def __init__(self, app: App, lifecycle: Lifecycle, ops_port: int | None) -> None:
        self._app = app
        self._lifecycle = lifecycle
        self._ops_port = ops_port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI entry point."""
        on_ops_port = self._ops_port is not None and (scope.get("server") or ("", 0))[1] == self._ops_port
        if scope["type"] == "http" and (on_ops_port or (self._ops_port is None and scope["path"] in PATHS)):
            await self._answer(scope["path"], send)
        elif on_ops_port and scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await self._app(scope, receive, send)

    async def _answer(self, path: str, send: Send) -> None:
        status, kind, body = self._content(path)
        headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _content(self, path: str) -> tuple[int, str, bytes]:
        if path == "/livez":
            return 200, "application/json", b'{"status":"alive"}'
        if path == "/readyz":
            reasons = self._lifecycle.not_ready()
            state = {"status": "not ready" if reasons else "ready", "reasons": reasons}
            return 503 if reasons else 200, "application/json", msgspec.json.encode(state)
        if path == "/metrics":
            return 200, metrics.CONTENT_TYPE, metrics.render()
        return 404, "application/json", b'{"status":"not found"}'
