"""What tokens are made of: signed access tokens (RFC 9068), opaque refresh tokens, tickets."""

import hashlib
import hmac
import secrets
import time
from base64 import urlsafe_b64encode
from uuid import UUID

import jwt

from chassis.ids import uuid7
from chassis.tokens import ALGORITHM, TYPE

from .keyring import KeyRing
from .model import AccessToken

NONCE_BYTES = 32


class TokenIssuer:
    """Signs access tokens.

    Arguments:
        keys: what to sign with.
        issuer: the `iss` claim.
        audience: the `aud` claim.
        lifetime_seconds: from now to `exp`.
    """

    def __init__(self, keys: KeyRing, *, issuer: str, audience: str, lifetime_seconds: int) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._lifetime_seconds = lifetime_seconds

    def issue(self, user_id: UUID, username: str, session_id: UUID) -> AccessToken:
        """A new access token of a session."""
        kid, key = self._keys.signing_key()
        now = int(time.time())
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": str(user_id),
            "sid": str(session_id),
            "jti": uuid7().hex,
            "iat": now,
            "exp": now + self._lifetime_seconds,
            "username": username,
        }
        token = jwt.encode(claims, key, algorithm=ALGORITHM, headers={"kid": kid, "typ": TYPE})
        return AccessToken(token, self._lifetime_seconds)


def new_secret() -> str:
    """256 bits that nobody can guess, for a refresh token or a ticket."""
    return secrets.token_urlsafe(32)


def new_nonce() -> bytes:
    """What makes one successor of a refresh token differ from another."""
    return secrets.token_bytes(NONCE_BYTES)


def digest(secret: str) -> bytes:
    """What is stored of a secret. It is random, so a plain hash is enough."""
    return hashlib.sha256(secret.encode()).digest()


def successor(refresh_token: str, nonce: bytes) -> str:
    """The refresh token that replaces `refresh_token`.

    It takes both to compute it: the token, which only its client has, and the nonce, which is only in the database.
    """
    return urlsafe_b64encode(hmac.digest(refresh_token.encode(), b"successor" + nonce, "sha256")).rstrip(b"=").decode()
