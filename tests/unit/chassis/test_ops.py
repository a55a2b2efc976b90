"""The paths that the cluster asks for, without a socket."""

from typing import Any

import httpx
import pytest

from chassis.lifecycle import Lifecycle
from chassis.ops import Ops


async def service(scope: Any, receive: Any, send: Any) -> None:
    """Says its name."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"service"})


def client(lifecycle: Lifecycle, ops_port: int | None, port: int = 80) -> httpx.AsyncClient:
    app = Ops(service, lifecycle, ops_port)

    async def placed(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "server": ("10.0.0.1", port)}, receive, send)

    return httpx.AsyncClient(transport=httpx.ASGITransport(placed), base_url="http://test")


async def test_a_process_that_starts_lives_and_is_not_ready() -> None:
    async with client(Lifecycle(), None) as ask:
        assert (await ask.get("/livez")).json() == {"status": "alive"}
        response = await ask.get("/readyz")
        assert (response.status_code, response.json()) == (
            503,
            {"status": "not ready", "reasons": {"phase": "starting"}},
        )
        assert "parley_ready" in (await ask.get("/metrics")).text


@pytest.mark.parametrize("path", ["/", "/livez/", "/metrics/x", "/LIVEZ"])
async def test_other_paths_are_the_services(lifecycle: Lifecycle, path: str) -> None:
    async with client(lifecycle, None) as ask:
        assert (await ask.get(path)).text == "service"


async def test_an_ops_port_has_nothing_else_and_is_the_only_one(lifecycle: Lifecycle) -> None:
    async with client(lifecycle, 81, port=81) as ops, client(lifecycle, 81, port=80) as other:
        assert (await ops.get("/readyz")).json() == {"status": "ready", "reasons": {}}
        assert (await ops.get("/")).status_code == 404
        for path in ("/livez", "/readyz", "/metrics"):
            assert (await other.get(path)).text == "service"


@pytest.mark.parametrize("server", [None, ("unix:/socket", None)])
async def test_a_server_without_a_port_is_not_the_ops_port(lifecycle: Lifecycle, server: Any) -> None:
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    ops = Ops(app, lifecycle, 81)
    for kind in ("http", "websocket", "lifespan"):
        await ops({"type": kind, "path": "/livez", "server": server}, None, None)  # type: ignore[arg-type]
    assert seen == ["http", "websocket", "lifespan"]
