"""The contract's table of accounts and sessions, row by row, through the gateway."""

import pytest

from tests.e2e.people import PASSWORD, Person, Platform
from tests.e2e.shapes import (
    GRANT,
    either,
    flag,
    is_problem,
    is_shaped,
    listed,
    nothing,
    number,
    shaped,
    text,
    time,
    uuid,
)


@pytest.mark.parametrize("path", ["/auth/register", "/register", "/register/"])
async def test_registering_gives_a_pair_of_tokens(platform: Platform, path: str) -> None:
    name = f"new.{path.count('/')}{len(path)}"
    body = {
        "username": name,
        "password": PASSWORD,
        "email": f"{name}@example.org",
        "display_name": "N",
        "fcm_token": "t",
    }
    reply = await platform.call("POST", path, body)
    assert reply.status_code == 201, reply.text
    is_shaped(reply.json(), GRANT)
    assert reply.json()["username"] == name
    assert reply.json()["expires_in"] == 900


async def test_a_taken_name_or_address_is_a_conflict_whatever_its_case(platform: Platform, alice: Person) -> None:
    body = {"username": alice.username.upper(), "password": PASSWORD}
    is_problem(await platform.call("POST", "/auth/register", body), 409, "username_taken")
    email = f"{alice.username}@example.org"
    await platform.register("first", email=email)
    body = {"username": "another-one", "password": PASSWORD, "email": email.upper()}
    is_problem(await platform.call("POST", "/auth/register", body), 409, "email_taken")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"password": PASSWORD}, "username"),
        ({"username": "ab", "password": PASSWORD}, "username"),
        ({"username": "a" * 51, "password": PASSWORD}, "username"),
        ({"username": "with space", "password": PASSWORD}, "username"),
        ({"username": "zoë", "password": PASSWORD}, "username"),
        ({"username": 5, "password": PASSWORD}, "username"),
        ({"username": "short-password", "password": "1234567"}, "password"),
        ({"username": "long-password", "password": "1" * 129}, "password"),
        ({"username": "bad-mail", "password": PASSWORD, "email": "nobody"}, "email"),
        ({"username": "nul\x00", "password": PASSWORD}, "username"),
    ],
)
async def test_each_field_of_a_registration_has_its_limits(platform: Platform, body: object, field: str) -> None:
    problem = is_problem(await platform.call("POST", "/auth/register", body), 422, "invalid")
    assert field in [error["field"] for error in problem["errors"]]


@pytest.mark.parametrize("path", ["/auth/login", "/login"])
async def test_logging_in_with_name_or_address(platform: Platform, path: str) -> None:
    name = f"login-{path.count('/')}"
    email = f"{name}@example.org"
    registered = await platform.call("POST", "/register", {"username": name, "password": PASSWORD, "email": email})
    for given in (name, name.upper(), email):
        reply = await platform.call("POST", path, {"username": given, "password": PASSWORD})
        assert reply.status_code == 200, reply.text
        is_shaped(reply.json(), GRANT)
        assert reply.json()["user_id"] == registered.json()["user_id"]


async def test_an_unknown_user_and_a_wrong_password_look_the_same(platform: Platform, alice: Person) -> None:
    unknown = await platform.call("POST", "/auth/login", {"username": "nobody-here", "password": PASSWORD})
    wrong = await platform.call("POST", "/auth/login", {"username": alice.username, "password": "another password"})
    bodies = [is_problem(reply, 401, "invalid_credentials") for reply in (unknown, wrong)]
    for body in bodies:
        del body["request_id"]
    assert bodies[0] == bodies[1]


async def test_a_refresh_token_is_good_once_and_its_repeat_gets_the_same_successor(
    platform: Platform, alice: Person
) -> None:
    first = {"refresh_token": alice.grant["refresh_token"]}
    second = (await platform.call("POST", "/auth/refresh", first)).json()
    is_shaped(second, GRANT)
    repeated = (await platform.call("POST", "/auth/refresh", first)).json()
    assert repeated["refresh_token"] == second["refresh_token"] != alice.grant["refresh_token"]
    third = await platform.call("POST", "/auth/refresh", {"refresh_token": second["refresh_token"]})
    assert third.status_code == 200
    is_problem(await platform.call("POST", "/auth/refresh", first), 401, "refresh_reused")
    is_problem(
        await platform.call("POST", "/auth/refresh", {"refresh_token": third.json()["refresh_token"]}),
        401,
        "refresh_reused",
    )
    is_problem(await platform.call("GET", "/auth/me", token=third.json()["access_token"]), 401, "token_revoked")
    is_problem(await platform.call("POST", "/auth/refresh", {"refresh_token": "no such"}), 401, "refresh_invalid")


