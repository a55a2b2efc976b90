"""Refresh tokens: rotation, the grace of a lost reply, and theft."""

import asyncio
from uuid import UUID

from .conftest import Auth, StartAuth, User


async def refreshed(auth: Auth, token: str) -> str:
    response = await auth.refresh(token)
    assert response.status_code == 200, response.text
    return str(response.json()["refresh_token"])


async def refused(auth: Auth, token: str, code: str) -> None:
    response = await auth.refresh(token)
    assert (response.status_code, response.json()["code"]) == (401, code)
    assert response.headers["www-authenticate"].startswith("Bearer")


async def test_a_refresh_gives_a_new_pair_of_the_same_session(auth: Auth) -> None:
    user = await auth.register()
    response = await auth.refresh(user.refresh_token)
    body = response.json()
    assert set(body) == {"access_token", "refresh_token", "token_type", "expires_in", "username", "user_id"}
    assert body["refresh_token"] != user.refresh_token
    fresh = User(auth.api, user.username, body)
    assert fresh.access_token != user.access_token
    assert await fresh.session_id() == await user.session_id()


async def test_a_chain_of_refreshes_goes_on(auth: Auth) -> None:
    token = (await auth.register()).refresh_token
    seen = {token}
    for _ in range(5):
        token = await refreshed(auth, token)
        seen.add(token)
    assert len(seen) == 6


async def test_a_repeat_gets_the_same_successor_while_that_one_is_unused(auth: Auth) -> None:
    first = (await auth.register()).refresh_token
    second = await refreshed(auth, first)
    assert await refreshed(auth, first) == second
    assert await refreshed(auth, first) == second
    assert await refreshed(auth, second) not in (first, second)


async def test_fifty_at_once_get_one_successor(auth: Auth) -> None:
    user = await auth.register()
    tokens = await asyncio.gather(*(refreshed(auth, user.refresh_token) for _ in range(50)))
    assert len(set(tokens)) == 1
    rows = await auth.sql("SELECT 1 FROM refresh_tokens WHERE session_id = $1", UUID(await user.session_id()))
    assert len(rows) == 2
    assert await refreshed(auth, tokens[0]) != tokens[0]


async def test_a_repeat_after_the_successor_was_used_kills_the_family(auth: Auth) -> None:
    user = await auth.register()
    second = await refreshed(auth, user.refresh_token)
    third = await refreshed(auth, second)
    await refused(auth, user.refresh_token, "refresh_reused")
    await refused(auth, third, "refresh_reused")
    await refused(auth, second, "refresh_reused")
    response = await user.call("GET", "/auth/me")
    assert (response.status_code, response.json()["code"]) == (401, "token_revoked")


async def test_a_repeat_after_the_grace_kills_the_family(start_auth: StartAuth) -> None:
    async with start_auth(refresh_grace_seconds=0) as auth:
        user = await auth.register()
        second = await refreshed(auth, user.refresh_token)
        await refused(auth, user.refresh_token, "refresh_reused")
        await refused(auth, second, "refresh_reused")


async def test_the_grace_is_thirty_seconds(auth: Auth) -> None:
    user = await auth.register()
    second = await refreshed(auth, user.refresh_token)
    session = UUID(await user.session_id())
    move = "UPDATE refresh_tokens SET used_at = used_at - make_interval(secs => $2) WHERE session_id = $1"
    await auth.sql(move, session, 28.0)
    assert await refreshed(auth, user.refresh_token) == second
    await auth.sql(move, session, 3.0)
    await refused(auth, user.refresh_token, "refresh_reused")


async def test_a_theft_ends_one_session_and_no_other(start_auth: StartAuth) -> None:
    async with start_auth(refresh_grace_seconds=0) as auth:
        user = await auth.register()
        other = await user.log_in()
        await refreshed(auth, user.refresh_token)
        await refused(auth, user.refresh_token, "refresh_reused")
        assert (await other.call("GET", "/auth/me")).status_code == 200
        await refreshed(auth, other.refresh_token)


async def test_many_thefts_at_once_are_one(start_auth: StartAuth) -> None:
    async with start_auth(refresh_grace_seconds=0) as auth:
        user = await auth.register()
        responses = await asyncio.gather(*(auth.refresh(user.refresh_token) for _ in range(10)))
        assert sorted(response.status_code for response in responses) == [200] + [401] * 9
        assert {r.json()["code"] for r in responses if r.status_code == 401} == {"refresh_reused"}


async def test_what_never_was_a_refresh_token_is_refused(auth: Auth) -> None:
    user = await auth.register()
    for token in ("x", "x" * 512, user.access_token[:512], user.refresh_token[:-1], "ü", user.refresh_token + "="):
        await refused(auth, token, "refresh_invalid")
    assert (await auth.refresh("x" * 513)).status_code == 422
    assert (await auth.refresh("")).status_code == 422
    assert (await auth.refresh("a\x00b")).status_code == 422


async def test_an_expired_one_is_refused_and_ends_nothing(auth: Auth) -> None:
    user = await auth.register()
    session = UUID(await user.session_id())
    await auth.sql("UPDATE refresh_tokens SET expires_at = now() WHERE session_id = $1", session)
    await refused(auth, user.refresh_token, "refresh_invalid")
    assert (await user.call("GET", "/auth/me")).status_code == 200


async def test_after_a_logout_it_is_refused(auth: Auth) -> None:
    user = await auth.register()
    second = await refreshed(auth, user.refresh_token)
    assert (await user.call("POST", "/auth/logout")).status_code == 204
    await refused(auth, second, "refresh_invalid")
    await refused(auth, user.refresh_token, "refresh_invalid")


async def test_no_token_is_stored_as_it_is(auth: Auth) -> None:
    user = await auth.register()
    second = await refreshed(auth, user.refresh_token)
    rows = await auth.sql("SELECT t::text AS text FROM refresh_tokens t")
    stored = "".join(row["text"] for row in rows)
    for token in (user.refresh_token, second):
        assert token not in stored
        assert token.encode().hex() not in stored


async def test_a_used_successor_leaves_nothing_to_derive_it_from(auth: Auth) -> None:
    user = await auth.register()
    await refreshed(auth, await refreshed(auth, user.refresh_token))
    query = "SELECT nonce FROM refresh_tokens WHERE session_id = $1 ORDER BY created_at"
    nonces = [row["nonce"] for row in await auth.sql(query, UUID(await user.session_id()))]
    assert [nonce is None for nonce in nonces] == [True, False, True]
