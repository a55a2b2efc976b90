"""What a provider is, whichever protocol it speaks."""

from typing import Protocol
from urllib.parse import quote_plus

import msgspec
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from .config import ProviderConfig

MAX_SUBJECT = 255


class LoginInvalid(Exception):
    """What came back cannot be believed. `str()` is for the log and has no secrets."""


class Wanted(msgspec.Struct, frozen=True):
    """The secrets of one login, from its beginning to its end."""

    state: str
    nonce: str
    verifier: str  # PKCE, RFC 7636
    callback: str  # our redirect URI


class Answer(msgspec.Struct, frozen=True):
    """What a browser brings back: the state, a code or an error, and who sends it if that is said (RFC 9207)."""

    state: str
    code: str | None
    error: str | None
    issuer: str | None


class ExternalUser(msgspec.Struct, frozen=True):
    """Who somebody is elsewhere. `email` only if the provider has verified it and is believed."""

    subject: str
    email: str | None = None
    username: str = ""
    name: str = ""


class Provider(Protocol):
    """Somebody who vouches for people."""

    config: ProviderConfig

    async def authorization_url(self, wanted: Wanted) -> str:
        """Where the browser goes.

        Raises:
            ProviderAway: that cannot be found out now.
        """

    async def identify(self, wanted: Wanted, code: str, issuer: str | None) -> ExternalUser:
        """Who has come back.

        Arguments:
            code: that he brought.
            issuer: who says that he sent him (RFC 9207), if he does.

        Raises:
            LoginInvalid: it is not true, or not meant for us.
            ProviderRefuses: the code is not good.
            ProviderAway: not now.
        """


def grant_url(endpoint: str, config: ProviderConfig, wanted: Wanted, scope: str, **more: str) -> str:
    """The authorization request (RFC 6749, 4.1.1) with PKCE by S256."""
    return str(
        prepare_grant_uri(
            endpoint,
            config.client_id,
            "code",
            redirect_uri=wanted.callback,
            scope=scope,
            state=wanted.state,
            code_challenge=create_s256_code_challenge(wanted.verifier),
            code_challenge_method="S256",
            **more,
        )
    )


def token_request(
    endpoint: str, config: ProviderConfig, wanted: Wanted, code: str, method: str
) -> tuple[str, dict[str, str], str]:
    """The token request (RFC 6749, 4.1.3): URL, headers, body.

    Arguments:
        method: `client_secret_basic`, `client_secret_post` or `none`.
    """
    body = prepare_token_request(
        "authorization_code",
        redirect_uri=wanted.callback,
        code=code,
        code_verifier=wanted.verifier,
    )
    client_id, secret = config.client_id, config.client_secret
    if method == "client_secret_basic":  # form-encoded before base64 (RFC 6749, 2.3.1), which Authlib leaves to us
        client_id, secret = quote_plus(client_id), quote_plus(secret)
    url, headers, body = ClientAuth(client_id, secret, method).prepare("POST", endpoint, {}, body)
    return str(url), dict(headers), str(body)


def checked_subject(subject: str) -> str:
    """The subject, which must be one.

    Raises:
        LoginInvalid: it is empty or too long.
    """
    if not 0 < len(subject) <= MAX_SUBJECT or "\x00" in subject:
        raise LoginInvalid("the subject is empty or too long")
    return subject
