"""Access tokens: verified by every service itself, strictly (RFC 9068, RFC 8725).

PyJWT checks the signature, the audience, the issuer and the times; what it leaves open is closed here: length, one
algorithm, `typ`, known keys only, no critical headers, no duplicate names, integer times.
"""

import asyncio
import base64
import binascii
import hashlib
import json
import logging
import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Protocol
from uuid import UUID

import httpx
import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from .ids import parse_uuid
from .problems import Unauthorized, Unavailable

logger = logging.getLogger(__name__)

ALGORITHM = "EdDSA"
TYPE = "at+jwt"
MAX_TOKEN_BYTES = 4096
MAX_SKEW_SECONDS = 10  # how far ahead another host's clock may be
_REQUIRED = ("iss", "aud", "sub", "sid", "jti", "iat", "exp", "username")


class Claims(msgspec.Struct, frozen=True):
    """Who a token speaks for."""

    user_id: UUID
    session_id: UUID
    token_id: str
    username: str
    issued_at: int  # seconds since the epoch
    expires_at: int


class KeySource(Protocol):
    """Where public keys come from."""

    async def key(self, kid: str) -> Ed25519PublicKey | None:
        """The key of that id, None when there is no such key; raises Unavailable when it cannot be known now."""


class TokenVerifier:
    """Turns a token into claims.

    Arguments:
        keys: the public keys.
        issuer: the only accepted `iss`.
        audience: the only accepted `aud`.
        cache_size: how many verified tokens are remembered, by their hash and until they expire.
    """

    def __init__(self, keys: KeySource, *, issuer: str, audience: str, cache_size: int = 10_000) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._cache_size = cache_size
        self._cache: OrderedDict[bytes, Claims] = OrderedDict()

    async def verify(self, token: str) -> Claims:
        """The claims of `token`.

        Raises:
            Unauthorized: with code `token_expired` when that is the only thing wrong, else `token_invalid`.
            Unavailable: its key is not known and cannot be fetched now.
        """
        if len(token) > MAX_TOKEN_BYTES:
            raise _invalid("the token is too long")
        digest = hashlib.sha256(token.encode()).digest()
        if (claims := self._cache.get(digest)) is not None:
            if claims.expires_at > time.time():
                return claims
            del self._cache[digest]
            raise _expired()
        claims = await self._verify(token)
        self._cache[digest] = claims
        if len(self._cache) > self._cache_size:
            self._cache.popitem(last=False)
        return claims

    async def _verify(self, token: str) -> Claims:
        parts = token.split(".")
        if len(parts) != 3 or not token.isascii():
            raise _invalid("this is not a token")
        header = _json_object(parts[0])
        if header.get("alg") != ALGORITHM or header.get("typ") != TYPE or "crit" in header:
            raise _invalid("the token is of another kind")
        kid = header.get("kid")
        if not isinstance(kid, str) or not 0 < len(kid) <= 64:
            raise _invalid("the token names no key")
        key = await self._keys.key(kid)
        if key is None:
            raise _invalid("the token's key is not ours")
        payload = _json_object(parts[1])
        for name in ("iat", "exp", "nbf"):
            if name in payload and type(payload[name]) is not int:
                raise _invalid("a time is not an integer")
        try:
            jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                audience=self._audience,
                issuer=self._issuer,
                leeway=MAX_SKEW_SECONDS,
                options={"require": list(_REQUIRED)},
            )
        except jwt.ExpiredSignatureError:
            raise _expired() from None
        except (jwt.InvalidTokenError, ValueError, TypeError, OverflowError):
            raise _invalid("the token is not valid") from None
        if payload["exp"] <= time.time():  # the leeway is for clocks that run ahead, not for late tokens
            raise _expired()
        return _claims(payload)


class StaticKeys:
    """Keys that are at hand: the auth service's own, and tests."""

    def __init__(self, keys: dict[str, Ed25519PublicKey]) -> None:
        self.keys = keys

    async def key(self, kid: str) -> Ed25519PublicKey | None:
        """The key of that id, if it is one of ours."""
        return self.keys.get(kid)


