"""The service account: who may send, as a file in Google's form; and the access tokens that it is given."""

import secrets
import time
from pathlib import Path
from typing import Any

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"  # RFC 7523
GOOGLE = "https://oauth2.googleapis.com/token"  # google-auth addresses every assertion to it
TOKEN_SECONDS = 3599
SKEW_SECONDS = 300


class ServiceAccount(msgspec.Struct, frozen=True):
    """What of the file is needed."""

    project_id: str
    private_key_id: str
    private_key: str
    client_email: str
    token_uri: str
    type: str = "service_account"


class Refused(Exception):
    """No access token for this; `str()` says why."""


def create(file: Path, project: str = "parley-local") -> None:
    """Make a service account and write its file, which holds its private key."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    account = ServiceAccount(
        project_id=project,
        private_key_id=secrets.token_hex(20),
        private_key=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        client_email=f"push@{project}.iam.gserviceaccount.com",
        token_uri=GOOGLE,
    )
    unfinished = file.with_suffix(".new")
    unfinished.touch(mode=0o600)
    unfinished.write_bytes(msgspec.json.encode(account))
    unfinished.rename(file)


class Accounts:
    """Gives access tokens for assertions, and knows them again."""

    def __init__(self, account: ServiceAccount) -> None:
        self.account = account
        self._public_key: Any = load_pem_private_key(account.private_key.encode(), None).public_key()
        self._tokens: dict[str, float] = {}  # until when, monotonic

    def grant(self, form: dict[str, str]) -> dict[str, object]:
        """The answer to a request for a token.

        Raises:
            Refused: it is not from this account, or not for this.
        """
        if form.get("grant_type") != GRANT:
            raise Refused("unsupported grant_type")
        assertion = form.get("assertion", "")
        try:
            if jwt.get_unverified_header(assertion).get("kid") != self.account.private_key_id:
                raise Refused("unknown key")
            claims = jwt.decode(
                assertion,
                self._public_key,
                ["RS256"],
                audience=[self.account.token_uri, GOOGLE],
                issuer=self.account.client_email,
                leeway=SKEW_SECONDS,
                options={"require": ["iat", "exp", "iss", "aud"]},
            )
        except jwt.InvalidTokenError as error:
            raise Refused(f"invalid assertion: {error}") from None
        if claims["exp"] - claims["iat"] > 3600:
            raise Refused("the assertion lives too long")
        if SCOPE not in str(claims.get("scope", "")).split():
            raise Refused("the scope is another one")
        token = f"ya29.{secrets.token_urlsafe(32)}"
        self._tokens[token] = time.monotonic() + TOKEN_SECONDS
        return {"access_token": token, "expires_in": TOKEN_SECONDS, "token_type": "Bearer"}

    def knows(self, authorization: str) -> bool:
        """Whether this header carries a token that is good."""
        kind, _, token = authorization.partition(" ")
        return kind == "Bearer" and self._tokens.get(token, 0) > time.monotonic()

    def revoke(self) -> None:
        """End every token, as if their time were over."""
        self._tokens.clear()
