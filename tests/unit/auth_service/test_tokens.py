"""Access tokens and the chain of refresh tokens."""

import time
from pathlib import Path
from uuid import uuid4

import jwt
import pytest

from auth_service import keys, tokens
from auth_service.keyring import KeyRing
from chassis.problems import Unauthorized
from chassis.tokens import TokenVerifier


@pytest.fixture
async def ring(tmp_path: Path) -> KeyRing:
    """Keys."""
    keys.create(tmp_path / "keys.json")
    ring = KeyRing(tmp_path / "keys.json")
    await ring.start()
    return ring


async def test_an_access_token_passes_the_check_that_every_service_makes(ring: KeyRing) -> None:
    user, session = uuid4(), uuid4()
    issuer = tokens.TokenIssuer(ring, issuer="us", audience="them", lifetime_seconds=900)
    token = issuer.issue(user, "ada", session)
    claims = await TokenVerifier(ring, issuer="us", audience="them").verify(token.token)
    assert (claims.user_id, claims.session_id, claims.username) == (user, session, "ada")
    assert token.expires_in == 900
    assert abs(claims.issued_at - time.time()) < 5
    assert claims.expires_at == claims.issued_at + 900
    header = jwt.get_unverified_header(token.token)
    assert header == {"alg": "EdDSA", "typ": "at+jwt", "kid": ring.signing_key()[0]}


async def test_an_access_token_is_for_one_audience_of_one_issuer(ring: KeyRing) -> None:
    token = tokens.TokenIssuer(ring, issuer="us", audience="them", lifetime_seconds=900).issue(uuid4(), "ada", uuid4())
    for issuer, audience in (("us", "others"), ("others", "them")):
        with pytest.raises(Unauthorized):
            await TokenVerifier(ring, issuer=issuer, audience=audience).verify(token.token)


def test_the_successor_is_the_same_for_the_same_nonce_only() -> None:
    token, nonce = tokens.new_secret(), tokens.new_nonce()
    assert tokens.successor(token, nonce) == tokens.successor(token, nonce)
    assert tokens.successor(token, tokens.new_nonce()) != tokens.successor(token, nonce)
    assert tokens.successor(tokens.new_secret(), nonce) != tokens.successor(token, nonce)
    assert len(tokens.successor(token, nonce)) == len(token) == 43


def test_secrets_are_long_and_differ() -> None:
    assert len({tokens.new_secret() for _ in range(100)}) == 100
    assert len(tokens.new_nonce()) == 32
    assert len(tokens.digest("x")) == 32
