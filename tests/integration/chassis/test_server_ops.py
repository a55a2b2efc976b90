"""`/livez`, `/readyz` and `/metrics` on a port of their own, or beside the service's paths."""

from typing import Any

import pytest

from chassis.lifecycle import Phase
from chassis.ops import PATHS, Ops
from tests.support.serving import dial, free_ports, get, serving, upgrade


async def ask(port: int, request: bytes) -> tuple[int, dict[str, str], bytes]:
    async with dial(port) as client:
        client.send(request)
        return await client.response()


async def test_with_an_ops_port_each_path_has_one_door(hall: Any) -> None:
    ports = free_ports(2)
    async with serving(Ops(hall.app, hall.lifecycle, ports[1]), ports):
        for path in sorted(PATHS):
            assert (await ask(ports[0], get(path)))[0] == 404
            assert (await ask(ports[1], get(path)))[0] == 200
        assert (await ask(ports[0], get("/")))[0] == 200
        assert (await ask(ports[1], get("/")))[0] == 404
        assert (await ask(ports[1], upgrade("/ws/kept")))[0] == 403


async def test_without_an_ops_port_they_are_beside_the_others(hall: Any) -> None:
    ports = free_ports(2)
    async with serving(Ops(hall.app, hall.lifecycle, None), ports):
        for path in ["/", *sorted(PATHS)]:
            assert (await ask(ports[0], get(path)))[0] == 200


@pytest.mark.parametrize("target", ["http://test/metrics", "/metrics?x=1"])
async def test_another_spelling_of_the_target_is_the_same_path(hall: Any, target: str) -> None:
    ports = free_ports(2)
    async with serving(Ops(hall.app, hall.lifecycle, ports[1]), ports):
        assert (await ask(ports[0], get(target)))[0] == 404
        assert (await ask(ports[1], get(target)))[0] == 200


async def test_readiness_follows_the_lifecycle(hall: Any) -> None:
    ports = free_ports(2)
    async with serving(Ops(hall.app, hall.lifecycle, ports[1]), ports):
        status, _, body = await ask(ports[1], get("/readyz"))
        assert (status, body) == (200, b'{"status":"ready","reasons":{}}')
        hall.lifecycle.add_check("redis", lambda: "deaf")
        status, _, body = await ask(ports[1], get("/readyz"))
        assert (status, body) == (503, b'{"status":"not ready","reasons":{"redis":"deaf"}}')
        hall.lifecycle.phase = Phase.DRAINING
        status, _, body = await ask(ports[1], get("/readyz"))
        assert (status, body) == (503, b'{"status":"not ready","reasons":{"phase":"draining"}}')
        assert (await ask(ports[1], get("/livez")))[0] == 200


async def test_a_head_request_has_no_body(hall: Any) -> None:
    ports = free_ports(2)
    async with serving(Ops(hall.app, hall.lifecycle, ports[1]), ports), dial(ports[1]) as client:
        client.send(get("/livez", method="HEAD"))
        status, headers = await client.head()
        assert (status, headers["content-length"]) == (200, "18")
        client.send(get("/livez"))
        assert (await client.response())[2] == b'{"status":"alive"}'
