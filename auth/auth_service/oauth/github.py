"""GitHub, which speaks OAuth 2 without OpenID Connect: who somebody is, its API says."""

import httpx
import msgspec

from .config import ProviderConfig
from .fetching import ProviderRefuses, fetch
from .provider import ExternalUser, LoginInvalid, Wanted, checked_subject, grant_url, token_request

SCOPE = "read:user user:email"
API = "https://api.github.com"


class TokenAnswer(msgspec.Struct, frozen=True):
    """An error comes with 200 too."""

    access_token: str = ""
    error: str = ""


class User(msgspec.Struct, frozen=True):
    """`GET /user`."""

    id: int
    login: str
    name: str | None = None


class Email(msgspec.Struct, frozen=True):
    """One of `GET /user/emails`."""

    email: str
    primary: bool = False
    verified: bool = False


class GitHubProvider:
    """See Provider.

    Arguments:
        config: of it; `issuer` is where its pages are.
        client: see fetching.make_client.
        api: where its API is.
    """

    def __init__(self, config: ProviderConfig, client: httpx.AsyncClient, api: str = API) -> None:
        self.config = config
        self._client = client
        self._api = api

    async def authorization_url(self, wanted: Wanted) -> str:
        """See Provider."""
        endpoint = f"{self.config.issuer}/login/oauth/authorize"
        return grant_url(endpoint, self.config, wanted, self.config.scope or SCOPE)

    async def identify(self, wanted: Wanted, code: str, issuer: str | None) -> ExternalUser:
        """See Provider."""
        if issuer is not None and issuer.rstrip("/") not in (self.config.issuer, f"{self.config.issuer}/login/oauth"):
            raise LoginInvalid("the answer is another issuer's")
        endpoint = f"{self.config.issuer}/login/oauth/access_token"
        url, headers, body = token_request(endpoint, self.config, wanted, code, "client_secret_post")
        answer = await fetch(self._client, self.config, url, TokenAnswer, form=body, headers=headers)
        if answer.error or not answer.access_token:
            raise ProviderRefuses("the code is not good")
        bearer = {"Authorization": f"Bearer {answer.access_token}", "X-GitHub-Api-Version": "2022-11-28"}
        user = await fetch(self._client, self.config, f"{self._api}/user", User, headers=bearer)
        emails = await fetch(self._client, self.config, f"{self._api}/user/emails", list[Email], headers=bearer)
        email = next((entry.email for entry in emails if entry.primary and entry.verified), None)
        return ExternalUser(
            checked_subject(str(user.id)), email if self.config.trust_email else None, user.login, user.name or ""
        )
