"""A logout is in force everywhere at once: at the gateway, at each service by itself, on open sockets."""

import asyncio
import json
import time

import httpx
import pytest
import websockets

from devstack.background import Background
from tests.e2e.people import Person, Platform
from tests.e2e.shapes import is_problem

AT_ONCE_SECONDS = 1.0
OWN = {"auth": "/auth/me", "profile": "/profiles/me", "chat-1": "/api/chat/users/", "chat-2": "/api/chat/users/"}


async def test_after_a_logout_the_socket_closes_and_nobody_takes_the_token(
    stack: Background, platform: Platform, alice: Person
) -> None:
    other = await alice.log_in()
    urls = [platform.url + path for path in set(OWN.values())] + [stack.urls[name] + path for name, path in OWN.items()]
    async with alice.connected() as socket, alice.connected() as second, other.connected() as spared:
        for url in urls:  # all of them know the token and have it in their caches
            assert (await alice.call("GET", url)).status_code == 200, url
        assert (await alice.call("POST", "/auth/logout")).status_code == 204
        began = time.monotonic()
        closed = await asyncio.gather(socket.closed(), second.closed())
        refusals = await asyncio.gather(*(alice.call("GET", url) for url in urls))
        took = time.monotonic() - began
        assert list(closed) == [4401, 4401]
        for reply in refusals:
            is_problem(reply, 401, "token_revoked")
        assert took < AT_ONCE_SECONDS
        await spared.quiet()
        assert (await other.call("GET", "/auth/me")).status_code == 200


@pytest.mark.parametrize("name", ["gateway", "chat-1", "chat-2"])
async def test_no_socket_opens_with_the_token_of_an_ended_session(
    stack: Background, client: httpx.AsyncClient, platform: Platform, alice: Person, name: str
) -> None:
    ticket = (await alice.call("POST", "/auth/ws-ticket")).json()["ticket"]
    assert (await alice.call("POST", "/auth/logout")).status_code == 204
    there = Platform(stack.gateway_url if name == "gateway" else stack.urls[name], client)
    for query in (f"?token={alice.token}", f"?ticket={ticket}"):
        with pytest.raises(websockets.InvalidStatus) as refusal:
            async with there.dial(query):
                pass
        assert refusal.value.response.status_code == 401
        assert json.loads(refusal.value.response.body)["code"] == "token_revoked"


async def test_a_logout_everywhere_ends_the_sockets_of_every_session(alice: Person) -> None:
    other = await alice.log_in()
    async with alice.connected() as ours, other.connected() as theirs:
        assert (await alice.call("POST", "/auth/logout", {"all": True})).status_code == 204
        assert [await ours.closed(), await theirs.closed()] == [4401, 4401]
