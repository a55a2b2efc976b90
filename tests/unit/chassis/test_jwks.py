"""Public keys from afar: few questions, no stampede, and good while the service of accounts is away."""

import asyncio
import base64
import json
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chassis import jwks
from chassis.jwks import RemoteKeys, StaticKeys, decode_base64url, parse_jwks
from chassis.problems import Unavailable


def jwk(kid: str, **changes: Any) -> dict[str, Any]:
    raw = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    x = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    return {"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": x, **changes}


class Auth:
    """Publishes keys; it can be away or silent."""

    def __init__(self) -> None:
        self.keys = [jwk("a")]
        self.asked = 0
        self.answer: Callable[[], httpx.Response] = self.publish
        self.answering = asyncio.Event()
        self.answering.set()

    def publish(self) -> httpx.Response:
        return httpx.Response(200, json={"keys": self.keys})

    def refuse(self) -> httpx.Response:
        raise httpx.ConnectError("refused")

    async def handle(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        await self.answering.wait()
        return self.answer()


@pytest.fixture
def auth() -> Auth:
    return Auth()


@pytest.fixture
async def client(auth: Auth) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.MockTransport(auth.handle)) as client:
        yield client


Make = Callable[..., RemoteKeys]


@pytest.fixture
def make(client: httpx.AsyncClient) -> Make:
    return lambda **options: RemoteKeys(client, "http://auth/jwks", **options)


class Clock:
    """A monotonic clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(jwks, "time", clock)
    return clock


async def settled(keys: RemoteKeys) -> None:
    while keys._fetching is not None:
        await asyncio.wait({keys._fetching})


async def test_the_keys_are_fetched_once(auth: Auth, make: Make, clock: Clock) -> None:
    keys = make()
    assert await keys.key("a") is not None
    clock.now += 299
    assert await keys.key("a") is not None
    assert auth.asked == 1


async def test_many_first_uses_at_once_fetch_once(auth: Auth, make: Make, clock: Clock) -> None:
    auth.answering.clear()
    uses = [asyncio.create_task(keys.key(kid)) for keys in [make()] for kid in ["a"] * 50 + ["unknown"] * 50]
    while not auth.asked:
        await asyncio.sleep(0)
    auth.answering.set()
    found = await asyncio.gather(*uses)
    assert auth.asked == 1
    assert [key is not None for key in found] == [True] * 50 + [False] * 50


async def test_one_that_gives_up_does_not_end_the_fetch_for_the_others(auth: Auth, make: Make, clock: Clock) -> None:
    auth.answering.clear()
    keys = make()
    first, second = asyncio.create_task(keys.key("a")), asyncio.create_task(keys.key("a"))
    while not auth.asked:
        await asyncio.sleep(0)
    first.cancel()
    auth.answering.set()
    assert await second is not None
    assert (first.cancelled(), auth.asked) == (True, 1)


async def test_an_unknown_key_asks_again_but_not_at_once(auth: Auth, make: Make, clock: Clock) -> None:
    keys = make(min_gap_seconds=2)
    assert await keys.key("a") is not None
    for _ in range(10):
        assert await keys.key("b") is None
    assert auth.asked == 1
    clock.now += 2
    for _ in range(10):
        assert await keys.key("b") is None
        assert await keys.key("c") is None
    assert auth.asked == 2


async def test_a_new_key_is_found_when_it_is_used(auth: Auth, make: Make, clock: Clock) -> None:
    keys = make()
    assert await keys.key("a") is not None
    auth.keys.append(jwk("b"))
    clock.now += 2
    assert await keys.key("b") is not None
    assert await keys.key("a") is not None
    assert auth.asked == 2


async def test_a_withdrawn_key_is_forgotten_in_time(auth: Auth, make: Make, clock: Clock) -> None:
    keys = make(refresh_seconds=300)
    assert await keys.key("a") is not None
    auth.keys = [jwk("b")]
    clock.now += 301
    assert await keys.key("a") is None


async def test_known_keys_stay_good_while_auth_is_away(
    auth: Auth, make: Make, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    keys = make(refresh_seconds=300)
    assert await keys.key("a") is not None
    auth.answer = auth.refuse
    clock.now += 10_000
    assert await keys.key("a") is not None
    with pytest.raises(Unavailable):
        await keys.key("b")
    assert await keys.key("a") is not None
    assert auth.asked == 2
    auth.answer = auth.publish
    clock.now += 2
    assert await keys.key("b") is None
    assert [record.levelno for record in caplog.records if record.name == "chassis.jwks"] == [logging.WARNING]


async def test_known_keys_are_not_waited_for_while_auth_is_frozen(auth: Auth, make: Make, clock: Clock) -> None:
    """One request waits for a moment, since a key may have been withdrawn; the others do not."""
    keys = make(refresh_seconds=300)
    assert await keys.key("a") is not None
    auth.answering.clear()
    clock.now += 301
    loop = asyncio.get_running_loop()
    began = loop.time()
    assert await keys.key("a") is not None
    assert 0.2 < loop.time() - began < 1
    began = loop.time()
    for _ in range(100):
        assert await keys.key("a") is not None
    assert loop.time() - began < 0.2
    assert auth.asked == 2
    auth.answering.set()
    await settled(keys)


async def test_never_fetched_is_not_a_bad_token(auth: Auth, make: Make, clock: Clock) -> None:
    keys = make()
    auth.answer = auth.refuse
    for _ in range(3):
        with pytest.raises(Unavailable) as caught:
            await keys.key("a")
        assert caught.value.code == "keys_unavailable"
    assert auth.asked == 1
    auth.answer = auth.publish
    clock.now += 0.2  # not min_gap_seconds: until there is a key at all, nobody is let in
    assert await keys.key("a") is not None


async def test_waiters_for_a_frozen_auth_do_not_queue_up(
    auth: Auth, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each waited for the one before it, and then for a fetch of its own."""
    monkeypatch.setattr(jwks, "FETCH_SECONDS", 0.2)
    auth.answering.clear()
    keys = make(min_gap_seconds=0.1)
    loop = asyncio.get_running_loop()
    began = loop.time()
    results = await asyncio.gather(*(keys.key("a") for _ in range(20)), return_exceptions=True)
    assert loop.time() - began < 0.6
    assert {type(result) for result in results} == {Unavailable}
    assert auth.asked == 1


