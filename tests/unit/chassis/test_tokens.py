"""The attack table for access tokens, and what is remembered of good ones."""

import base64
import hashlib
import hmac
import json
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from chassis.jwks import StaticKeys
from chassis.problems import Unauthorized
from chassis.tokens import Claims, TokenVerifier
from tests.unit.chassis.tokens import (
    ABSENT,
    AUDIENCE,
    CLAIMS,
    HEADER,
    ISSUER,
    KEY,
    KID,
    NOW,
    SID,
    SUB,
    encode,
    sign,
    token,
)


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
    return TokenVerifier(StaticKeys({KID: KEY.public_key()}), issuer=ISSUER, audience=AUDIENCE)


async def code_of(verifier: TokenVerifier, text: str) -> str:
    with pytest.raises(Unauthorized) as caught:
        await verifier.verify(text)
    assert caught.value.headers["WWW-Authenticate"].startswith("Bearer")
    return caught.value.code


def test_the_spelling_of_the_attacks_is_what_they_say() -> None:
    assert SIGNATURE[-1] in "AQgw"  # 64 bytes leave four bits that mean nothing
    assert {"+", "/"} <= set(ATTACKS["the plain alphabet"])


async def test_a_good_token_says_who_it_is(verifier: TokenVerifier) -> None:
    expected = Claims(UUID(SUB), UUID(SID), "a1", "alice", NOW, NOW + 900)
    assert await verifier.verify(token()) == expected
    assert await verifier.verify(token()) == expected  # from the cache


def hmac_with_the_public_key(algorithm: str) -> str:
    public = KEY.public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    message = f"{encode(json.dumps({**HEADER, 'alg': algorithm}).encode())}.{encode(json.dumps(CLAIMS).encode())}"
    return f"{message}.{encode(hmac.new(pem, message.encode(), hashlib.sha256).digest())}"


def unsigned(algorithm: str) -> str:
    return f"{encode(json.dumps({**HEADER, 'alg': algorithm}).encode())}.{encode(json.dumps(CLAIMS).encode())}."


GOOD = token()
HEAD, BODY, SIGNATURE = GOOD.split(".")
PAYLOAD = json.dumps(CLAIMS).encode()
TOP = json.dumps(HEADER).encode()
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))

