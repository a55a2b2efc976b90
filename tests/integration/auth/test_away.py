"""What is answered while Postgres or Redis is away."""

import asyncio
import time
from uuid import uuid4

import httpx
import pytest
from redis.asyncio import Redis

from contracts import keys

from .conftest import PASSWORD, Auth, Link, StartAuth, User, eventually

SECONDS = 2.5


async def needs_postgres(auth: Auth, user: User) -> list[httpx.Response]:
    """Every request that Postgres is needed for, all at once."""
    return await asyncio.gather(
        auth.api.post("/auth/register", json={"username": auth.name(), "password": PASSWORD}),
        auth.api.post("/auth/login", json={"username": user.username, "password": PASSWORD}),
        auth.refresh(user.refresh_token),
        user.call("POST", "/auth/logout"),
        user.call("GET", "/auth/me"),
        user.call("GET", "/auth/sessions"),
        user.call("DELETE", f"/auth/sessions/{uuid4()}"),
        user.call("POST", "/auth/password", json={"current_password": PASSWORD, "new_password": "x" * 8}),
        user.call("PUT", "/auth/devices", json={"token": "x", "platform": "fcm"}),
        user.call("DELETE", "/auth/devices/x"),
        user.call("GET", "/users/show"),
        user.call("GET", "/users/show", params={"username": user.username}),
        auth.api.get("/internal/users", params={"username": user.username}),
        auth.api.get(f"/internal/sessions/{uuid4()}"),
    )


@pytest.mark.parametrize("frozen", [False, True])
async def test_without_postgres_what_needs_it_is_refused_in_time(
    start_auth: StartAuth, postgres_link: Link, redis_client: "Redis", frozen: bool
) -> None:
    async with start_auth(database_url=postgres_link.url) as auth:
        user = await auth.register()
        await eventually(lambda: redis_client.exists(keys.REVOCATIONS_SENTINEL))
        postgres_link.freeze() if frozen else await postgres_link.cut()
        started = time.monotonic()
        responses = await needs_postgres(auth, user)
        assert time.monotonic() - started < SECONDS
        for response in responses:
            assert response.status_code == 503, (response.request.url, response.text)
            assert int(response.headers["retry-after"]) >= 1
            assert response.json()["code"] == "unavailable"
        assert (await auth.api.get("/.well-known/jwks.json")).status_code == 200
        assert (await user.call("POST", "/auth/ws-ticket")).status_code == 200
        await postgres_link.heal()
        deadline = time.monotonic() + SECONDS
        while (await user.call("GET", "/auth/me")).status_code != 200:
            assert time.monotonic() < deadline
        assert (await auth.refresh(user.refresh_token)).status_code == 200


@pytest.mark.parametrize("frozen", [False, True])
async def test_without_redis_everything_but_tickets_goes_on(
    start_auth: StartAuth, redis_link: Link, frozen: bool
) -> None:
    async with start_auth(redis_url=redis_link.url) as auth:
        user = await auth.register()
        redis_link.freeze() if frozen else await redis_link.cut()
        other = await auth.register()
        device = await user.log_in()
        assert (await auth.refresh(user.refresh_token)).status_code == 200
        assert (await user.call("GET", "/auth/me")).status_code == 200
        assert (await user.call("GET", "/users/show", params={"username": other.username})).status_code == 200
        assert (await user.call("PUT", "/auth/devices", json={"token": user.username})).status_code == 204
        ticket = await user.call("POST", "/auth/ws-ticket")
        assert (ticket.status_code, ticket.headers["retry-after"]) == (503, "2")
        started = time.monotonic()
        assert (await device.call("POST", "/auth/logout", json={"all": True})).status_code == 204
        assert time.monotonic() - started < SECONDS
        assert (await user.call("GET", "/auth/me")).status_code == 401
        assert (await device.call("GET", "/auth/me")).status_code == 401


async def test_without_both_nobody_is_let_in(start_auth: StartAuth, redis_link: Link, postgres_link: Link) -> None:
    async with start_auth(redis_url=redis_link.url, database_url=postgres_link.url) as auth:
        user = await auth.register()
        await redis_link.cut()
        await postgres_link.cut()
        assert (await user.call("GET", "/auth/me")).status_code == 503


async def test_it_starts_without_redis(start_auth: StartAuth, redis_link: Link) -> None:
    await redis_link.cut()
    async with start_auth(redis_url=redis_link.url) as auth:
        user = await auth.register()
        assert (await user.call("GET", "/auth/me")).status_code == 200
