"""The service as its own process."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping

import httpx

from tests.support.auth import FakeAuth


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


async def run(environment: Mapping[str, str]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "profile_service",
        env={
            **{name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ},
            "HOST": "127.0.0.1",
            "DRAIN_PAUSE_SECONDS": "0",
            **environment,
        },
        stderr=asyncio.subprocess.PIPE,
    )


async def test_it_starts_serves_and_ends_when_told(auth: FakeAuth, database_url: str, redis_url: str) -> None:
    alice, port = auth.register("alice"), free_port()
    urls = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "AUTH_URL": auth.url}
    nobody_there = f"kafka://127.0.0.1:{free_port()}"  # which it can do without
    process = await run({**urls, "KAFKA_URL": nobody_there, "PORT": str(port)})
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            async with asyncio.timeout(15):
                while not await answers(client):
                    assert process.returncode is None
                    await asyncio.sleep(0.05)
            response = await client.get("/profiles/me/", headers=alice.headers)
            assert (response.status_code, response.json()["username"]) == (200, "alice")
            metrics = (await client.get("/metrics")).text
            assert 'parley_profile_lookups_total{result="found"} 1.0' in metrics
            assert 'route="/profiles/<who:user_id>",status="200"' in metrics
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(10):
            _, logs = await process.communicate()
        assert process.returncode == 0, logs.decode()
        assert alice.token not in logs.decode()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def answers(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/readyz")).status_code == 200
    except httpx.TransportError:
        return False


async def test_it_says_what_it_is_not_told(database_url: str) -> None:
    process = await run({"DATABASE_URL": database_url, "REDIS_URL": "localhost", "PORT": "0"})
    _, errors = await process.communicate()
    assert process.returncode == 2
    lines = errors.decode().splitlines()
    assert [line.split(":")[1].strip() for line in lines] == ["REDIS_URL", "AUTH_URL"]


async def test_it_does_not_start_on_an_older_schema(postgres_database: Callable[..., str], redis_url: str) -> None:
    urls = {"DATABASE_URL": postgres_database("profile"), "REDIS_URL": redis_url, "AUTH_URL": "http://127.0.0.1:1"}
    process = await run({**urls, "PORT": str(free_port())})
    _, errors = await process.communicate()
    assert process.returncode == 1
    assert "migrate first" in errors.decode()
