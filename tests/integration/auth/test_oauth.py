"""Logging in with an account elsewhere, at a real OpenID provider."""

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis

from tests.support.mail import mail_server, token_in
from tests.support.oidc import SECRET, Browser, parameters, providers, with_parameters
from tests.support.serving import free_ports

from .conftest import Auth, Link, StartAuth, User

HOME = "http://auth"
APP = "http://auth/app"
CALLBACKS = [f"{HOME}/auth/oauth/{name}/callback" for name in ("one", "two", "post", "open", "mistrusted")]


@pytest.fixture(scope="module")
def issuers() -> Iterator[list[str]]:
    """Two providers."""
    with providers(CALLBACKS, free_ports(2)) as issuers:
        yield issuers


def configured(issuers: list[str]) -> str:
    """For OAUTH_PROVIDERS."""
    one, two = issuers
    return json.dumps(
        {
            "one": {"issuer": one, "client_id": "parley", "client_secret": SECRET, "title": "The first"},
            "two": {"issuer": two, "client_id": "parley", "client_secret": SECRET},
            "post": {"issuer": two, "client_id": "parley-post", "client_secret": "another-secret"},
            "open": {"issuer": two, "client_id": "parley-public"},
            "mistrusted": {"issuer": one, "client_id": "parley", "client_secret": SECRET, "trust_email": False},
        }
    )


@pytest.fixture
def start(start_auth: StartAuth, issuers: list[str]) -> Any:
    """Starts an auth service that knows the providers."""

    def begin(**more: Any) -> AbstractAsyncContextManager[Auth]:
        return start_auth(**{"oauth_providers": configured(issuers), "public_url": HOME, **more})

    return begin


@pytest.fixture
async def auth(start: Any) -> AsyncIterator[Auth]:
    """One."""
    async with start() as running:
        yield running


def someone(auth: Auth, *, verified: bool = True, email: str | None = None) -> str:
    """Somebody whom the provider knows: what it is told instead of asking him."""
    name = auth.name()
    address = email if email is not None else f"{name.lower()}@example.org"
    return f"sub-{name}|{address}|{int(verified)}|{name}|{name} Smith"


async def to_provider(auth: Auth, browser: Browser, provider: str = "one", **query: str) -> str:
    """Begin: the address at the provider."""
    response = await browser.get(with_parameters(f"{HOME}/auth/oauth/{provider}", **query))
    assert response.status_code == 303, response.text
    return str(response.headers["location"])


async def back(auth: Auth, browser: Browser, there: str) -> str:
    """From the provider to our callback: its address, not visited yet."""
    return await browser.follow(there, until=f"{HOME}/auth/oauth/")


async def finished(browser: Browser, callback: str) -> dict[str, str]:
    """Visit a callback; what the browser is sent away with."""
    response = await browser.get(callback)
    assert response.status_code == 303, response.text
    return parameters(response.headers["location"])


async def exchange(auth: Auth, code: str, **more: str) -> httpx.Response:
    return await auth.api.post("/auth/oauth/exchange", json={"code": code, **more})


async def logged_in(auth: Auth, person: str, provider: str = "one") -> User:
    """All of it."""
    browser = Browser(auth.api, HOME)
    there = await to_provider(auth, browser, provider)
    ended = await finished(browser, await back(auth, browser, with_parameters(there, login_hint=person)))
    response = await exchange(auth, ended["code"])
    assert response.status_code == 200, response.text
    return User(auth.api, response.json()["username"], response.json())


async def failure(auth: Auth, person: str, provider: str = "one") -> str:
    browser = Browser(auth.api, HOME)
    there = await to_provider(auth, browser, provider)
    ended = await finished(browser, await back(auth, browser, with_parameters(there, login_hint=person)))
    return ended["error"]


# --- logging in ------------------------------------------------------------------------------------------------------


async def test_who_logs_in_elsewhere_for_the_first_time_has_an_account_and_later_the_same(auth: Auth) -> None:
    person = someone(auth)
    first = await logged_in(auth, person)
    me = (await first.call("GET", "/auth/me")).json()
    assert (me["username"], me["display_name"]) == (person.split("|")[3], person.split("|")[4])
    assert (me["email"], me["email_verified"]) == (person.split("|")[1], True)
    again = await logged_in(auth, person)
    assert again.id == first.id
    assert (await auth.refresh(again.refresh_token)).status_code == 200
    identities = (await again.call("GET", "/auth/identities")).json()["identities"]
    assert [identity["provider"] for identity in identities] == ["one"]