ATTACKS = {
    # the algorithm and the signature
    "alg none": unsigned("none"),
    "alg None": unsigned("None"),
    "alg NONE with a signature": token({"alg": "NONE"}),
    "alg absent": token({"alg": ABSENT}),
    "alg a list": token({"alg": ["EdDSA"]}),
    "HS256 with the public key": hmac_with_the_public_key("HS256"),
    "EdDSA with an HMAC": hmac_with_the_public_key("EdDSA"),
    "RS256": token({"alg": "RS256"}),
    "ES256": token({"alg": "ES256"}),
    "signature stripped": f"{HEAD}.{BODY}.",
    "signature and dot stripped": f"{HEAD}.{BODY}",
    "signature of zeros": f"{HEAD}.{BODY}.{encode(bytes(64))}",
    "signature cut short": f"{HEAD}.{BODY}.{encode(bytes(63))}",
    "signature of another token": f"{HEAD}.{BODY}.{token(claims={'jti': 'a2'}).split('.')[2]}",
    "signature with other spare bits": f"{HEAD}.{BODY}.{SIGNATURE[:-1]}{chr(ord(SIGNATURE[-1]) + 1)}",
    "claims exchanged": f"{HEAD}.{encode(json.dumps({**CLAIMS, 'username': 'root'}).encode())}.{SIGNATURE}",
    "another key": token(key=OTHER),
    # the header
    "typ absent": token({"typ": ABSENT}),
    "typ JWT": token({"typ": "JWT"}),
    "typ of a refresh token": token({"typ": "rt+jwt"}),
    "typ in capitals": token({"typ": "AT+JWT"}),
    "unknown crit": token({"crit": ["exp2"], "exp2": 1}),
    "empty crit": token({"crit": []}),
    "crit that the library knows": token({"crit": ["b64"], "b64": True}),
    "detached payload": token({"b64": False}),
    "own key in the header": token(
        {"jwk": {"kty": "OKP", "crv": "Ed25519", "x": encode(OTHER.public_key().public_bytes_raw())}}, key=OTHER
    ),
    "address of a key in the header": token({"jku": "http://127.0.0.1:1/jwks.json", "kid": "other"}, key=OTHER),
    "kid absent": token({"kid": ABSENT}),
    "kid null": token({"kid": None}),
    "kid empty": token({"kid": ""}),
    "kid a number": token({"kid": 0}),
    "kid a list": token({"kid": [KID]}),
    "kid an object": token({"kid": {"a": KID}}),
    "kid unknown": token({"kid": "2025-01"}),
    "kid a path": token({"kid": "../../../../dev/null"}),
    "kid SQL": token({"kid": "x' UNION SELECT 'key"}),
    "kid with a NUL": token({"kid": f"{KID}\x00"}),
    "kid long": token({"kid": "k" * 65}),
    "header a list": sign(b"[]", PAYLOAD),
    "header a string": sign(b'"EdDSA"', PAYLOAD),
    "header no JSON": sign(b"{", PAYLOAD),
    "header not UTF-8": sign(b'{"alg":"\xff"}', PAYLOAD),
    "header nested deeply": sign(b'{"a":' * 600 + b"1" + b"}" * 600, b"{}"),
    "header twice the same name": sign(TOP[:-1] + b',"kid":"' + KID.encode() + b'"}', PAYLOAD),
    "header twice a name, once escaped": sign(TOP[:-1] + b',"k\\u0069d":"other"}', PAYLOAD),
    # the claims
    "iss absent": token(claims={"iss": ABSENT}),
    "iss wrong": token(claims={"iss": "parley.example"}),
    "iss a list": token(claims={"iss": [ISSUER]}),
    "aud absent": token(claims={"aud": ABSENT}),
    "aud wrong": token(claims={"aud": "another"}),
    "aud wrong ones": token(claims={"aud": ["another", "third"]}),
    "aud empty": token(claims={"aud": []}),
    "aud a number": token(claims={"aud": 1}),
    "exp absent": token(claims={"exp": ABSENT}),
    "exp null": token(claims={"exp": None}),
    "exp a string": token(claims={"exp": str(NOW + 900)}),
    "exp a float": token(claims={"exp": NOW + 900.5}),
    "exp a whole float": token(claims={"exp": float(NOW + 900)}),
    "exp a boolean": token(claims={"exp": True}),
    "exp a list": token(claims={"exp": [NOW + 900]}),
    "exp huge": token(claims={"exp": 10**18}),
    "exp of 2,000 digits": sign(TOP, PAYLOAD.replace(str(NOW + 900).encode(), b"9" * 2_000)),
    "exp of 2,300 digits and a point": sign(TOP, PAYLOAD.replace(str(NOW + 900).encode(), b"9" * 2_300 + b".0")),
    "exp infinite": sign(TOP, PAYLOAD.replace(str(NOW + 900).encode(), b"Infinity")),
    "exp with an exponent": sign(TOP, PAYLOAD.replace(str(NOW + 900).encode(), b"1e400")),
    "exp not a number": sign(TOP, PAYLOAD.replace(str(NOW + 900).encode(), b"NaN")),
    "exp negative": token(claims={"exp": -1}),
    "not a number somewhere": sign(TOP, PAYLOAD[:-1] + b',"x":NaN}'),
    "iat absent": token(claims={"iat": ABSENT}),
    "iat a string": token(claims={"iat": str(NOW)}),
    "iat in the future beyond the skew": token(claims={"iat": NOW + 11}),
    "nbf in the future beyond the skew": token(claims={"nbf": NOW + 11}),
    "nbf a string": token(claims={"nbf": "0"}),
    "sub absent": token(claims={"sub": ABSENT}),
    "sub a number": token(claims={"sub": 1}),
    "sub no id": token(claims={"sub": "alice"}),
    "sub with braces": token(claims={"sub": "{" + SUB + "}"}),
    "sid absent": token(claims={"sid": ABSENT}),
    "sid null": token(claims={"sid": None}),
    "sid no id": token(claims={"sid": "*"}),
    "jti absent": token(claims={"jti": ABSENT}),
    "jti a number": token(claims={"jti": 1}),
    "username absent": token(claims={"username": ABSENT}),
    "username an object": token(claims={"username": {}}),
    "claims a list": sign(TOP, b"[]"),
    "claims no JSON": sign(TOP, b"claims"),
    "claims twice the same name": sign(TOP, PAYLOAD[:-1] + b',"sub":"' + SUB.encode() + b'"}'),
    "claims twice another value": sign(TOP, PAYLOAD[:-1] + b',"exp":9999999999}'),
    "claims twice a name, deeper": sign(TOP, PAYLOAD[:-1] + b',"x":{"a":1,"a":2}}'),
    "claims nested deeply": sign(TOP, b'{"a":' * 300 + b"1" + b"}" * 300),
    # the form
    "empty": "",
    "dots": "..",
    "one part": "abc",
    "four parts": GOOD + ".x",
    "five parts, as if encrypted": "a.b.c.d.e",
    "too long": token(claims={"x": "x" * 5_000}),
    "1 MB": "e" * 1_000_000,
    "white space before": " " + GOOD,
    "white space after": GOOD + "\n",
    "white space inside": f"{HEAD}. {BODY}.{SIGNATURE}",
    "white space in the signature": f"{HEAD}.{BODY}.{SIGNATURE[:40]}\n{SIGNATURE[40:]}",
    "a stray character in the signature": f"{HEAD}.{BODY}.{SIGNATURE[:40]}!{SIGNATURE[40:]}",
    "padding": GOOD + "==",
    "padding in the header": f"{HEAD}==.{BODY}.{SIGNATURE}",
    "NUL": GOOD + "\x00",
    "beyond ASCII": f"{HEAD}.{BODY}.{SIGNATURE[:-1]}é",
    "wide digits": GOOD.replace("1", "\uff11"),
    "a lone surrogate": f"{GOOD}\ud800",
    "the plain alphabet": sign(TOP, PAYLOAD[:-1] + b',"x":"???>>>???>>>"}', spell=base64.b64encode),
    "quoted": f'"{GOOD}"',
    "with its scheme": f"Bearer {GOOD}",
}


