"""The attack table for access tokens: one list for the function that checks them and for every door of every process.

All but those of `OTHER` are signed by the key that is in use.
"""

import base64
import hashlib
import hmac
import json

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.internal import TOKEN_ISSUER
from tests.support.tokens import ABSENT, Forge, encode

OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
OWN_KEY = {"kty": "OKP", "crv": "Ed25519", "x": encode(OTHER.public_key().public_bytes_raw())}
GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493  # of Ed25519, RFC 8032 section 5.1


def attacks(forge: Forge) -> dict[str, str]:
    """Tokens by what is wrong with them; each must be `token_invalid`."""
    good = forge.token()
    head, body, signature = good.split(".")
    top, payload, now, kid, sub = forge.top, forge.payload, forge.now, forge.kid, forge.claims["sub"]
    end = str(forge.claims["exp"]).encode()
    return {
        # the algorithm and the signature
        "alg none": unsigned(forge, "none"),
        "alg None": unsigned(forge, "None"),
        "alg NONE with a signature": forge.token({"alg": "NONE"}),
        "alg absent": forge.token({"alg": ABSENT}),
        "alg a list": forge.token({"alg": ["EdDSA"]}),
        "HS256 with the public key": hmac_with_the_public_key(forge, "HS256"),
        "HS256 with the public key as it is published": hmac_with_the_public_key(forge, "HS256", raw=True),
        "EdDSA with an HMAC": hmac_with_the_public_key(forge, "EdDSA"),
        "RS256": forge.token({"alg": "RS256"}),
        "ES256": forge.token({"alg": "ES256"}),
        "signature stripped": f"{head}.{body}.",
        "signature and dot stripped": f"{head}.{body}",
        "signature of zeros": f"{head}.{body}.{encode(bytes(64))}",
        "signature cut short": f"{head}.{body}.{encode(bytes(63))}",
        "signature of another token": f"{head}.{body}.{forge.token(claims={'jti': 'a2'}).split('.')[2]}",
        "signature with other spare bits": f"{head}.{body}.{signature[:-1]}{chr(ord(signature[-1]) + 1)}",
        "claims exchanged": f"{head}.{encode(json.dumps({**forge.claims, 'username': 'root'}).encode())}.{signature}",
        "signature in its other form": f"{head}.{body}.{malleated(signature)}",
        "another key": forge.token(key=OTHER),
        "another issuer with a key of its own": forge.token(claims={"iss": "https://login.example.org"}, key=OTHER),
        # the header
        "typ absent": forge.token({"typ": ABSENT}),
        "typ JWT": forge.token({"typ": "JWT"}),
        "typ of a refresh token": forge.token({"typ": "rt+jwt"}),
        "typ in capitals": forge.token({"typ": "AT+JWT"}),
        "unknown crit": forge.token({"crit": ["exp2"], "exp2": 1}),
        "empty crit": forge.token({"crit": []}),
        "crit that the library knows": forge.token({"crit": ["b64"], "b64": True}),
        "detached payload": forge.token({"b64": False}),
        "jwk: own key in the header": forge.token({"jwk": OWN_KEY}, key=OTHER),
        "jwk: own key of another id": forge.token({"jwk": {**OWN_KEY, "kid": "mine"}, "kid": "mine"}, key=OTHER),
        "jku: address of own keys": forge.token({"jku": "http://127.0.0.1:1/jwks.json"}, key=OTHER),
        "jku: address of own keys, another id": forge.token({"jku": "http://127.0.0.1:1/k", "kid": "mine"}, key=OTHER),
        "x5u: address of own certificate": forge.token({"x5u": "http://127.0.0.1:1/cert.pem"}, key=OTHER),
        "x5c: own certificate": forge.token({"x5c": ["MIIB"], "x5t": "AAAA"}, key=OTHER),
        "kid of another key of ours": forge.token({"kid": forge.others[0]}),
        "kid absent": forge.token({"kid": ABSENT}),
        "kid null": forge.token({"kid": None}),
        "kid empty": forge.token({"kid": ""}),
        "kid a number": forge.token({"kid": 0}),
        "kid a list": forge.token({"kid": [kid]}),
        "kid an object": forge.token({"kid": {"a": kid}}),
        "kid unknown": forge.token({"kid": "2025-01"}),
        "kid a path": forge.token({"kid": "../../../../dev/null"}),
        "kid SQL": forge.token({"kid": "x' UNION SELECT 'key"}),
        "kid with a NUL": forge.token({"kid": f"{kid}\x00"}),
        "kid long": forge.token({"kid": "k" * 65}),
        "header a list": forge.sign(b"[]", payload),
        "header a string": forge.sign(b'"EdDSA"', payload),
        "header no JSON": forge.sign(b"{", payload),
        "header not UTF-8": forge.sign(b'{"alg":"\xff"}', payload),
        "header nested deeply": forge.sign(b'{"a":' * 600 + b"1" + b"}" * 600, b"{}"),
        "header twice the same name": forge.sign(top[:-1] + b',"kid":"' + kid.encode() + b'"}', payload),
        "header twice a name, once escaped": forge.sign(top[:-1] + b',"k\\u0069d":"other"}', payload),
        # the claims
        "iss absent": forge.token(claims={"iss": ABSENT}),
        "iss wrong": forge.token(claims={"iss": "parley.example"}),
        "iss a list": forge.token(claims={"iss": [TOKEN_ISSUER]}),
        "aud absent": forge.token(claims={"aud": ABSENT}),
        "aud wrong": forge.token(claims={"aud": "another"}),
        "aud wrong ones": forge.token(claims={"aud": ["another", "third"]}),
        "aud empty": forge.token(claims={"aud": []}),
        "aud a number": forge.token(claims={"aud": 1}),
        "exp absent": forge.token(claims={"exp": ABSENT}),
        "exp null": forge.token(claims={"exp": None}),
        "exp a string": forge.token(claims={"exp": str(now + 900)}),
        "exp a float": forge.token(claims={"exp": now + 900.5}),
        "exp a whole float": forge.token(claims={"exp": float(now + 900)}),
        "exp a boolean": forge.token(claims={"exp": True}),
        "exp a list": forge.token(claims={"exp": [now + 900]}),
        "exp huge": forge.token(claims={"exp": 10**18}),
        "exp of 2,000 digits": forge.sign(top, payload.replace(end, b"9" * 2_000)),
        "exp of 2,300 digits and a point": forge.sign(top, payload.replace(end, b"9" * 2_300 + b".0")),
        "exp infinite": forge.sign(top, payload.replace(end, b"Infinity")),
        "exp with an exponent": forge.sign(top, payload.replace(end, b"1e400")),
        "exp not a number": forge.sign(top, payload.replace(end, b"NaN")),
        "exp negative": forge.token(claims={"exp": -1}),
        "not a number somewhere": forge.sign(top, payload[:-1] + b',"x":NaN}'),
        "iat absent": forge.token(claims={"iat": ABSENT}),
        "iat a string": forge.token(claims={"iat": str(now)}),
        "iat in the future": forge.token(claims={"iat": now + 300}),
        "nbf in the future": forge.token(claims={"nbf": now + 300}),
        "nbf a string": forge.token(claims={"nbf": "0"}),
        "sub absent": forge.token(claims={"sub": ABSENT}),
        "sub a number": forge.token(claims={"sub": 1}),
        "sub no id": forge.token(claims={"sub": "alice"}),
        "sub with braces": forge.token(claims={"sub": "{" + sub + "}"}),
        "sid absent": forge.token(claims={"sid": ABSENT}),
        "sid null": forge.token(claims={"sid": None}),
        "sid no id": forge.token(claims={"sid": "*"}),
        "jti absent": forge.token(claims={"jti": ABSENT}),
        "jti a number": forge.token(claims={"jti": 1}),
        "username absent": forge.token(claims={"username": ABSENT}),
        "username an object": forge.token(claims={"username": {}}),
        "claims a list": forge.sign(top, b"[]"),
        "claims no JSON": forge.sign(top, b"claims"),
        "claims twice the same name": forge.sign(top, payload[:-1] + b',"sub":"' + sub.encode() + b'"}'),
        "claims twice another value": forge.sign(top, payload[:-1] + b',"exp":9999999999}'),
        "claims twice a name, deeper": forge.sign(top, payload[:-1] + b',"x":{"a":1,"a":2}}'),
        "claims nested deeply": forge.sign(top, b'{"a":' * 300 + b"1" + b"}" * 300),
        # the form
        "empty": "",
        "dots": "..",
        "one part": "abc",
        "four parts": good + ".x",
        "five parts, as if encrypted": "a.b.c.d.e",
        "too long": forge.token(claims={"x": "x" * 5_000}),
        "1 MB": "e" * 1_000_000,
        "white space before": " " + good,
        "white space after": good + "\n",
        "white space inside": f"{head}. {body}.{signature}",
        "white space in the signature": f"{head}.{body}.{signature[:40]}\n{signature[40:]}",
        "a stray character in the signature": f"{head}.{body}.{signature[:40]}!{signature[40:]}",
        "padding": good + "==",
        "padding in the header": f"{head}==.{body}.{signature}",
        "NUL": good + "\x00",
        "beyond ASCII": f"{head}.{body}.{signature[:-1]}é",
        "a wide letter": "\uff45" + good[1:],
        "a lone surrogate": f"{good}\ud800",
        "the plain alphabet": forge.sign(top, payload[:-1] + b',"x":"???>>>???>>>"}', spell=base64.b64encode),
        "quoted": f'"{good}"',
        "with its scheme": f"Bearer {good}",
    }


