"""Checking tokens away from the service that owns the accounts: its keys, ended sessions, its word."""

import asyncio
import logging
from collections.abc import Callable
from typing import NamedTuple
from uuid import UUID

import httpx
import msgspec
from redis.asyncio import Redis

from .problems import Unavailable
from .revocations import Guard, Revocations
from .tokens import RemoteKeys, TokenVerifier

logger = logging.getLogger(__name__)

ASK_SECONDS = 1.0


class Owner(NamedTuple):
    """Where the service that owns accounts is and what it calls things; names come from the contracts."""

    url: str  # its base URL
    jwks_path: str
    session_path: str  # `/{session id}` is appended; answers {"alive": bool}
    issuer: str
    audience: str
    revoked_key: Callable[[UUID], str]
    sentinel_key: str


class _Session(msgspec.Struct):
    alive: bool


def remote_revocations(client: httpx.AsyncClient, redis: "Redis", owner: Owner) -> Revocations:
    """Ended sessions, from Redis or else from the owner."""
    base = owner.url.rstrip("/") + owner.session_path

    async def ask(session_id: UUID) -> bool:
        try:
            async with asyncio.timeout(ASK_SECONDS):
                response = await client.get(f"{base}/{session_id}")
                response.raise_for_status()
            return msgspec.json.decode(response.content, type=_Session).alive
        except (httpx.HTTPError, TimeoutError, msgspec.DecodeError) as error:
            logger.warning("the owner of sessions could not be asked", extra={"error": repr(error)})
            raise Unavailable("Tokens cannot be checked right now.", code="sessions_unavailable") from None

    return Revocations(redis, key=owner.revoked_key, sentinel=owner.sentinel_key, ask=ask)


def remote_verifier(client: httpx.AsyncClient, owner: Owner) -> TokenVerifier:
    """Verifies the owner's tokens with its published keys."""
    keys = RemoteKeys(client, owner.url.rstrip("/") + owner.jwks_path)
    return TokenVerifier(keys, issuer=owner.issuer, audience=owner.audience)


def remote_guard(client: httpx.AsyncClient, redis: "Redis", owner: Owner) -> Guard:
    """What `@bearer` routes and handshakes ask, in every service but the owner."""
    return Guard(remote_verifier(client, owner), remote_revocations(client, redis, owner))
