"""Where the public keys come from that access tokens are checked with."""

import asyncio
import base64
import contextvars
import logging
import time
from typing import Protocol

import httpx
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from .problems import Unavailable

logger = logging.getLogger(__name__)

FETCH_SECONDS = 3.0
STALE_SECONDS = 0.3  # how long a request waits for fresher keys than those at hand
FIRST_GAP_SECONDS = 0.2  # between attempts while there is no key at all: nobody is let in before


class KeySource(Protocol):
    """Where public keys come from."""

    async def key(self, kid: str) -> Ed25519PublicKey | None:
        """The key of that id, None when there is no such key; raises Unavailable when it cannot be known now."""


class StaticKeys:
    """Keys that are at hand: the auth service's own, and tests."""

    def __init__(self, keys: dict[str, Ed25519PublicKey]) -> None:
        self.keys = keys

    async def key(self, kid: str) -> Ed25519PublicKey | None:
        """The key of that id, if it is one of ours."""
        return self.keys.get(kid)


class RemoteKeys:
    """The auth service's JWKS, cached; while auth is away the known keys stay good.

    Arguments:
        client: whose timeouts apply, within FETCH_SECONDS.
        url: of the JWKS.
        refresh_seconds: how old the keys may become.
        min_gap_seconds: between the end of one fetch and the next, which a token with an unknown key asks for; less
            until the first has succeeded.
    """

    def __init__(
        self, client: httpx.AsyncClient, url: str, *, refresh_seconds: float = 300, min_gap_seconds: float = 2
    ) -> None:
        self._client = client
        self._url = url
        self._refresh_seconds = refresh_seconds
        self._min_gap_seconds = min_gap_seconds
        self._keys: dict[str, Ed25519PublicKey] = {}
        self._fetched_at = float("-inf")  # monotonic; the last success
        self._tried_at = float("-inf")  # the last end, good or bad
        self._failing = False
        self._fetching: asyncio.Task[None] | None = None

    async def key(self, kid: str) -> Ed25519PublicKey | None:
        """See KeySource."""
        if kid in self._keys:
            stale = time.monotonic() - self._fetched_at > self._refresh_seconds
            if stale and self._fetching is None and (task := self._fetch()) is not None:
                await asyncio.wait({task}, timeout=STALE_SECONDS)  # a key may have been withdrawn
            return self._keys.get(kid)
        if (task := self._fetch()) is not None:
            await asyncio.wait({task})
        found = self._keys.get(kid)
        if found is None and self._failing:
            raise Unavailable("Tokens cannot be checked right now.", code="keys_unavailable")
        return found

    def _fetch(self) -> "asyncio.Task[None] | None":
        """The fetch that is running or begins now; None if the last one has only just ended."""
        gap = self._min_gap_seconds if self._keys else min(FIRST_GAP_SECONDS, self._min_gap_seconds)
        if self._fetching is None and time.monotonic() - self._tried_at >= gap:
            # Its own context: it belongs to no request, and one that is cancelled does not end it for the others.
            self._fetching = asyncio.get_running_loop().create_task(self._run(), context=contextvars.Context())
        return self._fetching

    async def _run(self) -> None:
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                response = await self._client.get(self._url)
                response.raise_for_status()
            self._keys = parse_jwks(response.content)
            self._fetched_at = time.monotonic()
            self._failing = False
        except (httpx.HTTPError, TimeoutError, ValueError, RuntimeError) as error:  # the last: the client is closed
            self._failing = True
            logger.warning("could not fetch the signing keys", extra={"error": repr(error)})
        finally:
            self._tried_at = time.monotonic()
            self._fetching = None


def parse_jwks(document: bytes) -> dict[str, Ed25519PublicKey]:
    """The Ed25519 keys of a JWK set (RFC 8037), by `kid`; other kinds of key are left out.

    Raises:
        ValueError: not a JWK set, or one without any key for us, which nobody means.
    """
    parsed = msgspec.json.decode(document)
    if not isinstance(parsed, dict) or not isinstance(parsed.get("keys"), list):
        raise ValueError("not a JWK set")
    keys = {}
    for jwk in parsed["keys"]:
        if isinstance(jwk, dict) and jwk.get("kty") == "OKP" and jwk.get("crv") == "Ed25519" and jwk.get("kid"):
            keys[str(jwk["kid"])] = Ed25519PublicKey.from_public_bytes(decode_base64url(str(jwk.get("x", ""))))
    if not keys:
        raise ValueError("a JWK set without an Ed25519 key")
    return keys


def decode_base64url(text: str) -> bytes:
    """The bytes that `text` stands for in its one canonical spelling: no padding, no white space, no stray bits.

    Raises:
        ValueError: it is spelt in another way.
    """
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError as error:
        raise ValueError("not base64url") from error
    if base64.urlsafe_b64encode(data).rstrip(b"=").decode() != text:
        raise ValueError("not the canonical base64url")
    return data
