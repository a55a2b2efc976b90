"""Asking a provider: a few seconds, little to read, no redirects, and only where it is known to be."""

import asyncio
from collections.abc import Mapping
from typing import TypeVar

import httpx
import msgspec

from .config import ProviderConfig

SECONDS = 5.0  # for one request, altogether
MAX_BYTES = 256 * 1024

ModelT = TypeVar("ModelT")


class ProviderAway(Exception):
    """The provider does not answer, or not properly: try again later. `str()` is for the log and has no secrets."""


class ProviderRefuses(Exception):
    """The provider says no: to this code, or to us."""


def make_client() -> httpx.AsyncClient:
    """The client for all providers: never by a proxy of the environment, never elsewhere by a redirect."""
    return httpx.AsyncClient(timeout=SECONDS, follow_redirects=False, trust_env=False)


async def fetch(
    client: httpx.AsyncClient,
    provider: ProviderConfig,
    url: str,
    model: type[ModelT],
    *,
    form: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> ModelT:
    """What the provider says, as `model`.

    Arguments:
        form: the body of a POST; without it this is a GET.

    Raises:
        ProviderAway: it is none of the provider's hosts; no answer in time; more than MAX_BYTES; another form; a 5xx.
        ProviderRefuses: a 4xx.
    """
    if not provider.may_ask(url):
        raise ProviderAway(f"{httpx.URL(url).host} is not among the provider's hosts")
    heads = {"Accept": "application/json", "User-Agent": "Parley", **(headers or {})}
    if form is not None:
        heads["Content-Type"] = "application/x-www-form-urlencoded"
    try:
        async with (
            asyncio.timeout(SECONDS),
            client.stream("GET" if form is None else "POST", url, content=form, headers=heads) as response,
        ):
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > MAX_BYTES:
                    raise ProviderAway("the answer is too long")
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
        raise ProviderAway(f"{type(error).__name__} at {httpx.URL(url).path}") from error
    if 400 <= response.status_code < 500 and response.status_code not in (408, 429):
        raise ProviderRefuses(f"{response.status_code} at {httpx.URL(url).path}")
    if response.status_code != 200:
        raise ProviderAway(f"{response.status_code} at {httpx.URL(url).path}")
    try:
        return msgspec.json.decode(bytes(body), type=model)
    except (msgspec.MsgspecError, ValueError) as error:
        raise ProviderAway(f"an answer of another form at {httpx.URL(url).path}") from error