class RemoteKeys:
    """The auth service's JWKS, cached: refreshed every `refresh_seconds`, and at most once per `min_gap_seconds` when a
    token names a key that is not known yet (a rotation). While auth is away the known keys stay good."""

    def __init__(
        self, client: httpx.AsyncClient, url: str, *, refresh_seconds: float = 300, min_gap_seconds: float = 2
    ) -> None:
        self._client = client
        self._url = url
        self._refresh_seconds = refresh_seconds
        self._min_gap_seconds = min_gap_seconds
        self._keys: dict[str, Ed25519PublicKey] = {}
        self._fetched_at = float("-inf")  # monotonic
        self._tried_at = float("-inf")
        self._lock = asyncio.Lock()

    async def key(self, kid: str) -> Ed25519PublicKey | None:
        """See KeySource."""
        if kid not in self._keys or time.monotonic() - self._fetched_at > self._refresh_seconds:
            await self._refresh(kid)
        found = self._keys.get(kid)
        if found is None and self._fetched_at < self._tried_at:
            raise Unavailable("Tokens cannot be checked right now.", code="keys_unavailable")
        return found

    async def _refresh(self, kid: str) -> None:
        async with self._lock:
            now = time.monotonic()
            fresh = now - self._fetched_at <= self._refresh_seconds
            if (kid in self._keys and fresh) or now - self._tried_at < self._min_gap_seconds:
                return
            self._tried_at = now
            try:
                response = await self._client.get(self._url)
                response.raise_for_status()
                self._keys = parse_jwks(response.content)
                self._fetched_at = self._tried_at
            except (httpx.HTTPError, ValueError) as error:
                logger.warning("could not fetch the signing keys", extra={"error": repr(error)})


def parse_jwks(document: bytes) -> dict[str, Ed25519PublicKey]:
    """The Ed25519 keys of a JWK set (RFC 8037), by `kid`; other kinds of key are left out.

    Raises:
        ValueError: not a JWK set.
    """
    parsed = msgspec.json.decode(document)
    if not isinstance(parsed, dict) or not isinstance(parsed.get("keys"), list):
        raise ValueError("not a JWK set")
    keys = {}
    for jwk in parsed["keys"]:
        if isinstance(jwk, dict) and jwk.get("kty") == "OKP" and jwk.get("crv") == "Ed25519" and jwk.get("kid"):
            keys[str(jwk["kid"])] = Ed25519PublicKey.from_public_bytes(_decode_base64(str(jwk["x"])))
    return keys


def bearer_token(authorization: Sequence[str]) -> str:
    """The token of the request's `Authorization` headers.

    Raises:
        Unauthorized: there is none, another scheme, or more than one.
    """
    if len(authorization) != 1:
        raise Unauthorized()
    scheme, _, token = authorization[0].partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthorized()
    return token.strip()


def _claims(payload: dict[str, Any]) -> Claims:
    user_id, session_id = (
        parse_uuid(payload[name]) if isinstance(payload[name], str) else None for name in ("sub", "sid")
    )
    username, token_id = payload["username"], payload["jti"]
    if user_id is None or session_id is None or not isinstance(username, str) or not isinstance(token_id, str):
        raise _invalid("a claim has another form")
    return Claims(user_id, session_id, token_id, username, payload["iat"], payload["exp"])


def _json_object(part: str) -> dict[str, Any]:
    try:
        value = json.loads(_decode_base64(part), object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise _invalid("this is not a token") from None
    if not isinstance(value, dict):
        raise _invalid("this is not a token")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("duplicate name")
    return value


def _no_constant(text: str) -> None:
    raise ValueError(text)


def _decode_base64(part: str) -> bytes:
    try:
        return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("not base64url") from error


def _invalid(detail: str) -> Unauthorized:
    return Unauthorized(f"Not accepted: {detail}.", code="token_invalid")


def _expired() -> Unauthorized:
    return Unauthorized("The access token has expired; refresh it.", code="token_expired")