@pytest.mark.parametrize("provider", ["two", "post", "open"])
async def test_however_a_client_proves_itself_to_the_provider(auth: Auth, provider: str) -> None:
    assert (await logged_in(auth, someone(auth), provider)).id


async def test_what_the_id_token_does_not_say_userinfo_does(start_auth: StartAuth) -> None:
    with providers(CALLBACKS, free_ports(1), USERINFO="only") as (issuer,):
        configuration = {"one": {"issuer": issuer, "client_id": "parley", "client_secret": SECRET}}
        async with start_auth(oauth_providers=json.dumps(configuration), public_url=HOME) as auth:
            user = await logged_in(auth, someone(auth))
            assert (await user.call("GET", "/auth/me")).json()["email_verified"] is True


async def test_the_providers_are_listed_without_their_secrets(auth: Auth) -> None:
    listed = (await auth.api.get("/auth/oauth")).json()["providers"]
    assert {"name": "one", "title": "The first"} in listed
    assert all(set(provider) == {"name", "title"} for provider in listed)
    unknown = await auth.api.get("/auth/oauth/none")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")


async def test_the_request_has_pkce_state_and_nonce_and_nothing_secret(auth: Auth) -> None:
    there = await to_provider(auth, Browser(auth.api, HOME))
    sent = parameters(there)
    assert (sent["response_type"], sent["code_challenge_method"]) == ("code", "S256")
    assert len(sent["code_challenge"]) == 43
    assert min(len(sent["state"]), len(sent["nonce"])) >= 43
    assert SECRET not in there


async def test_a_taken_username_gets_a_number(auth: Auth) -> None:
    taken = await auth.register()
    user = await logged_in(auth, f"sub-of-{taken.username}||0|{taken.username}|")
    assert user.id != taken.id
    assert user.username.startswith(f"{taken.username}-")


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(start: Any) -> None:
    async with start(public_url="https://chat.example.org") as auth:
        response = await auth.api.get("/auth/oauth/one")
        cookie = response.headers["set-cookie"]
        for word in ("HttpOnly", "SameSite=Lax", "Secure", "Path=/auth/oauth", "Max-Age=600"):
            assert word in cookie
        assert "Domain" not in cookie
        assert parameters(response.headers["location"])["redirect_uri"].startswith(
            "https://chat.example.org/auth/oauth/"
        )


# --- the code for the session ----------------------------------------------------------------------------------------


async def test_a_code_is_good_once(auth: Auth) -> None:
    browser = Browser(auth.api, HOME)
    there = with_parameters(await to_provider(auth, browser, redirect_uri=APP), login_hint=someone(auth))
    code = (await finished(browser, await back(auth, browser, there)))["code"]
    replies = await asyncio.gather(*(exchange(auth, code) for _ in range(4)))
    assert sorted(reply.status_code for reply in replies) == [200, 422, 422, 422]
    assert {reply.json()["code"] for reply in replies if reply.status_code == 422} == {"code_invalid"}
    assert (await exchange(auth, "no such code")).json()["code"] == "code_invalid"


async def test_a_code_with_a_challenge_is_good_for_its_client_only(auth: Auth) -> None:
    verifier = "v" * 43
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    for given, status in (({}, 422), ({"code_verifier": "w" * 43}, 422), ({"code_verifier": verifier}, 200)):
        browser = Browser(auth.api, HOME)
        there = await to_provider(auth, browser, redirect_uri=APP, code_challenge=challenge)
        callback = await back(auth, browser, with_parameters(there, login_hint=someone(auth)))
        code = (await finished(browser, callback))["code"]
        assert (await exchange(auth, code, **given)).status_code == status


async def test_what_is_kept_meanwhile_expires(auth: Auth, redis_client: "Redis") -> None:
    browser = Browser(auth.api, HOME)
    there = await to_provider(auth, browser)
    (state,) = await redis_client.keys("parley:oauth:state:*")
    assert 590 <= await redis_client.ttl(state) <= 600
    await finished(browser, await back(auth, browser, with_parameters(there, login_hint=someone(auth))))
    (code,) = await redis_client.keys("parley:oauth:*")
    assert 55 <= await redis_client.ttl(code) <= 60


