"""Access tokens for tests: made by hand, so that anything can be wrong with them.

With the key that really signs: an attack that only a stranger could make would be refused for its signature alone, and
show nothing of the other checks.
"""

import base64
import json
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.internal import TOKEN_AUDIENCE, TOKEN_ISSUER

ALGORITHM, TYPE = "EdDSA", "at+jwt"
ABSENT = object()


class Forge:
    """Makes tokens of one user's session, good ones but for what is changed.

    Arguments:
        key: signs, and is known by `kid` to whoever checks.
        sub, sid: the user and his session.
        now: seconds since the epoch.
        others: ids of keys that are published too.
    """

    def __init__(
        self, key: Ed25519PrivateKey, kid: str, *, sub: str, sid: str, username: str, now: int, others: list[str]
    ) -> None:
        self.key = key
        self.kid = kid
        self.now = now
        self.others = others
        self.header: dict[str, Any] = {"alg": ALGORITHM, "typ": TYPE, "kid": kid}
        self.claims: dict[str, Any] = {
            "iss": TOKEN_ISSUER,
            "aud": TOKEN_AUDIENCE,
            "sub": sub,
            "sid": sid,
            "jti": "a1",
            "iat": now,
            "exp": now + 900,
            "username": username,
        }

    @property
    def top(self) -> bytes:
        """The header of a good token."""
        return json.dumps(self.header).encode()

    @property
    def payload(self) -> bytes:
        """The claims of a good token."""
        return json.dumps(self.claims).encode()

    def sign(
        self,
        header: bytes,
        payload: bytes,
        key: Ed25519PrivateKey | None = None,
        spell: Callable[[bytes], bytes] = base64.urlsafe_b64encode,
    ) -> str:
        """A token whose two documents are exactly these, with a good signature."""
        message = f"{encode(header, spell)}.{encode(payload, spell)}"
        return f"{message}.{encode((key or self.key).sign(message.encode()), spell)}"

    def token(self, header: dict[str, Any] | None = None, claims: dict[str, Any] | None = None, **options: Any) -> str:
        """A good token but for these changes; ABSENT leaves a name out."""
        return self.sign(_changed(self.header, header), _changed(self.claims, claims), **options)


def encode(data: bytes, spell: Callable[[bytes], bytes] = base64.urlsafe_b64encode) -> str:
    """Base64 without padding."""
    return spell(data).rstrip(b"=").decode()


def _changed(base: dict[str, Any], changes: dict[str, Any] | None) -> bytes:
    merged = {name: value for name, value in {**base, **(changes or {})}.items() if value is not ABSENT}
    return json.dumps(merged).encode()


def example() -> Forge:
    """One that is the same everywhere."""
    return Forge(
        Ed25519PrivateKey.from_private_bytes(bytes(range(32))),
        "2026-01",
        sub="01890a5d-ac96-774b-bcce-b302099a8057",
        sid="01890a5d-ac96-774b-bcce-b302099a8058",
        username="alice",
        now=1_800_000_000,
        others=["2026-02"],
    )
