"""What providers may answer, and must not: those that a well-behaved one never says."""

import base64
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import parse_qs, unquote_plus

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from auth_service.oauth import oidc
from auth_service.oauth.config import ProviderConfig
from auth_service.oauth.fetching import MAX_BYTES, ProviderAway, ProviderRefuses
from auth_service.oauth.github import GitHubProvider
from auth_service.oauth.oidc import OidcProvider
from auth_service.oauth.provider import LoginInvalid, Wanted

ISSUER = "https://login.example.org"
CONFIG = ProviderConfig("me", ISSUER, "s:e %", hosts=("keys.example.org",))
WANTED = Wanted("state", "nonce", "v" * 43, "https://chat.example.org/callback")
KEY, OTHER = RSAKey.generate_key(2048, {"kid": "one"}), RSAKey.generate_key(2048, {"kid": "two"})
METADATA = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/auth",
    "token_endpoint": f"{ISSUER}/token",
    "jwks_uri": "https://keys.example.org/jwks",
    "userinfo_endpoint": f"{ISSUER}/me",
}
LATER = 2**33  # far from now, and the same in each process that collects these tests
Answer = Callable[[httpx.Request], httpx.Response]


def claims(**changed: Any) -> dict[str, Any]:
    now = int(time.time())
    whole = {"iss": ISSUER, "sub": "7", "aud": "me", "iat": now, "exp": now + 60, "nonce": "nonce"}
    whole |= {"email": "a@b.example", "email_verified": True}
    return {name: value for name, value in {**whole, **changed}.items() if value is not None}


def signed(key: Any = KEY, header: dict[str, Any] | None = None, **changed: Any) -> str:
    return jwt.encode({"alg": "RS256", "kid": key.kid, **(header or {})}, claims(**changed), key)


def unpadded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def encoded(header: dict[str, Any], payload: dict[str, Any]) -> str:
    """A token without its signature."""
    return ".".join(unpadded(json.dumps(part).encode()) for part in (header, payload))


class Fake:
    """A provider that says what it is told to."""

    def __init__(self) -> None:
        self.id_token = signed()
        self.keys = [KEY]
        self.metadata: dict[str, Any] = dict(METADATA)
        self.answers: dict[str, Answer] = {}
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        if request.url.path in self.answers:
            return self.answers[request.url.path](request)
        known = {
            "/.well-known/openid-configuration": self.metadata,
            "/token": {"id_token": self.id_token, "access_token": "access"},
            "/jwks": {"keys": [key.as_dict(private=False) for key in self.keys]},
            "/me": {"sub": "7", "email": "from@userinfo.example", "email_verified": "true"},
        }
        return httpx.Response(200, json=known[request.url.path])

    def count(self, path: str) -> int:
        return sum(request.url.path == path for request in self.asked)


@pytest.fixture
def fake() -> Fake:
    """A provider."""
    return Fake()


@pytest.fixture
async def client(fake: Fake) -> AsyncIterator[httpx.AsyncClient]:
    """What reaches it, and nobody else."""
    async with httpx.AsyncClient(transport=httpx.MockTransport(fake)) as client:
        yield client


@pytest.fixture
def provider(client: httpx.AsyncClient) -> OidcProvider:
    """How the service sees it."""
    return OidcProvider(CONFIG, client)


async def test_a_good_answer_says_who_it_is(provider: OidcProvider, fake: Fake) -> None:
    user = await provider.identify(WANTED, "code", None)
    assert (user.subject, user.email) == ("7", "a@b.example")
    (request,) = (request for request in fake.asked if request.url.path == "/token")
    credentials = base64.b64decode(request.headers["authorization"].split()[1]).decode().split(":")
    assert [unquote_plus(part) for part in credentials] == ["me", "s:e %"]
    form = parse_qs(request.content.decode())
    assert (form["code"], form["code_verifier"], form["grant_type"]) == (["code"], ["v" * 43], ["authorization_code"])


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://evil.example"},
        {"iss": f"{ISSUER}/"},
        {"iss": None},
        {"aud": "somebody else"},
        {"aud": ["me", "somebody else"]},  # without azp
        {"aud": ["me", "somebody else"], "azp": "somebody else"},
        {"azp": "somebody else"},
        {"aud": None},
        {"nonce": "another"},
        {"nonce": None},
        {"exp": 1},
        {"exp": None},
        {"iat": None},
        {"iat": LATER},
        {"exp": "tomorrow"},
        {"sub": None},
        {"sub": ""},
        {"sub": "x" * 256},
        {"sub": 7},
        {"at_hash": "of another access token"},
    ],
    ids=str,
)
async def test_an_id_token_that_is_not_for_us_now_is_refused(
    provider: OidcProvider, fake: Fake, changed: dict[str, Any]
) -> None:
    fake.id_token = signed(**changed)
    with pytest.raises(LoginInvalid):
        await provider.identify(WANTED, "code", None)


async def test_an_id_token_that_nobody_we_know_has_signed_is_refused(provider: OidcProvider, fake: Fake) -> None:
    public = KEY.as_pem(private=False)
    confused = encoded({"alg": "HS256", "kid": "one"}, claims())
    confused += "." + unpadded(hmac.digest(public, confused.encode(), "sha256"))
    header, payload, signature = signed().split(".")
    tokens = [
        encoded({"alg": "none"}, claims()) + ".",
        confused,
        signed(OTHER, {"kid": "one"}),
        ".".join((header, unpadded(json.dumps(claims(sub="8")).encode()), signature)),
        f"{header}.{payload}.",
        "a.b.c",
        "",
        "x" * 40_000,
    ]
    for token in tokens:
        fake.id_token = token
        with pytest.raises(LoginInvalid):
            await provider.identify(WANTED, "code", None)