# --- attacks ---------------------------------------------------------------------------------------------------------


async def test_a_replayed_callback_is_refused(auth: Auth) -> None:
    browser = Browser(auth.api, HOME)
    there = with_parameters(await to_provider(auth, browser), login_hint=someone(auth))
    callback = await back(auth, browser, there)
    cookies = dict(browser.cookies(HOME))
    assert "code" in await finished(browser, callback)
    browser.cookies(HOME).update(cookies)
    assert await finished(browser, callback) == {"error": "state_invalid"}


async def test_a_code_that_was_used_is_no_good_with_a_fresh_state(auth: Auth) -> None:
    browser = Browser(auth.api, HOME)
    callback = await back(auth, browser, with_parameters(await to_provider(auth, browser), login_hint=someone(auth)))
    assert "code" in await finished(browser, callback)
    fresh = parameters(await to_provider(auth, browser))["state"]
    assert await finished(browser, with_parameters(callback, state=fresh)) == {"error": "login_invalid"}


async def test_somebody_elses_unused_code_is_no_good_either(auth: Auth) -> None:
    thief, victim = Browser(auth.api, HOME), Browser(auth.api, HOME)
    stolen = await back(auth, victim, with_parameters(await to_provider(auth, victim), login_hint=someone(auth)))
    own = parameters(await to_provider(auth, thief))["state"]
    assert await finished(thief, with_parameters(stolen, state=own)) == {"error": "login_invalid"}  # PKCE


async def test_a_login_begun_in_one_browser_does_not_end_in_another(auth: Auth) -> None:
    attacker, victim = Browser(auth.api, HOME), Browser(auth.api, HOME)
    there = with_parameters(await to_provider(auth, attacker, redirect_uri=APP), login_hint=someone(auth))
    callback = await back(auth, attacker, there)
    await to_provider(auth, victim)  # he has a cookie, but of another login
    assert await finished(victim, callback) == {"error": "state_invalid"}
    assert await finished(attacker, callback) == {"error": "state_invalid"}  # it was used up


async def test_a_wrong_nonce_is_refused(auth: Auth) -> None:
    browser = Browser(auth.api, HOME)
    there = with_parameters(await to_provider(auth, browser), login_hint=someone(auth), nonce="of another login")
    assert await finished(browser, await back(auth, browser, there)) == {"error": "login_invalid"}


async def test_a_foreign_issuer_is_refused(auth: Auth, issuers: list[str]) -> None:
    one, two = issuers
    browser = Browser(auth.api, HOME)
    there = with_parameters(await to_provider(auth, browser, "one"), login_hint=someone(auth))
    callback = await back(auth, browser, there.replace(one, two))  # the same client is registered with both
    assert parameters(callback)["iss"] == two
    assert await finished(browser, callback) == {"error": "login_invalid"}
    state = parameters(await to_provider(auth, browser, "one"))["state"]
    lying = with_parameters(callback, iss=one, state=state)
    assert await finished(browser, lying) == {"error": "login_invalid"}


async def test_the_answer_must_say_who_sent_it_where_the_provider_does(auth: Auth) -> None:
    browser = Browser(auth.api, HOME)
    callback = await back(auth, browser, with_parameters(await to_provider(auth, browser), login_hint=someone(auth)))
    without = callback.replace("iss=", "other=")
    assert await finished(browser, without) == {"error": "login_invalid"}


async def test_the_state_of_one_provider_is_none_at_another(auth: Auth) -> None:
    browser = Browser(auth.api, HOME)
    callback = await back(auth, browser, with_parameters(await to_provider(auth, browser), login_hint=someone(auth)))
    assert await finished(browser, callback.replace("/oauth/one/", "/oauth/two/")) == {"error": "state_invalid"}


@pytest.mark.parametrize(
    "query", ["", "?code=x", "?state=", "?state=nonsense&code=x", "?error=access_denied", "?state=%C3%BC"]
)
async def test_a_callback_out_of_nowhere_goes_home_with_an_error(auth: Auth, query: str) -> None:
    response = await auth.api.get(f"/auth/oauth/one/callback{query}")
    assert response.status_code == 303
    assert response.headers["location"] == f"{HOME}/?error=state_invalid"