async def test_logging_out_ends_this_session_or_all(alice: Person) -> None:
    second, third = await alice.log_in(), await alice.log_in()
    assert (await second.call("POST", "/auth/logout")).status_code == 204
    is_problem(await second.call("GET", "/auth/me"), 401, "token_revoked")
    assert (await alice.get("/auth/me"))["username"] == alice.username
    assert (await third.call("POST", "/auth/logout", {"all": True})).status_code == 204
    is_problem(await alice.call("GET", "/auth/me"), 401, "token_revoked")
    is_problem(await third.call("GET", "/auth/me"), 401, "token_revoked")


async def test_who_am_i_and_where(alice: Person) -> None:
    me = await alice.get("/auth/me")
    is_shaped(me, {"user_id": uuid, "username": text, "email": either(text, nothing), "created_at": time})
    other = await alice.log_in()
    mine = await alice.get("/auth/sessions")
    session = {"id": uuid, "device": text, "created_at": time, "last_seen_at": time, "current": flag}
    is_shaped(mine, {"sessions": listed(shaped(session))})
    assert [session["current"] for session in mine["sessions"]] == [False, True]
    path = f"/auth/sessions/{mine['sessions'][0]['id']}"
    assert (await alice.call("DELETE", path)).status_code == 204
    is_problem(await other.call("GET", "/auth/me"), 401, "token_revoked")
    is_problem(await alice.call("DELETE", path), 404, "not_found")
    is_problem(await alice.call("DELETE", "/auth/sessions/nonsense"), 404, "not_found")


async def test_a_new_password_ends_every_other_session(platform: Platform, alice: Person) -> None:
    other = await alice.log_in()
    wrong = {"current_password": "not this one", "new_password": "a new password"}
    is_problem(await alice.call("POST", "/auth/password", wrong), 403, "wrong_password")
    right = {"current_password": PASSWORD, "new_password": "a new password"}
    assert (await alice.call("POST", "/auth/password", right)).status_code == 204
    is_problem(await other.call("GET", "/auth/me"), 401, "token_revoked")
    assert (await alice.get("/auth/me"))["username"] == alice.username
    login = {"username": alice.username, "password": PASSWORD}
    is_problem(await platform.call("POST", "/auth/login", login), 401, "invalid_credentials")


async def test_devices_come_and_go(alice: Person) -> None:
    device = {"token": "device-1", "platform": "fcm"}
    assert (await alice.call("PUT", "/auth/devices", device)).status_code == 204
    is_problem(await alice.call("PUT", "/auth/devices", {"token": "device-1", "platform": "pigeon"}), 422, "invalid")
    assert (await alice.call("DELETE", "/auth/devices/device-1")).status_code == 204


async def test_a_ticket_opens_one_socket(platform: Platform, alice: Person) -> None:
    ticket = (await alice.call("POST", "/auth/ws-ticket")).json()
    is_shaped(ticket, {"ticket": text, "expires_in": number})
    assert 0 < ticket["expires_in"] <= 30
    async with platform.dial(f"?ticket={ticket['ticket']}") as socket:
        assert '"session.ready"' in await socket.recv()


async def test_the_keys_are_public(platform: Platform) -> None:
    keys = (await platform.call("GET", "/.well-known/jwks.json")).json()
    key = {"kty": text, "crv": text, "x": text, "kid": text, "alg": text, "use": text}
    is_shaped(keys, {"keys": listed(shaped(key))})
    assert len(keys["keys"]) >= 2  # the current one and the next
    assert all("d" not in key for key in keys["keys"])


async def test_users_are_shown_by_exact_name_and_by_page(alice: Person, bob: Person) -> None:
    assert await alice.get(f"/users/show?username={bob.username}") == {"username": bob.username, "user_id": bob.id}
    is_problem(await alice.call("GET", f"/users/show?username={bob.username[:-1]}"), 404, "not_found")
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await alice.get(f"/users/show?limit=3&cursor={cursor}" if cursor else "/users/show?limit=3")
        is_shaped(
            page, {"users": listed(shaped({"username": text, "user_id": uuid})), "next_cursor": either(text, nothing)}
        )
        assert len(page["users"]) <= 3
        seen += [user["user_id"] for user in page["users"]]
        cursor = page["next_cursor"]
    assert len(seen) == len(set(seen))
    assert {alice.id, bob.id} <= set(seen)
