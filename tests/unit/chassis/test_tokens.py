"""The attack table for access tokens, and what is remembered of good ones."""

from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from chassis.jwks import StaticKeys
from chassis.problems import Unauthorized
from chassis.tokens import MAX_SKEW_SECONDS, Claims, TokenVerifier
from contracts.internal import TOKEN_AUDIENCE as AUDIENCE
from contracts.internal import TOKEN_ISSUER as ISSUER
from tests.support.attacks import OTHER, attacks, expired
from tests.support.tokens import example

FORGE = example()
ATTACKS = attacks(FORGE)
EXPIRED = expired(FORGE)
KEY, KID, NOW = FORGE.key, FORGE.kid, FORGE.now
SUB, SID = FORGE.claims["sub"], FORGE.claims["sid"]
KEYS = {KID: KEY.public_key(), FORGE.others[0]: Ed25519PrivateKey.generate().public_key()}
sign, token = FORGE.sign, FORGE.token


class Clock:
    def __init__(self) -> None:
        self.now = float(NOW)

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time of this module and of PyJWT, which asks `datetime`."""
    import datetime as real

    import jwt.api_jwt

    clock = Clock()

    class Now(real.datetime):
        @classmethod
        def now(cls, tz: Any = None) -> "Now":
            return cls.fromtimestamp(clock.now, tz)

    monkeypatch.setattr("chassis.tokens.time", clock)
    monkeypatch.setattr(jwt.api_jwt, "datetime", Now)
    return clock


@pytest.fixture
def verifier(clock: Clock) -> TokenVerifier:
    return TokenVerifier(StaticKeys(KEYS), issuer=ISSUER, audience=AUDIENCE)


async def code_of(verifier: TokenVerifier, text: str) -> str:
    with pytest.raises(Unauthorized) as caught:
        await verifier.verify(text)
    assert caught.value.headers["WWW-Authenticate"].startswith("Bearer")
    return caught.value.code


def test_the_spelling_of_the_attacks_is_what_they_say() -> None:
    assert token()[-1] in "AQgw"  # 64 bytes leave four bits that mean nothing
    assert {"+", "/"} <= set(ATTACKS["the plain alphabet"])


async def test_a_good_token_says_who_it_is(verifier: TokenVerifier) -> None:
    expected = Claims(UUID(SUB), UUID(SID), "a1", "alice", NOW, NOW + 900)
    assert await verifier.verify(token()) == expected
    assert await verifier.verify(token()) == expected  # from the cache


@pytest.mark.parametrize("name", ATTACKS)
async def test_the_attack_is_refused(verifier: TokenVerifier, name: str) -> None:
    assert await code_of(verifier, ATTACKS[name]) == "token_invalid"
    assert await code_of(verifier, ATTACKS[name]) == "token_invalid"  # nothing of it was remembered


ACCEPTED = {
    "audiences with ours among them": token(claims={"aud": ["another", AUDIENCE]}),
    "more claims": token(claims={"scope": "chat", "nested": {"a": [1, None]}}),
    "an id in capitals": token(claims={"sub": SUB.upper()}),
    "the last second": token(claims={"exp": NOW + 1}),
}


@pytest.mark.parametrize("name", ACCEPTED)
async def test_the_variation_is_accepted(verifier: TokenVerifier, name: str) -> None:
    assert (await verifier.verify(ACCEPTED[name])).user_id == UUID(SUB)


@pytest.mark.parametrize("name", ["iat", "nbf"])
async def test_a_clock_may_run_ahead_by_so_much_and_no_more(verifier: TokenVerifier, name: str) -> None:
    await verifier.verify(token(claims={name: NOW + MAX_SKEW_SECONDS - 1}))
    assert await code_of(verifier, token(claims={name: NOW + MAX_SKEW_SECONDS + 1})) == "token_invalid"


@pytest.mark.parametrize("ago", EXPIRED)
async def test_an_expired_token_says_that_it_has_expired(verifier: TokenVerifier, ago: str) -> None:
    assert await code_of(verifier, EXPIRED[ago]) == "token_expired"


async def test_an_expired_token_with_something_else_wrong_is_invalid(verifier: TokenVerifier) -> None:
    assert await code_of(verifier, token(claims={"exp": NOW - 60}, key=OTHER)) == "token_invalid"


async def test_the_cache_never_outlives_the_token(verifier: TokenVerifier, clock: Clock) -> None:
    text = token(claims={"exp": NOW + 10})
    await verifier.verify(text)
    clock.now = NOW + 9.9
    await verifier.verify(text)
    clock.now = NOW + 10.0
    assert await code_of(verifier, text) == "token_expired"
    assert await code_of(verifier, text) == "token_expired"


async def test_the_cache_is_bounded_and_spares_the_signature(clock: Clock) -> None:
    asked: list[str] = []

    class Counting(StaticKeys):
        async def key(self, kid: str) -> Any:
            asked.append(kid)
            return await super().key(kid)

    verifier = TokenVerifier(Counting({KID: KEY.public_key()}), issuer=ISSUER, audience=AUDIENCE, cache_size=3)
    texts = [token(claims={"jti": str(number)}) for number in range(4)]
    for text in texts:
        await verifier.verify(text)
    assert len(asked) == 4
    for text in reversed(texts):
        await verifier.verify(text)
    assert len(asked) == 5  # the first had been forgotten
    assert len(verifier._cache) == 3


@given(st.text(max_size=200))
async def test_no_text_is_more_than_invalid(text: str) -> None:
    verifier = TokenVerifier(StaticKeys(KEYS), issuer=ISSUER, audience=AUDIENCE)
    assert await code_of(verifier, text) == "token_invalid"


@given(st.binary(max_size=60), st.binary(max_size=60))
async def test_no_signed_bytes_are_more_than_invalid(header: bytes, payload: bytes) -> None:
    verifier = TokenVerifier(StaticKeys(KEYS), issuer=ISSUER, audience=AUDIENCE)
    assert await code_of(verifier, sign(header, payload)) == "token_invalid"
    assert await code_of(verifier, sign(FORGE.top, payload)) == "token_invalid"
