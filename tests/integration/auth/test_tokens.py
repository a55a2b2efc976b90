"""Access tokens, their keys, and tickets."""

import hashlib
import os
import time
from pathlib import Path
from uuid import UUID

import jwt
from redis.asyncio import Redis

from auth_service import keyring, keys
from chassis.tokens import StaticKeys, TokenVerifier, parse_jwks
from contracts import keys as names
from contracts.internal import TOKEN_AUDIENCE, TOKEN_ISSUER

from .conftest import Auth, StartAuth, User


async def test_others_can_verify_a_token_with_the_published_keys(auth: Auth) -> None:
    user = await auth.register()
    response = await auth.api.get("/.well-known/jwks.json")
    assert response.status_code == 200
    assert response.headers["cache-control"] == "public, max-age=60"
    verifier = TokenVerifier(StaticKeys(parse_jwks(response.content)), issuer=TOKEN_ISSUER, audience=TOKEN_AUDIENCE)
    claims = await verifier.verify(user.access_token)
    assert (str(claims.user_id), claims.username) == (user.id, user.username)
    assert str(claims.session_id) == await user.session_id()
    assert claims.expires_at - claims.issued_at == 900


async def test_a_token_says_what_the_contract_says(auth: Auth) -> None:
    user = await auth.register()
    header = jwt.get_unverified_header(user.access_token)
    assert (header["alg"], header["typ"], set(header)) == ("EdDSA", "at+jwt", {"alg", "typ", "kid"})
    claims = jwt.decode(user.access_token, options={"verify_signature": False})
    assert set(claims) == {"iss", "aud", "sub", "sid", "jti", "iat", "exp", "username"}
    other = jwt.decode((await user.log_in()).access_token, options={"verify_signature": False})
    assert other["jti"] != claims["jti"]


async def test_only_public_parts_are_published(auth: Auth) -> None:
    published = (await auth.api.get("/.well-known/jwks.json")).json()["keys"]
    assert len(published) == 2
    assert all(set(key) == {"kty", "crv", "x", "kid", "use", "alg"} for key in published)


async def test_a_rotation_needs_no_restart_and_breaks_no_token(start_auth: StartAuth, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    keys.create(path)
    async with start_auth(signing_keys_file=str(path)) as auth:
        before = await auth.register()
        published = {key["kid"] for key in (await auth.api.get("/.well-known/jwks.json")).json()["keys"]}
        keys.rotate(path)
        deadline = time.monotonic() + 10
        after = before
        while jwt.get_unverified_header(after.access_token) == jwt.get_unverified_header(before.access_token):
            assert time.monotonic() < deadline
            after = await before.log_in()
            assert (await before.call("GET", "/auth/me")).status_code == 200
            assert (await after.call("GET", "/auth/me")).status_code == 200
        assert jwt.get_unverified_header(after.access_token)["kid"] in published  # it was known before it signed
        assert len((await auth.api.get("/.well-known/jwks.json")).json()["keys"]) == 3


async def test_a_broken_key_file_does_not_stop_a_running_service(start_auth: StartAuth, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    keys.create(path)
    async with start_auth(signing_keys_file=str(path)) as auth:
        user = await auth.register()
        path.write_text('{"keys": [')
        os.utime(path, (1, 1))
        ring = keyring.KeyRing(path)
        assert ring.jwks() == b""  # the same file, read by one who has no older keys
        assert (await user.call("GET", "/auth/me")).status_code == 200
        assert (await user.log_in()).id == user.id


async def test_a_token_of_a_foreign_key_is_refused(auth: Auth, tmp_path: Path) -> None:
    user = await auth.register()
    claims = jwt.decode(user.access_token, options={"verify_signature": False})
    ours = jwt.get_unverified_header(user.access_token)
    foreign = keys.generate("current", time.time())
    for kid in (ours["kid"], foreign.kid):
        token = jwt.encode(claims, foreign.private_key(), algorithm="EdDSA", headers={"kid": kid, "typ": "at+jwt"})
        response = await auth.api.get("/auth/me", headers={"Authorization": f"Bearer {token}"})
        assert (response.status_code, response.json()["code"]) == (401, "token_invalid")


async def test_an_expired_token_is_refused(start_auth: StartAuth, auth: Auth, keys_file: Path) -> None:
    user = await auth.register()
    claims = jwt.decode(user.access_token, options={"verify_signature": False})
    current = keys.read(keys_file).current
    claims |= {"iat": int(time.time()) - 901, "exp": int(time.time()) - 1}
    token = jwt.encode(claims, current.private_key(), algorithm="EdDSA", headers={"kid": current.kid, "typ": "at+jwt"})
    response = await auth.api.get("/auth/me", headers={"Authorization": f"Bearer {token}"})
    assert (response.status_code, response.json()["code"]) == (401, "token_expired")


async def test_a_ticket_stands_for_the_access_token_once(auth: Auth, redis_client: "Redis") -> None:
    user = await auth.register()
    response = await user.call("POST", "/auth/ws-ticket")
    assert response.status_code == 200
    assert set(response.json()) == {"ticket", "expires_in"}
    assert response.json()["expires_in"] == 30
    key = names.ws_ticket(hashlib.sha256(response.json()["ticket"].encode()).hexdigest())
    assert 29 <= await redis_client.ttl(key) <= 30
    assert await redis_client.getdel(key) == user.access_token.encode()
    assert await redis_client.getdel(key) is None
    assert response.json()["ticket"] not in str(await redis_client.keys("*"))


async def test_tickets_differ(auth: Auth) -> None:
    user = await auth.register()
    tickets = {(await user.call("POST", "/auth/ws-ticket")).json()["ticket"] for _ in range(5)}
    assert len(tickets) == 5


async def test_a_ticket_does_not_outlive_its_token(start_auth: StartAuth, redis_client: "Redis") -> None:
    async with start_auth(access_token_seconds=5) as auth:
        user = await auth.register()
        body = (await user.call("POST", "/auth/ws-ticket")).json()
        key = names.ws_ticket(hashlib.sha256(body["ticket"].encode()).hexdigest())
        assert 0 < body["expires_in"] <= 5
        assert 0 < await redis_client.pttl(key) <= 5000


async def test_an_ended_session_gets_no_ticket(auth: Auth) -> None:
    user = await auth.register()
    await user.call("POST", "/auth/logout")
    assert (await user.call("POST", "/auth/ws-ticket")).status_code == 401


async def test_user_and_session_are_uuids(auth: Auth) -> None:
    user: User = await auth.register()
    assert UUID(user.id).version == 7
    assert UUID(await user.session_id()).version == 7
