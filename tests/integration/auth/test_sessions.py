"""Listing and ending sessions."""

import asyncio
from uuid import uuid4

from redis.asyncio import Redis

from contracts import keys

from .conftest import Auth, StartAuth


async def test_a_logout_is_in_force_at_once(auth: Auth, redis_client: "Redis") -> None:
    user = await auth.register()
    session = await user.session_id()
    async with redis_client.pubsub() as pubsub:
        await pubsub.subscribe(keys.REVOCATIONS_CHANNEL)
        await pubsub.get_message(timeout=5)
        response = await user.call("POST", "/auth/logout")
        assert (response.status_code, response.content) == (204, b"")
        refused = await user.call("GET", "/auth/me")
        message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=5)
    assert (refused.status_code, refused.json()["code"]) == (401, "token_revoked")
    assert message is not None
    assert message["data"] == session.encode()
    key = f"parley:revoked:{session}"
    assert await redis_client.exists(key)
    assert 900 < await redis_client.ttl(key) <= 960


async def test_a_logout_ends_this_session_only(auth: Auth) -> None:
    user = await auth.register()
    other = await user.log_in()
    for body in ({}, {"all": False}):
        device = await user.log_in()
        assert (await device.call("POST", "/auth/logout", json=body)).status_code == 204
        assert (await device.call("GET", "/auth/me")).status_code == 401
    assert (await other.call("GET", "/auth/me")).status_code == 200


async def test_a_logout_everywhere_ends_all_of_mine(auth: Auth) -> None:
    user = await auth.register()
    others = [await user.log_in() for _ in range(3)]
    stranger = await auth.register()
    assert (await user.call("POST", "/auth/logout", json={"all": True})).status_code == 204
    for device in (user, *others):
        assert (await device.call("GET", "/auth/me")).status_code == 401
        assert (await auth.refresh(device.refresh_token)).status_code == 401
    assert (await stranger.call("GET", "/auth/me")).status_code == 200
    assert (await user.log_in()).id == user.id


async def test_logouts_everywhere_from_many_devices_at_once_do_not_stop_each_other(auth: Auth) -> None:
    user = await auth.register()
    devices = [user, *[await user.log_in() for _ in range(5)]]
    responses = await asyncio.gather(
        *(device.call("POST", "/auth/logout", json={"all": True}) for device in devices for _ in range(2))
    )
    assert {response.status_code for response in responses} <= {204, 401}
    assert [(await device.call("GET", "/auth/me")).status_code for device in devices] == [401] * 6


async def test_a_strange_logout_body_is_refused(auth: Auth) -> None:
    user = await auth.register()
    assert (await user.call("POST", "/auth/logout", json={"all": "yes"})).status_code == 422
    assert (await user.call("GET", "/auth/me")).status_code == 200


async def test_my_sessions_say_where_and_since_when(auth: Auth, start_auth: StartAuth) -> None:
    user = await auth.register()
    auth.api.headers["User-Agent"] = "Telephone/1.0 " + "x" * 300
    auth.api.headers["X-Forwarded-For"] = "203.0.113.9"
    other = await user.log_in()
    sessions = (await user.call("GET", "/auth/sessions")).json()["sessions"]
    assert [session["id"] for session in sessions] == [await other.session_id(), await user.session_id()]
    assert [session["current"] for session in sessions] == [False, True]
    assert sessions[0]["device"] == ("Telephone/1.0 " + "x" * 300)[:255]
    assert sessions[0]["address"] == "203.0.113.9"
    assert all(session["created_at"].endswith("Z") for session in sessions)
    before = sessions[0]["last_seen_at"]
    await auth.refresh(other.refresh_token)
    after = (await user.call("GET", "/auth/sessions")).json()["sessions"][0]["last_seen_at"]
    assert after > before


async def test_an_address_is_believed_from_trusted_proxies_only(start_auth: StartAuth) -> None:
    async with start_auth(trusted_proxies=("10.9.0.0/16",)) as auth:
        auth.api.headers["X-Forwarded-For"] = "203.0.113.9"
        user = await auth.register()
        assert (await user.call("GET", "/auth/sessions")).json()["sessions"][0]["address"] == "127.0.0.1"


async def test_one_of_my_sessions_can_be_ended(auth: Auth) -> None:
    user = await auth.register()
    other = await user.log_in()
    path = f"/auth/sessions/{await other.session_id()}"
    assert (await user.call("DELETE", path)).status_code == 204
    assert (await other.call("GET", "/auth/me")).status_code == 401
    assert (await user.call("DELETE", path)).status_code == 404
    assert len((await user.call("GET", "/auth/sessions")).json()["sessions"]) == 1


async def test_nobody_ends_the_session_of_another(auth: Auth) -> None:
    user, stranger = await auth.register(), await auth.register()
    assert (await stranger.call("DELETE", f"/auth/sessions/{await user.session_id()}")).status_code == 404
    assert (await user.call("GET", "/auth/me")).status_code == 200
    for session in (str(uuid4()), "nonsense", "1"):
        assert (await user.call("DELETE", f"/auth/sessions/{session}")).status_code == 404


async def test_every_bearer_route_asks_for_a_token(auth: Auth) -> None:
    for method, path in [
        ("GET", "/auth/me"),
        ("GET", "/auth/sessions"),
        ("DELETE", f"/auth/sessions/{uuid4()}"),
        ("POST", "/auth/logout"),
        ("POST", "/auth/password"),
        ("PUT", "/auth/devices"),
        ("DELETE", "/auth/devices/x"),
        ("POST", "/auth/ws-ticket"),
        ("GET", "/users/show"),
    ]:
        for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": "Basic eDp5"}):
            response = await auth.api.request(method, path, headers=headers)
            assert response.status_code == 401, (method, path, response.text)
            assert response.headers["www-authenticate"].startswith("Bearer")
            assert response.headers["content-type"] == "application/problem+json"


async def test_a_wrong_method_and_an_unknown_path_are_problems(auth: Auth) -> None:
    response = await auth.api.get("/auth/login")
    assert (response.status_code, set(response.headers["allow"].split(", "))) == (405, {"OPTIONS", "POST"})
    assert (await auth.api.get("/auth/nothing")).status_code == 404
