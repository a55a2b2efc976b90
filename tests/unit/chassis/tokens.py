"""Tokens for the tests of their verification: made by hand, so that anything can be wrong with them."""

import base64
import json
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ISSUER, AUDIENCE, KID = "parley", "parley-clients", "2026-01"
SUB, SID = "01890a5d-ac96-774b-bcce-b302099a8057", "01890a5d-ac96-774b-bcce-b302099a8058"
NOW = 1_800_000_000
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
HEADER = {"alg": "EdDSA", "typ": "at+jwt", "kid": KID}
CLAIMS = {
    "iss": ISSUER,
    "aud": AUDIENCE,
    "sub": SUB,
    "sid": SID,
    "jti": "a1",
    "iat": NOW,
    "exp": NOW + 900,
    "username": "alice",
}
ABSENT = object()


def encode(data: bytes, spell: Callable[[bytes], bytes] = base64.urlsafe_b64encode) -> str:
    return spell(data).rstrip(b"=").decode()


def sign(
    header: bytes,
    payload: bytes,
    key: Ed25519PrivateKey = KEY,
    spell: Callable[[bytes], bytes] = base64.urlsafe_b64encode,
) -> str:
    """A token whose two documents are exactly these, with a good signature."""
    message = f"{encode(header, spell)}.{encode(payload, spell)}"
    return f"{message}.{encode(key.sign(message.encode()), spell)}"


def token(header: dict[str, Any] | None = None, claims: dict[str, Any] | None = None, **options: Any) -> str:
    """A good token but for these changes; ABSENT leaves a name out."""
    return sign(_json(HEADER, header), _json(CLAIMS, claims), **options)


def _json(base: dict[str, Any], changes: dict[str, Any] | None) -> bytes:
    merged = {name: value for name, value in {**base, **(changes or {})}.items() if value is not ABSENT}
    return json.dumps(merged).encode()