async def test_who_says_no_comes_back_with_that(auth: Auth) -> None:
    browser = Browser(auth.api, HOME)
    there = await to_provider(auth, browser, redirect_uri=f"{APP}?tab=2")
    callback = await back(auth, browser, with_parameters(there, login_hint="deny"))
    response = await browser.get(callback)
    assert response.headers["location"] == f"{APP}?tab=2&error=access_denied"


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "http://auth.evil.example/app",
        "http://auth:81/app",
        "http://auth@evil.example/",
        "//evil.example",
        "/app",
        "javascript:alert(1)",
        "http://auth\\@evil.example/",
        "http://auth/../x",
        "http://auth/app#x",
        "https://auth/app",
        "http://auth/" + "x" * 600,
    ],
)
async def test_nobody_is_sent_to_a_stranger(auth: Auth, target: str) -> None:
    response = await auth.api.get("/auth/oauth/one", params={"redirect_uri": target})
    assert (response.status_code, response.json()["errors"][0]["field"]) == (422, "redirect_uri")
    user = await auth.register()
    link = await user.call("POST", "/auth/identities/one", json={"redirect_uri": target})
    assert (link.status_code, link.json()["errors"][0]["field"]) == (422, "redirect_uri")


async def test_other_targets_are_a_setting(start: Any) -> None:
    async with start(oauth_redirects=("https://app.example/in", "parley://login")) as auth:
        for target, status in {
            "https://app.example/in": 303,
            "https://app.example/in/deep?x=1": 303,
            "https://app.example/inside": 422,
            "https://app.example/": 422,
            "parley://login": 303,
            "parley://login/deep": 422,
            "parley://other": 422,
        }.items():
            response = await auth.api.get("/auth/oauth/one", params={"redirect_uri": target})
            assert response.status_code == status, target


# --- whose account it is ---------------------------------------------------------------------------------------------


async def test_accounts_are_joined_by_an_address_that_both_sides_have_verified(start: Any) -> None:
    async with mail_server() as mails, start(smtp_url=mails.url) as auth:
        name = auth.name()
        email = f"{name.lower()}@example.org"
        user = await auth.register(username=name, email=email)
        person = someone(auth, email=email.upper())
        assert await failure(auth, person) == "link_required"  # not verified here
        body = {"token": token_in(await mails.wait(email))}
        assert (await auth.api.post("/auth/email/verify/confirm", json=body)).status_code == 204
        for doubtful, provider in ((someone(auth, email=email, verified=False), "one"), (person, "mistrusted")):
            other = await logged_in(auth, doubtful.replace("sub-", f"sub-{provider}-"), provider)  # not verified there
            assert other.id != user.id
            assert (await other.call("GET", "/auth/me")).json()["email"] is None
        assert (await logged_in(auth, person)).id == user.id
        assert await failure(auth, someone(auth, email=email)) == "link_required"  # one of each provider is enough
        assert (await logged_in(auth, someone(auth, email=email), "two")).id == user.id


