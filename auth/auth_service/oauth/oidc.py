"""OpenID Connect: discovery, the authorization code flow, and what an ID token must be (Core 1.0, section 3.1.3.7)."""

import asyncio
import time
from typing import Any

import httpx
import msgspec
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from .config import ProviderConfig
from .fetching import ProviderAway, fetch
from .provider import ExternalUser, LoginInvalid, Wanted, checked_subject, grant_url, token_request

SCOPE = "openid email profile"
GOOD_SECONDS = 3600.0  # for a discovery document
KEYS_GAP_SECONDS = 10.0  # between two questions for the keys
LEEWAY_SECONDS = 60
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
MAX_ID_TOKEN = 32 * 1024


class Metadata(msgspec.Struct, frozen=True):
    """Of a discovery document what is used."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False


class TokenAnswer(msgspec.Struct, frozen=True):
    """Of the answer of a token endpoint what is used."""

    id_token: str
    access_token: str


class Claims(msgspec.Struct, frozen=True):
    """What an ID token or userinfo says of somebody; `email_verified` as a text is what some providers write."""

    sub: str
    email: str | None = None
    email_verified: bool | str | None = None
    preferred_username: str | None = None
    name: str | None = None


class OidcProvider:
    """A provider with an issuer.

    Arguments:
        config: of it.
        client: see fetching.make_client.
    """

    def __init__(self, config: ProviderConfig, client: httpx.AsyncClient) -> None:
        self.config = config
        self._client = client
        self._metadata: Metadata | None = None
        self._metadata_until = 0.0  # monotonic
        self._keys: KeySet | None = None
        self._keys_asked = float("-inf")
        self._lock = asyncio.Lock()

    async def authorization_url(self, wanted: Wanted) -> str:
        """See Provider."""
        metadata = await self._discovered()
        scope = self.config.scope or SCOPE
        return grant_url(metadata.authorization_endpoint, self.config, wanted, scope, nonce=wanted.nonce)

    async def identify(self, wanted: Wanted, code: str, issuer: str | None) -> ExternalUser:
        """See Provider."""
        metadata = await self._discovered()
        if issuer is None and metadata.authorization_response_iss_parameter_supported:
            raise LoginInvalid("the answer does not say who sent it")
        if issuer is not None and issuer != metadata.issuer:
            raise LoginInvalid("the answer is another issuer's")  # RFC 9207: a mix-up
        url, headers, body = token_request(
            metadata.token_endpoint, self.config, wanted, code, self._authentication(metadata)
        )
        answer = await fetch(self._client, self.config, url, TokenAnswer, form=body, headers=headers)
        claims = await self._verified(answer, wanted.nonce, metadata)
        if claims.email is None and metadata.userinfo_endpoint is not None:
            claims = await self._asked(metadata.userinfo_endpoint, answer.access_token, claims)
        believed = self.config.trust_email and claims.email_verified in (True, "true")
        return ExternalUser(
            checked_subject(claims.sub),
            claims.email if believed else None,
            claims.preferred_username or "",
            claims.name or "",
        )

    def _authentication(self, metadata: Metadata) -> str:
        if not self.config.client_secret:
            return "none"
        offered = metadata.token_endpoint_auth_methods_supported
        return "client_secret_basic" if "client_secret_basic" in offered else "client_secret_post"

    async def _discovered(self) -> Metadata:
        async with self._lock:
            if self._metadata is None or time.monotonic() >= self._metadata_until:
                url = self.config.issuer.rstrip("/") + "/.well-known/openid-configuration"
                try:
                    metadata = await fetch(self._client, self.config, url, Metadata)
                except ProviderAway:
                    if self._metadata is None:
                        raise
                    metadata = self._metadata  # an old one is better than none
                if metadata.issuer != self.config.issuer:
                    raise ProviderAway("the discovery document is another issuer's")
                if not self.config.may_ask(metadata.authorization_endpoint):
                    raise ProviderAway("the authorization endpoint is not among the provider's hosts")
                self._metadata, self._metadata_until = metadata, time.monotonic() + GOOD_SECONDS
            return self._metadata

    async def _verified(self, answer: TokenAnswer, nonce: str, metadata: Metadata) -> Claims:
        if len(answer.id_token) > MAX_ID_TOKEN:
            raise LoginInvalid("the ID token is too long")
        for fresh in (False, True):
            keys = await self._key_set(metadata, fresh=fresh)
            try:
                token = jwt.decode(
                    answer.id_token, keys, registry=JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
                )
            except InvalidKeyIdError:
                if not fresh:
                    continue
                raise LoginInvalid("the ID token is signed with an unknown key") from None
            except (JoseError, ValueError, TypeError) as error:
                raise LoginInvalid(f"the ID token: {type(error).__name__}") from None
            break
        return self._validated(token, answer.access_token, nonce, metadata)

    def _validated(self, token: jwt.Token, access_token: str, nonce: str, metadata: Metadata) -> Claims:
        options: dict[str, Any] = {
            "iss": {"essential": True, "value": metadata.issuer},
            "aud": {"essential": True, "value": self.config.client_id},
        }
        parameters = {"nonce": nonce, "client_id": self.config.client_id, "access_token": access_token}
        claims = CodeIDToken(token.claims, token.header, options, parameters)
        try:
            claims.validate(leeway=LEEWAY_SECONDS)
            return msgspec.convert(dict(claims), Claims)
        except (JoseError, msgspec.ValidationError, ValueError, TypeError) as error:
            what = getattr(error, "claim", "") or ""
            raise LoginInvalid(f"the ID token: {type(error).__name__} {what}".strip()) from None

    async def _key_set(self, metadata: Metadata, *, fresh: bool) -> KeySet:
        """The provider's keys; with `fresh` asked for again, unless that has just been done."""
        async with self._lock:
            too_soon = time.monotonic() - self._keys_asked < KEYS_GAP_SECONDS
            if self._keys is None or (fresh and not too_soon):
                raw = await fetch(self._client, self.config, metadata.jwks_uri, dict[str, Any])
                try:
                    self._keys = KeySet.import_key_set(raw)  # type: ignore[arg-type]
                except (JoseError, ValueError, KeyError, TypeError) as error:
                    raise ProviderAway(f"its keys: {type(error).__name__}") from None
                self._keys_asked = time.monotonic()
            return self._keys

    async def _asked(self, endpoint: str, access_token: str, known: Claims) -> Claims:
        """What userinfo says, which must be of the same person (Core 1.0, section 5.3.2)."""
        headers = {"Authorization": f"Bearer {access_token}"}
        found = await fetch(self._client, self.config, endpoint, Claims, headers=headers)
        if found.sub != known.sub:
            raise LoginInvalid("userinfo is somebody else's")
        return found
