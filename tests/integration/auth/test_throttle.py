"""Repeated failures are stopped, for accounts that exist and for others alike."""

import asyncio

import httpx
from redis.asyncio import Redis

from .conftest import PASSWORD, Auth, Link, StartAuth


async def log_in(auth: Auth, username: str, password: str = "wrong password") -> httpx.Response:
    return await auth.api.post("/auth/login", json={"username": username, "password": password})


async def test_after_ten_failures_even_the_right_password_has_to_wait(auth: Auth) -> None:
    user = await auth.register()
    assert [(await log_in(auth, user.username)).status_code for _ in range(10)] == [401] * 10
    response = await log_in(auth, user.username.upper(), PASSWORD)
    assert (response.status_code, response.json()["code"]) == (429, "too_many_failures")
    assert 890 <= int(response.headers["retry-after"]) <= 900
    assert (await user.call("GET", "/auth/me")).status_code == 200


async def test_an_account_that_does_not_exist_is_stopped_alike(auth: Auth) -> None:
    assert [(await log_in(auth, "nobody")).status_code for _ in range(11)] == [401] * 10 + [429]


async def test_another_account_is_not_stopped(auth: Auth) -> None:
    user, other = await auth.register(), await auth.register()
    for _ in range(11):
        await log_in(auth, user.username)
    assert (await log_in(auth, other.username, PASSWORD)).status_code == 200


async def test_a_success_wipes_the_count(auth: Auth) -> None:
    user = await auth.register()
    for _ in range(2):
        assert [(await log_in(auth, user.username)).status_code for _ in range(9)] == [401] * 9
        assert (await log_in(auth, user.username, PASSWORD)).status_code == 200


async def test_many_at_once_are_no_more_than_many_in_a_row(auth: Auth) -> None:
    user = await auth.register()
    responses = await asyncio.gather(*(log_in(auth, user.username) for _ in range(30)))
    assert sorted(response.status_code for response in responses) == [401] * 10 + [429] * 20


async def test_the_window_ends(auth: Auth, redis_client: "Redis") -> None:
    user = await auth.register()
    for _ in range(11):
        await log_in(auth, user.username)
    counters = await redis_client.keys("parley:login-failures:[^a]*")
    assert len(counters) == 1
    assert user.username.lower().encode() not in counters[0]
    await redis_client.pexpire(counters[0], 1)
    while await redis_client.exists(counters[0]):
        await asyncio.sleep(0.001)
    assert (await log_in(auth, user.username, PASSWORD)).status_code == 200


async def test_it_can_be_turned_off(start_auth: StartAuth) -> None:
    async with start_auth(rate_limits="off") as auth:
        user = await auth.register()
        assert [(await log_in(auth, user.username)).status_code for _ in range(15)] == [401] * 15
        assert (await log_in(auth, user.username, PASSWORD)).status_code == 200


async def test_without_redis_this_process_counts(start_auth: StartAuth, redis_link: Link) -> None:
    async with start_auth(redis_url=redis_link.url) as auth:
        user, other = await auth.register(), await auth.register()
        await redis_link.cut()
        assert [(await log_in(auth, user.username)).status_code for _ in range(11)] == [401] * 10 + [429]
        assert [(await log_in(auth, other.username)).status_code for _ in range(9)] == [401] * 9
        assert (await log_in(auth, other.username, PASSWORD)).status_code == 200
        assert [(await log_in(auth, other.username)).status_code for _ in range(10)] == [401] * 10
        text = (await auth.api.get("/metrics")).text
    assert 'parley_degraded_total{mode="login_throttle_without_redis"}' in text


async def test_an_attempt_that_could_not_be_made_does_not_count(
    start_auth: StartAuth, postgres_link: Link, redis_client: "Redis"
) -> None:
    async with start_auth(database_url=postgres_link.url) as auth:
        user = await auth.register()
        await postgres_link.cut()
        assert [(await log_in(auth, user.username, PASSWORD)).status_code for _ in range(12)] == [503] * 12
        await postgres_link.heal()
        assert (await log_in(auth, user.username, PASSWORD)).status_code == 200
        assert await redis_client.keys("parley:login-failures:[^a]*") == []
        assert await redis_client.get("parley:login-failures:a:127.0.0.1") == b"0"


async def test_each_refusal_lasts_longer_than_the_one_before(auth: Auth, redis_client: "Redis") -> None:
    user = await auth.register()
    waits = []
    for _ in range(7):
        for _ in range(10):
            assert (await log_in(auth, user.username)).status_code == 401
        refused = await log_in(auth, user.username, PASSWORD)
        waits.append(round(int(refused.headers["retry-after"]) / 900))
        assert int((await log_in(auth, user.username)).headers["retry-after"]) <= waits[-1] * 900  # asking is free
        (counter,) = await redis_client.keys("parley:login-failures:i:*")
        await redis_client.delete(counter)  # as time does
    assert waits == [1, 2, 4, 8, 16, 16, 16]
    assert (await log_in(auth, user.username, PASSWORD)).status_code == 200
    assert await redis_client.keys("parley:login-lockouts:*") == []


async def test_by_name_and_by_address_it_is_one_account(auth: Auth) -> None:
    name = auth.name()
    await auth.register(username=name, email=f"{name}@example.org")
    for number in range(10):
        assert (await log_in(auth, name if number % 2 else f"{name}@example.org")).status_code == 401
    assert (await log_in(auth, name, PASSWORD)).status_code == 429
    assert (await log_in(auth, f"{name}@example.org", PASSWORD)).status_code == 429


async def test_one_address_cannot_try_one_password_at_every_account(start_auth: StartAuth) -> None:
    async with start_auth(login_address_failures=20, rate_limits="on") as auth:
        auth.api.headers["X-Forwarded-For"] = "2001:db8::1"
        users = [await auth.register() for _ in range(3)]
        own = await auth.register()
        for number in range(20):
            assert (await log_in(auth, f"nobody-{number}")).status_code == 401
            if number % 5 == 0:  # an account of one's own does not wipe it
                assert (await log_in(auth, own.username, PASSWORD)).status_code == 200
        refused = await log_in(auth, users[0].username, PASSWORD)
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_failures")
        auth.api.headers["X-Forwarded-For"] = "2001:db8::ffff"  # the same /64
        assert (await log_in(auth, users[1].username, PASSWORD)).status_code == 429
        auth.api.headers["X-Forwarded-For"] = "2001:db8:0:1::1"
        assert (await log_in(auth, users[2].username, PASSWORD)).status_code == 200


async def test_an_owner_who_is_logged_in_notices_nothing(auth: Auth) -> None:
    user = await auth.register()
    for _ in range(12):
        await log_in(auth, user.username)
    assert (await user.call("GET", "/auth/me")).status_code == 200
    assert (await auth.refresh(user.refresh_token)).status_code == 200
    body = {"current_password": PASSWORD, "new_password": "the next password"}
    assert (await user.call("POST", "/auth/password", json=body)).status_code == 204
