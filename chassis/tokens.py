"""Access tokens: verified by every service itself, strictly (RFC 9068, RFC 8725).

PyJWT checks the signature, the audience, the issuer and the times; what it leaves open is closed here: length, one
algorithm, `typ`, known keys only, no critical headers, no duplicate names, integer times, one spelling.
"""

import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import jwt
import msgspec

from .ids import parse_uuid
from .jwks import KeySource, RemoteKeys, StaticKeys, decode_base64url, parse_jwks
from .problems import Unauthorized

__all__ = ["Claims", "KeySource", "RemoteKeys", "StaticKeys", "TokenVerifier", "bearer_token", "parse_jwks"]

ALGORITHM = "EdDSA"
TYPE = "at+jwt"
MAX_TOKEN_BYTES = 4096
MAX_TIME = 253_402_300_799  # the end of the year 9999
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
        if not token.isascii():
            raise _invalid("this is not a token")
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
        if len(parts) != 3:
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
            if name in payload and (type(payload[name]) is not int or not 0 <= payload[name] <= MAX_TIME):
                raise _invalid("a time is not one in seconds")
        _canonical(parts[2])  # PyJWT would pass over characters that do not belong there
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
        value = json.loads(decode_base64url(part), object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise _invalid("this is not a token") from None
    if not isinstance(value, dict):
        raise _invalid("this is not a token")
    return value


def _canonical(part: str) -> bytes:
    try:
        return decode_base64url(part)
    except ValueError:
        raise _invalid("this is not a token") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("duplicate name")
    return value


def _no_constant(text: str) -> None:
    raise ValueError(text)


def _invalid(detail: str) -> Unauthorized:
    return Unauthorized(f"Not accepted: {detail}.", code="token_invalid")


def _expired() -> Unauthorized:
    return Unauthorized("The access token has expired; refresh it.", code="token_expired")
