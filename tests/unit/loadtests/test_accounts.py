"""The benchmark's own tokens and answers are those that services accept."""

from collections.abc import AsyncIterator

import httpx
import msgspec
import pytest

from chassis.problems import Unauthorized
from chassis.tokens import RemoteKeys, TokenVerifier
from contracts.internal import (
    JWKS_PATH,
    SESSION_PATH,
    TOKEN_AUDIENCE,
    TOKEN_ISSUER,
    USERS_PATH,
    SessionRecord,
    UserRecords,
)
from loadtests.bench.accounts import Accounts


@pytest.fixture
async def accounts() -> AsyncIterator[Accounts]:
    accounts = Accounts()
    await accounts.open()
    yield accounts
    await accounts.close()


@pytest.fixture
async def client(accounts: Accounts) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=accounts.url, trust_env=False) as client:
        yield client


async def test_services_accept_its_tokens(accounts: Accounts, client: httpx.AsyncClient) -> None:
    (person,) = accounts.register(1)
    keys = RemoteKeys(client, accounts.url + JWKS_PATH)
    claims = await TokenVerifier(keys, issuer=TOKEN_ISSUER, audience=TOKEN_AUDIENCE).verify(person.token)
    assert (claims.user_id, claims.username) == (person.id, person.username)


async def test_another_run_has_another_key(accounts: Accounts, client: httpx.AsyncClient) -> None:
    (stranger,) = Accounts().register(1)
    keys = RemoteKeys(client, accounts.url + JWKS_PATH)
    with pytest.raises(Unauthorized):
        await TokenVerifier(keys, issuer=TOKEN_ISSUER, audience=TOKEN_AUDIENCE).verify(stranger.token)


async def test_people_are_found_by_id_and_by_name(accounts: Accounts, client: httpx.AsyncClient) -> None:
    one, other, _ = accounts.register(3)
    answer = await client.get(USERS_PATH, params=[("id", str(one.id)), ("username", other.username.upper())])
    records = msgspec.json.decode(answer.content, type=UserRecords).users
    assert [record.id for record in records] == [one.id, other.id]


async def test_nobody_else_is_found(accounts: Accounts, client: httpx.AsyncClient) -> None:
    answer = await client.get(USERS_PATH, params=[("username", "nobody")])
    assert msgspec.json.decode(answer.content, type=UserRecords).users == []


async def test_every_session_lives(accounts: Accounts, client: httpx.AsyncClient) -> None:
    answer = await client.get(f"{SESSION_PATH}/anything")
    assert msgspec.json.decode(answer.content, type=SessionRecord).alive


async def test_other_paths_are_unknown(accounts: Accounts, client: httpx.AsyncClient) -> None:
    assert (await client.get("/auth/login")).status_code == 404