@pytest.mark.parametrize(
    "response",
    [
        httpx.Response(500),
        httpx.Response(404),
        httpx.Response(302, headers={"Location": "http://elsewhere/"}),
        httpx.Response(200, content=b"<html>"),
        httpx.Response(200, content=b""),
        httpx.Response(200, content=b"\xff\xfe"),
        httpx.Response(200, content=b"[" * 100_000),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"keys": {}}),
        httpx.Response(200, json={"keys": []}),
        httpx.Response(200, json={"keys": [jwk("a", kty="RSA")]}),
        httpx.Response(200, json={"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "a"}]}),
        httpx.Response(200, json={"keys": [jwk("a", x="AAAA")]}),
        httpx.Response(200, json={"keys": [jwk("a", x="not base64")]}),
        httpx.Response(200, json={"keys": [jwk("a", x=1)]}),
    ],
)
async def test_a_bad_answer_changes_nothing(auth: Auth, make: Make, clock: Clock, response: httpx.Response) -> None:
    keys = make()
    assert await keys.key("a") is not None
    auth.answer = lambda: response
    clock.now += 301
    assert await keys.key("a") is not None
    with pytest.raises(Unavailable):
        await keys.key("b")


async def test_a_closed_client_is_an_absent_auth(make: Make, client: httpx.AsyncClient) -> None:
    await client.aclose()
    with pytest.raises(Unavailable):
        await make().key("a")


def test_other_kinds_of_key_are_left_out() -> None:
    found = parse_jwks(
        json.dumps({"keys": [jwk("a"), jwk("b", crv="X25519"), {"kty": "EC"}, 1, None, jwk(""), jwk("c")]}).encode()
    )
    assert set(found) == {"a", "c"}


async def test_static_keys_are_those_and_no_others() -> None:
    key = Ed25519PrivateKey.generate().public_key()
    keys = StaticKeys({"a": key})
    assert (await keys.key("a"), await keys.key("b")) == (key, None)


@pytest.mark.parametrize(("text", "data"), [("", b""), ("AA", b"\x00"), ("_-8", b"\xff\xef"), ("AAAA", bytes(3))])
def test_base64url_has_one_spelling(text: str, data: bytes) -> None:
    assert decode_base64url(text) == data


@pytest.mark.parametrize("text", ["AA==", "AB", "A", "/+8", "AA ", "A\nA", "é", "AAAA=", "AAAAA"])
def test_and_no_other(text: str) -> None:
    with pytest.raises(ValueError, match="base64url"):
        decode_base64url(text)
