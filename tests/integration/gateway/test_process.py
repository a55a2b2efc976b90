"""The gateway as a process: it starts, serves, drains on a signal, and says plainly why it cannot."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
import websockets

from tests.integration.gateway.conftest import StartGateway
from tests.integration.gateway.fakes import FakeAuth, FakePod, User
from tests.support.serving import free_ports, until


@asynccontextmanager
async def process(**variables: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """`python -m gateway_service` with these settings; ended with the block."""
    started = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "gateway_service",
        env={**os.environ, "HOST": "127.0.0.1", "DRAIN_PAUSE_SECONDS": "0", "DRAIN_SECONDS": "3", **variables},
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield started
    finally:
        if started.returncode is None:
            started.kill()
        await started.communicate()


async def test_it_starts_serves_and_drains(
    start_gateway: StartGateway, auth: FakeAuth, redis_url: str, user: User
) -> None:
    del start_gateway  # Valkey knows the ended sessions
    port, ops_port = free_ports(2)
    async with FakePod().running() as pod, httpx.AsyncClient(trust_env=False) as client:
        variables = {"PORT": str(port), "OPS_PORT": str(ops_port), "REDIS_URL": redis_url}
        variables |= {"AUTH_URL": auth.url, "PROFILE_URL": auth.url, "CHAT_URLS": f"{pod.url}"}
        async with process(**variables) as gateway:

            async def ready() -> bool:
                try:
                    return (await client.get(f"http://127.0.0.1:{ops_port}/readyz")).status_code == 200
                except httpx.TransportError:
                    return False

            await until(ready, "readiness")
            answer = await client.get(f"http://127.0.0.1:{port}/profiles", headers=user.headers)
            assert answer.status_code == 200
            url = f"ws://127.0.0.1:{port}/ws?token={user.token}"
            async with websockets.connect(url, proxy=None) as socket:
                await socket.send("hello")
                assert await socket.recv() == "hello"
                metrics = (await client.get(f"http://127.0.0.1:{ops_port}/metrics")).text
                assert f'parley_gateway_sockets{{pod="127.0.0.1:{pod.port}"}} 1.0' in metrics
                assert 'parley_http_requests_total{method="GET",route="/profiles",status="200"} 1.0' in metrics
                assert 'parley_gateway_upstream_seconds_count{service="profile"} 1.0' in metrics
                assert 'parley_rate_allowed_total{rate="default"} 1.0' in metrics
                gateway.terminate()
                async with asyncio.timeout(10):
                    await socket.wait_closed()
            assert gateway.stderr is not None
            log = (await gateway.stderr.read()).decode()
            assert await gateway.wait() == 0
            assert user.token not in log
            assert "Traceback" not in log


@pytest.mark.parametrize(
    ("variables", "sentence", "code"),
    [
        ({}, "REDIS_URL: is not set", 2),
        ({"REDIS_URL": "redis://x", "AUTH_URL": "http://a", "PROFILE_URL": "http://b"}, "CHAT_URLS", 1),
        (
            {"REDIS_URL": "redis://x", "AUTH_URL": "https://a", "PROFILE_URL": "http://b", "CHAT_URLS": "http://c"},
            "https://a",
            1,
        ),
        (
            {"REDIS_URL": "redis://x", "AUTH_URL": "http://a", "PROFILE_URL": "http://b", "CHAT_URLS": "http://c"}
            | {"TRUSTED_PROXIES": "everybody"},
            "TRUSTED_PROXIES",
            1,
        ),
    ],
)
async def test_wrong_settings_end_the_start_with_a_sentence(
    variables: dict[str, str], sentence: str, code: int
) -> None:
    async with process(**variables) as gateway:
        _, log = await gateway.communicate()
        assert gateway.returncode == code
        assert sentence in log.decode()
        assert "Traceback" not in log.decode()