async def test_an_unknown_key_is_asked_for_once_and_not_at_every_login(
    provider: OidcProvider, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    await provider.identify(WANTED, "code", None)
    monkeypatch.setattr(oidc, "KEYS_GAP_SECONDS", 0)
    fake.keys, fake.id_token = [KEY, OTHER], signed(OTHER)
    assert (await provider.identify(WANTED, "code", None)).subject == "7"
    assert fake.count("/jwks") == 2
    monkeypatch.setattr(oidc, "KEYS_GAP_SECONDS", 10)
    fake.id_token = signed(RSAKey.generate_key(2048, {"kid": "three"}))
    for _ in range(3):
        with pytest.raises(LoginInvalid):
            await provider.identify(WANTED, "code", None)
    assert fake.count("/jwks") == 2
    assert fake.count("/.well-known/openid-configuration") == 1


async def test_an_address_that_is_not_verified_is_none(client: httpx.AsyncClient, fake: Fake) -> None:
    for verified in (False, None, "false", "yes"):
        fake.id_token = signed(email_verified=verified)
        assert (await OidcProvider(CONFIG, client).identify(WANTED, "code", None)).email is None


async def test_userinfo_must_be_of_the_same_person(provider: OidcProvider, fake: Fake) -> None:
    fake.id_token = signed(email=None)
    assert (await provider.identify(WANTED, "code", None)).email == "from@userinfo.example"
    fake.answers["/me"] = lambda _: httpx.Response(200, json={"sub": "8", "email": "x@y.example"})
    with pytest.raises(LoginInvalid):
        await provider.identify(WANTED, "code", None)


@pytest.mark.parametrize(
    "changed",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": "https://evil.example/token"},
        {"token_endpoint": "http://login.example.org/token"},
        {"jwks_uri": "http://169.254.169.254/"},
        {"authorization_endpoint": "https://evil.example/auth"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"token_endpoint": None},
    ],
    ids=str,
)
async def test_a_discovery_document_leads_nowhere_else(
    provider: OidcProvider, fake: Fake, changed: dict[str, Any]
) -> None:
    fake.metadata |= changed
    with pytest.raises(ProviderAway):
        await provider.identify(WANTED, "code", None)
    assert {request.url.host for request in fake.asked} <= {"login.example.org", "keys.example.org"}


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx.Response(302, headers={"location": "http://169.254.169.254/"}), ProviderAway),
        (httpx.Response(500), ProviderAway),
        (httpx.Response(429), ProviderAway),
        (httpx.Response(200, content=b"x" * (MAX_BYTES + 1)), ProviderAway),
        (httpx.Response(200, content=b"<html>"), ProviderAway),
        (httpx.Response(200, json=[]), ProviderAway),
        (httpx.Response(200, json={"access_token": "x"}), ProviderAway),
        (httpx.Response(400, json={"error": "invalid_grant"}), ProviderRefuses),
        (httpx.Response(401, json={"error": "invalid_client"}), ProviderRefuses),
    ],
)
async def test_an_answer_that_is_none_is_an_error_and_nothing_more(
    provider: OidcProvider, fake: Fake, answer: httpx.Response, error: type[Exception]
) -> None:
    fake.answers["/token"] = lambda _: answer
    with pytest.raises(error) as caught:
        await provider.identify(WANTED, "code", None)
    assert not {"code", "v" * 43, "s:e"} & set(str(caught.value).split())
    assert {request.url.host for request in fake.asked} <= {"login.example.org", "keys.example.org"}


# --- GitHub ----------------------------------------------------------------------------------------------------------

GITHUB = ProviderConfig("me", "https://github.com", "secret", kind="github", hosts=("api.github.com",))


def github(token: Any, emails: list[dict[str, Any]]) -> httpx.AsyncClient:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/login/oauth/access_token":
            assert request.headers["accept"] == "application/json"
            return httpx.Response(200, json=token)
        assert request.headers["authorization"] == "Bearer t"
        user = {"id": 5, "login": "octocat", "name": None, "email": "public@example.org"}
        return httpx.Response(200, json=user if request.url.path == "/user" else emails)

    return httpx.AsyncClient(transport=httpx.MockTransport(answer))


async def test_github_is_asked_who_it_is() -> None:
    emails = [{"email": "a@b.example", "primary": True, "verified": True}, {"email": "c@d.example", "verified": True}]
    async with github({"access_token": "t"}, emails) as client:
        provider = GitHubProvider(GITHUB, client)
        user = await provider.identify(WANTED, "code", None)
        assert (user.subject, user.username, user.email) == ("5", "octocat", "a@b.example")
        assert (await provider.authorization_url(WANTED)).startswith("https://github.com/login/oauth/authorize?")
        with pytest.raises(LoginInvalid):
            await provider.identify(WANTED, "code", "https://evil.example")


async def test_githubs_word_about_an_address_must_be_that_it_is_verified() -> None:
    async with github({"access_token": "t"}, [{"email": "a@b.example", "primary": True}]) as client:
        assert (await GitHubProvider(GITHUB, client).identify(WANTED, "code", None)).email is None


async def test_githubs_errors_come_with_200() -> None:
    async with github({"error": "bad_verification_code"}, []) as client:
        with pytest.raises(ProviderRefuses):
            await GitHubProvider(GITHUB, client).identify(WANTED, "code", None)
