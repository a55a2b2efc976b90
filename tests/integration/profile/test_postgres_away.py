"""While Postgres is away answers are 503, soon; afterwards everything goes on by itself."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from chassis.ids import uuid7
from tests.support.auth import FakeAuth, User
from tests.support.links import Link
from tests.support.timing import within


@pytest.fixture
async def link(database_url: str) -> AsyncIterator[Link]:
    """A way to Postgres that can be broken."""
    parts = urlsplit(database_url)
    link = Link(parts.hostname or "", parts.port or 0)
    await link.open()
    yield link
    link.thaw()
    await link.cut()


def through(link: Link, url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=f"{parts.netloc.rpartition('@')[0]}@127.0.0.1:{link.port}").geturl()


async def fails(client: httpx.AsyncClient, user: User) -> None:
    """Every route answers 503 with Retry-After within 2.5 s."""
    requests: list[tuple[str, str, dict[str, str] | None]] = [
        ("GET", "/profiles/me", None),
        ("GET", f"/profiles/{uuid7()}", None),
        ("GET", "/profiles?search=a", None),
        ("PUT", "/profiles/me", {"displayName": "x"}),
        ("PATCH", "/profiles/me", {"displayName": "x"}),
        ("DELETE", "/profiles/me", None),
        ("POST", "/profiles", {"displayName": "x"}),
    ] * 2
    async with within(2.5):
        responses = await asyncio.gather(*(client.request(m, p, headers=user.headers, json=j) for m, p, j in requests))
    for response in responses:
        assert (response.status_code, response.json()["code"]) == (503, "unavailable"), response.text
        assert int(response.headers["retry-after"]) >= 1


async def recovers(client: httpx.AsyncClient, user: User) -> None:
    async with asyncio.timeout(1):
        while (await client.get("/profiles/me", headers=user.headers)).status_code != 200:
            await asyncio.sleep(0.02)


async def test_a_cut_way_to_postgres(start: Any, auth: FakeAuth, link: Link, database_url: str) -> None:
    alice = auth.register("alice")
    async with start(database_url=through(link, database_url)) as client:
        assert (await client.get("/profiles/me", headers=alice.headers)).status_code == 200
        await link.cut()
        await fails(client, alice)
        await link.open()
        await recovers(client, alice)


async def test_a_frozen_postgres(start: Any, auth: FakeAuth, link: Link, database_url: str) -> None:
    alice = auth.register("alice")
    async with start(database_url=through(link, database_url)) as client:
        assert (await client.get("/profiles/me", headers=alice.headers)).status_code == 200
        link.freeze()
        await fails(client, alice)
        link.thaw()
        await recovers(client, alice)