def expired(forge: Forge) -> dict[str, str]:
    """Tokens whose time is over and nothing else; each must be `token_expired`. There is no leeway: that is for clocks
    which run ahead, not for tokens that come late."""
    return {
        f"{ago} s ago": forge.token(claims={"exp": forge.now - ago, "iat": forge.now - ago - 900})
        for ago in (0, 1, 9, 11, 10**6)
    }


def schemes(good: str) -> dict[str, list[str]]:
    """Values of `Authorization` headers that do not carry one token, made of a good one; each must be 401."""
    return {
        "none": [],
        "empty": [""],
        "the token alone": [good],
        "the scheme alone": ["Bearer"],
        "Basic": [f"Basic {good}"],
        "Token": [f"Token {good}"],
        "DPoP": [f"DPoP {good}"],
        "JWT": [f"JWT {good}"],
        "another letter": [f"Bearers {good}"],
        "no space": [f"Bearer{good}"],
        "a colon": [f"Bearer: {good}"],
        "a parameter": [f"Bearer token={good}"],
        "in quotes": [f'Bearer "{good}"'],
        "twice in one": [f"Bearer {good}, Bearer {good}"],
        "two in one": [f"Bearer {good} {good}"],
        "two headers": [f"Bearer {good}", f"Bearer {good}"],
        "another one first": ["Basic YTpi", f"Bearer {good}"],
        "another one behind": [f"Bearer {good}", "Basic YTpi"],
    }


def hmac_with_the_public_key(forge: Forge, algorithm: str, *, raw: bool = False) -> str:
    """A token with an HMAC whose secret is what everybody may know."""
    public = forge.key.public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    header = json.dumps({**forge.header, "alg": algorithm}).encode()
    message = f"{encode(header)}.{encode(forge.payload)}"
    secret = public.public_bytes_raw() if raw else pem
    return f"{message}.{encode(hmac.new(secret, message.encode(), hashlib.sha256).digest())}"


def unsigned(forge: Forge, algorithm: str) -> str:
    """A token without a signature."""
    return f"{encode(json.dumps({**forge.header, 'alg': algorithm}).encode())}.{encode(forge.payload)}."


def malleated(signature: str) -> str:
    """Another number that satisfies the equation of an Ed25519 signature: S + L, which RFC 8032 forbids."""
    raw = base64.urlsafe_b64decode(signature + "==")
    return encode(raw[:32] + (int.from_bytes(raw[32:], "little") + GROUP_ORDER).to_bytes(32, "little"))
