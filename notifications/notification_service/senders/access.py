"""Access tokens for Google's APIs, from a service account: google-auth over httpx, in a thread of its own."""

import asyncio
import datetime
import time
from collections.abc import Mapping
from typing import Any

import httpx
from google.auth import exceptions, transport
from google.oauth2 import service_account

from chassis.lifecycle import Fatal

SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
REQUEST_SECONDS = 5.0  # google-auth repeats a failed request twice, with a second or two between
EARLY = datetime.timedelta(minutes=5)  # before its time is over a token is replaced
PAUSE_SECONDS = 1.0  # after a failure


class AccessAway(Exception):
    """There is no access token to be had now."""


class AccessTokens:
    """Hands out one token to all, and replaces it in time.

    Arguments:
        file: the service account's.
        token_url: where tokens are had, if not where the file says.
        proxy: what stands between us and Google, if anything.
    """

    def __init__(self, file: str, token_url: str | None = None, proxy: str | None = None) -> None:
        self._file = file
        self._transport = _Transport(proxy)
        self._token_url = token_url
        self._credentials: Any = None
        self._lock = asyncio.Lock()
        self._failed_at = float("-inf")

    def load(self) -> None:
        """Read the file.

        Raises:
            Fatal: it is no service account.
        """
        try:
            credentials = service_account.Credentials.from_service_account_file(self._file, scopes=[SCOPE])  # type: ignore[no-untyped-call]
        except (OSError, ValueError, KeyError, exceptions.GoogleAuthError) as error:
            raise Fatal(f"FCM_CREDENTIALS_FILE is not the file of a service account: {type(error).__name__}") from None
        if self._token_url is not None:
            credentials = credentials.with_token_uri(self._token_url)
        self._credentials = credentials

    @property
    def project_id(self) -> str:
        """Whose devices these are."""
        return str(self._credentials.project_id)

    def close(self) -> None:
        """Ask for nothing more, so that the thread ends soon."""
        self._transport.closed = True

    async def get(self) -> str:
        """A token that is good.

        Raises:
            AccessAway: not now.
        """
        if self._is_stale():
            async with self._lock:
                if self._is_stale():
                    await self._refresh()
        return str(self._credentials.token)

    def refused(self, token: str) -> None:
        """This one was not accepted, whatever its time."""
        if self._credentials.token == token:
            self._credentials.token = None

    def _is_stale(self) -> bool:
        credentials = self._credentials
        return credentials.token is None or credentials.expiry is None or credentials.expiry - EARLY <= _utc_now()

    async def _refresh(self) -> None:
        if time.monotonic() < self._failed_at + PAUSE_SECONDS:
            raise AccessAway("a moment ago there was none")
        try:
            await asyncio.to_thread(self._credentials.refresh, self._transport)
        except exceptions.GoogleAuthError as error:
            self._failed_at = time.monotonic()
            raise AccessAway(repr(error)) from None


def _utc_now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC).replace(tzinfo=None)  # google-auth's times are naive


class _Response(transport.Response):
    """What google-auth wants to know of an answer."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response

    @property
    def status(self) -> int:
        return self._response.status_code

    @property
    def headers(self) -> Mapping[str, str]:
        return self._response.headers

    @property
    def data(self) -> bytes:
        return self._response.content


class _Transport(transport.Request):
    """How google-auth makes its requests."""

    def __init__(self, proxy: str | None) -> None:
        self._proxy = proxy
        self.closed = False

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **_: Any,
    ) -> _Response:
        if self.closed:
            raise exceptions.TransportError("closed")  # type: ignore[no-untyped-call]
        seconds = REQUEST_SECONDS if timeout is None else min(timeout, REQUEST_SECONDS)
        try:
            response = httpx.request(
                method, url, content=body, headers=headers, timeout=seconds, proxy=self._proxy, trust_env=False
            )
        except httpx.HTTPError as error:
            raise exceptions.TransportError(error) from error  # type: ignore[no-untyped-call]
        return _Response(response)
