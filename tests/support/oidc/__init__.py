"""A real OpenID provider, npm's `oidc-provider`, and a browser that goes there."""

import contextlib
import fcntl
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import httpx
import pytest

from loadtests.bench.results import Skipped
from loadtests.peers.installing import CACHE, node_program

HERE = Path(__file__).parent
SECRET = "a secret: of 100% & more"


def program() -> tuple[str, ...]:
    """The command, its packages installed. Skips the test where that cannot be, but not where CI=true."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "oidc.lock").open("w") as lock:  # tests in several processes install once
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            return node_program(HERE)
        except Skipped as reason:
            if os.environ.get("CI") == "true":
                raise
            pytest.skip(f"no OpenID provider: {reason}")


@contextlib.contextmanager
def providers(callbacks: list[str], ports: list[int], **environment: str) -> Iterator[list[str]]:
    """A provider on each port; their issuers.

    Arguments:
        callbacks: where they may send browsers back to.
        environment: see server.js.
    """
    command = [*program(), ",".join(callbacks), *map(str, ports)]
    started = subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, **environment})
    try:
        assert started.stdout is not None
        while (line := started.stdout.readline()) != b"ready\n":
            assert line, "the provider did not start"
        yield [f"http://127.0.0.1:{port}" for port in ports]
    finally:
        started.kill()
        started.communicate()


class Browser:
    """What a person's browser does: follows redirects, keeps cookies per site, stops where it is told to.

    Arguments:
        ours: for what is below `home`; the rest goes over the network.
        home: the base URL of the platform.
    """

    def __init__(self, ours: httpx.AsyncClient, home: str) -> None:
        self._ours = ours
        self._home = home
        self._jars: dict[str, dict[str, str]] = {}

    def cookies(self, url: str) -> dict[str, str]:
        """Those of a site."""
        parts = urlsplit(url)
        return self._jars.setdefault(f"{parts.scheme}://{parts.netloc}", {})

    def take(self, url: str, response: httpx.Response) -> None:
        """Keep the cookies of an answer."""
        for header in response.headers.get_list("set-cookie"):
            name, _, value = header.partition(";")[0].partition("=")
            if value.strip('"'):
                self.cookies(url)[name] = value
            else:
                self.cookies(url).pop(name, None)

    async def get(self, url: str) -> httpx.Response:
        """One request."""
        is_ours = url.startswith(self._home)
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies(url).items())}
        if is_ours:
            response = await self._ours.get(url.removeprefix(self._home), headers=headers)
        else:
            async with httpx.AsyncClient(trust_env=False) as client:
                response = await client.get(url, headers=headers)
        self.take(url, response)
        return response

    async def follow(self, url: str, until: str) -> str:
        """Follow redirects from a page until one leads to an address that begins with `until`: that address."""
        for _ in range(12):
            if url.startswith(until):
                return url
            response = await self.get(url)
            assert response.is_redirect, (url, response.status_code, response.text)
            url = urljoin(url, response.headers["location"])
        raise AssertionError(f"too many redirects, the last one to {url}")


def parameters(url: str) -> dict[str, str]:
    """What is in the query of a URL."""
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))


def with_parameters(url: str, **changed: str) -> str:
    """The URL with these in its query."""
    return urlsplit(url)._replace(query=urlencode({**parameters(url), **changed})).geturl()
