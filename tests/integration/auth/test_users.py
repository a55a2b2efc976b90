"""Finding users, for users and for other services."""

from uuid import uuid4

from contracts.internal import MAX_USERS_PER_LOOKUP, SESSION_PATH, USERS_PATH

from .conftest import Auth


async def test_a_user_is_found_by_his_exact_name_in_any_case(auth: Auth) -> None:
    user = await auth.register()
    for name in (user.username, user.username.upper(), user.username.lower()):
        response = await user.call("GET", "/users/show", params={"username": name})
        assert (response.status_code, response.json()) == (200, {"username": user.username, "user_id": user.id})


async def test_a_name_that_nobody_has_is_not_found(auth: Auth) -> None:
    user = await auth.register()
    for name in (user.username[:-1], user.username + "x", "", "%", "_" * 5, "a" * 300, "ü", "' OR 1=1 --"):
        response = await user.call("GET", "/users/show", params={"username": name})
        assert (response.status_code, response.json()["code"]) == (404, "not_found"), name


async def test_users_are_listed_page_by_page_each_once(auth: Auth) -> None:
    users = [await auth.register() for _ in range(7)]
    seen: list[str] = []
    params: dict[str, str | int] = {"limit": 3}
    while True:
        response = await users[0].call("GET", "/users/show/", params=params)
        assert response.status_code == 200
        page = response.json()
        assert set(page) == {"users", "next_cursor"}
        assert len(page["users"]) <= 3
        seen += [user["user_id"] for user in page["users"]]
        if page["next_cursor"] is None:
            break
        params["cursor"] = page["next_cursor"]
    assert len(seen) == len(set(seen))
    assert {user.id for user in users} <= set(seen)
    rows = await auth.sql("SELECT count(*) FROM users")
    assert len(seen) == rows[0][0]


async def test_a_strange_limit_or_cursor_is_refused(auth: Auth) -> None:
    user = await auth.register()
    for params in ({"limit": "0"}, {"limit": "201"}, {"limit": "x"}, {"limit": "-1"}, {"cursor": "ü"}, {"cursor": ""}):
        assert (await user.call("GET", "/users/show", params=params)).status_code == 422, params


async def test_other_services_look_users_up_by_id(auth: Auth) -> None:
    users = [await auth.register(display_name=f"Number {i}") for i in range(3)]
    ids = [user.id for user in users]
    response = await auth.api.get(USERS_PATH, params={"id": [*ids, str(uuid4()), ids[0]]})
    assert response.status_code == 200
    found = {user["id"]: user for user in response.json()["users"]}
    assert set(found) == set(ids)
    assert len(response.json()["users"]) == 3
    assert set(found[ids[1]]) == {"id", "username", "display_name", "created_at"}
    assert found[ids[1]]["display_name"] == "Number 1"


async def test_other_services_look_users_up_by_name(auth: Auth) -> None:
    user = await auth.register()
    response = await auth.api.get(USERS_PATH, params={"username": user.username.upper()})
    assert [found["id"] for found in response.json()["users"]] == [user.id]
    response = await auth.api.get(USERS_PATH, params={"username": "nobody-of-that-name"})
    assert (response.status_code, response.json()) == (200, {"users": []})
    other = await auth.register()
    names = [user.username, "nobody-of-that-name", other.username.upper(), "not a name"]
    response = await auth.api.get(USERS_PATH, params={"username": names})
    assert {found["id"] for found in response.json()["users"]} == {user.id, other.id}


async def test_a_lookup_is_bounded(auth: Auth) -> None:
    ids = [str(uuid4()) for _ in range(MAX_USERS_PER_LOOKUP)]
    assert (await auth.api.get(USERS_PATH, params={"id": ids})).json() == {"users": []}
    for params in (
        {"id": [*ids, ids[0]]},
        {"id": ["x"]},
        {"id": [ids[0], "{}"]},
        {"username": ["abc"] * (len(ids) + 1)},
        {},
    ):
        assert (await auth.api.get(USERS_PATH, params=params)).status_code == 422


async def test_other_services_ask_whether_a_session_is_alive(auth: Auth) -> None:
    user = await auth.register()
    path = f"{SESSION_PATH}/{await user.session_id()}"
    assert (await auth.api.get(path)).json() == {"alive": True}
    await user.call("POST", "/auth/logout")
    assert (await auth.api.get(path)).json() == {"alive": False}
    assert (await auth.api.get(f"{SESSION_PATH}/{uuid4()}")).json() == {"alive": False}
    assert (await auth.api.get(f"{SESSION_PATH}/nonsense")).status_code == 404


async def test_the_description_covers_the_public_routes_and_no_other(auth: Auth) -> None:
    paths = (await auth.api.get("/openapi.json")).json()["paths"]
    assert {"/auth/register", "/auth/login", "/auth/refresh", "/auth/logout", "/users/show"} <= set(paths)
    assert not any(path.startswith("/internal") for path in paths)