async def test_who_is_logged_in_adds_an_identity_and_removes_it(auth: Auth, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    user, stranger = await auth.register(), await auth.register()
    person = someone(auth)

    async def link(whose: User) -> dict[str, str]:
        browser = Browser(auth.api, HOME)
        response = await whose.call("POST", "/auth/identities/one", json={"redirect_uri": APP})
        assert response.status_code == 200, response.text
        browser.take(HOME, response)
        there = with_parameters(response.json()["url"], login_hint=person)
        return await finished(browser, await back(auth, browser, there))

    assert await link(user) == {"linked": "one"}
    assert await link(user) == {"linked": "one"}
    assert (await logged_in(auth, person)).id == user.id
    assert await link(stranger) == {"error": "already_linked"}
    assert (await stranger.call("DELETE", "/auth/identities/one")).status_code == 404
    assert (await user.call("DELETE", "/auth/identities/one")).status_code == 204
    told = [vars(record) for record in caplog.records if record.name == "audit"]
    linked = [line for line in told if line["event"] == "identity_linked"]
    assert {(str(line["user_id"]), line["detail"]) for line in linked} == {(user.id, "one")}
    assert (await logged_in(auth, person)).id not in (user.id, stranger.id)


async def test_a_link_begun_by_one_does_not_end_in_anothers_browser(auth: Auth) -> None:
    attacker = await auth.register()
    response = await attacker.call("POST", "/auth/identities/one")
    victim = Browser(auth.api, HOME)
    callback = await back(auth, victim, with_parameters(response.json()["url"], login_hint=someone(auth)))
    assert await finished(victim, callback) == {"error": "state_invalid"}
    assert (await attacker.call("GET", "/auth/identities")).json() == {"identities": []}


async def test_the_last_way_to_log_in_stays(start: Any) -> None:
    async with mail_server() as mails, start(smtp_url=mails.url) as auth:
        user = await logged_in(auth, person := someone(auth))
        refused = await user.call("DELETE", "/auth/identities/one")
        assert (refused.status_code, refused.json()["code"]) == (409, "last_login")
        login = {"username": user.username, "password": "any password"}
        assert (await auth.api.post("/auth/login", json=login)).status_code == 401
        email = person.split("|")[1]
        await auth.api.post("/auth/password/reset", json={"email": email})
        body = {"token": token_in(await mails.wait(email)), "new_password": "a password at last"}
        assert (await auth.api.post("/auth/password/reset/confirm", json=body)).status_code == 204
        again = await logged_in(auth, person)
        assert again.id == user.id
        assert (await again.call("DELETE", "/auth/identities/one")).status_code == 204


async def test_who_takes_an_unproved_account_over_by_mail_takes_its_identities_away(start: Any) -> None:
    async with mail_server() as mails, start(smtp_url=mails.url) as auth:
        name = auth.name()
        squatter = await auth.register(username=name, email=f"{name.lower()}@example.org")
        person = someone(auth)
        response = await squatter.call("POST", "/auth/identities/one")
        browser = Browser(auth.api, HOME)
        browser.take(HOME, response)
        there = with_parameters(response.json()["url"], login_hint=person)
        assert await finished(browser, await back(auth, browser, there)) == {"linked": "one"}
        await mails.wait(f"{name.lower()}@example.org")
        await auth.api.post("/auth/password/reset", json={"email": f"{name.lower()}@example.org"})
        token = token_in(await mails.wait(f"{name.lower()}@example.org", 2))
        body = {"token": token, "new_password": "the owner's password"}
        assert (await auth.api.post("/auth/password/reset/confirm", json=body)).status_code == 204
        assert (await logged_in(auth, person)).id != squatter.id


# --- when something is away ------------------------------------------------------------------------------------------


async def test_a_provider_that_is_away_is_an_error_at_the_client(start_auth: StartAuth) -> None:
    (port,) = free_ports(1)
    configuration = {"one": {"issuer": f"http://127.0.0.1:{port}", "client_id": "parley", "client_secret": SECRET}}
    async with start_auth(oauth_providers=json.dumps(configuration), public_url=HOME) as auth:
        response = await auth.api.get("/auth/oauth/one", params={"redirect_uri": APP})
        assert response.headers["location"] == f"{APP}?error=provider_unavailable"
        with providers(CALLBACKS, [port]):
            assert (await logged_in(auth, someone(auth))).id


async def test_without_redis_nobody_can_log_in_elsewhere(start: Any, redis_link: Link) -> None:
    async with start(redis_url=redis_link.url) as auth:
        await redis_link.cut()
        response = await auth.api.get("/auth/oauth/one")
        assert (response.status_code, response.json()["code"]) == (503, "unavailable")
        back = await auth.api.get("/auth/oauth/one/callback?state=x&code=y")
        assert back.headers["location"] == f"{HOME}/?error=unavailable"
        assert (await exchange(auth, "x")).status_code == 503


async def test_nothing_of_a_login_is_in_the_log(auth: Auth, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    browser = Browser(auth.api, HOME)
    there = with_parameters(await to_provider(auth, browser), login_hint=someone(auth))
    callback = await back(auth, browser, there)
    code = (await finished(browser, callback))["code"]
    await exchange(auth, code)
    await finished(browser, with_parameters(callback, error="<script>typed</script>"))
    everything = "\n".join(
        str(vars(record)) for record in caplog.records if record.name.startswith(("audit", "auth", "access", "chassis"))
    )
    events = [vars(record)["event"] for record in caplog.records if record.name == "audit"]
    assert events == ["registered", "logged_in", "oauth_failed"]
    sent = parameters(there)
    for secret in (code, sent["state"], sent["nonce"], parameters(callback)["code"], SECRET, "typed"):
        assert secret not in everything