@pytest.mark.parametrize("name", ATTACKS)
async def test_the_attack_is_refused(verifier: TokenVerifier, name: str) -> None:
    assert await code_of(verifier, ATTACKS[name]) == "token_invalid"
    assert await code_of(verifier, ATTACKS[name]) == "token_invalid"  # nothing of it was remembered


ACCEPTED = {
    "audiences with ours among them": token(claims={"aud": ["another", AUDIENCE]}),
    "more claims": token(claims={"scope": "chat", "nested": {"a": [1, None]}}),
    "an id in capitals": token(claims={"sub": SUB.upper()}),
    "iat in the future within the skew": token(claims={"iat": NOW + 9}),
    "nbf in the future within the skew": token(claims={"nbf": NOW + 9}),
    "the last second": token(claims={"exp": NOW + 1}),
}


@pytest.mark.parametrize("name", ACCEPTED)
async def test_the_variation_is_accepted(verifier: TokenVerifier, name: str) -> None:
    assert (await verifier.verify(ACCEPTED[name])).user_id == UUID(SUB)


@pytest.mark.parametrize("ago", [0, 1, 9, 11, 10**6])
async def test_an_expired_token_says_that_it_has_expired(verifier: TokenVerifier, ago: int) -> None:
    """Without any leeway: that is for clocks which run ahead, not for tokens that come late."""
    assert await code_of(verifier, token(claims={"exp": NOW - ago, "iat": NOW - ago - 900})) == "token_expired"


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
    verifier = TokenVerifier(StaticKeys({KID: KEY.public_key()}), issuer=ISSUER, audience=AUDIENCE)
    assert await code_of(verifier, text) == "token_invalid"


@given(st.binary(max_size=60), st.binary(max_size=60))
async def test_no_signed_bytes_are_more_than_invalid(header: bytes, payload: bytes) -> None:
    verifier = TokenVerifier(StaticKeys({KID: KEY.public_key()}), issuer=ISSUER, audience=AUDIENCE)
    assert await code_of(verifier, sign(header, payload)) == "token_invalid"
    assert await code_of(verifier, sign(TOP, payload)) == "token_invalid"
