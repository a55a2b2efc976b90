"""New signing keys, by the command that operators run, while everybody goes on."""

import asyncio
import base64
import json
import sys

from auth_service import keys
from devstack.background import Background
from tests.e2e.people import Person, Platform

OWN = ("/auth/me", "/profiles/me", "/api/chat/users/")


def kid_of(token: str) -> str:
    """The key that signed a token."""
    head = token.split(".")[0]
    return str(json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))["kid"])


async def test_no_request_fails_while_the_keys_rotate(stack: Background, platform: Platform, alice: Person) -> None:
    before = keys.read(stack.keys_file).current.kid
    failed: list[str] = []
    kids: list[str] = []
    over = asyncio.Event()

    async def go_on() -> None:
        """A fresh token again and again, for every service."""
        grant = (await alice.log_in()).grant
        while not over.is_set():
            reply = await platform.call("POST", "/auth/refresh", {"refresh_token": grant["refresh_token"]})
            assert reply.status_code == 200, reply.text
            grant = reply.json()
            for path in OWN:
                reply = await platform.call("GET", path, token=grant["access_token"])
                if reply.status_code != 200:
                    failed.append(f"{path}: {reply.text}")
            kids.append(kid_of(grant["access_token"]))

    async def tokens(kid: str) -> None:
        """Wait for some that a key has signed."""
        async with asyncio.timeout(40):
            while kids.count(kid) < 3 and not going.done():
                await asyncio.sleep(0.02)

    going = asyncio.create_task(go_on())
    await tokens(before)
    command = (sys.executable, "-m", "auth_service.keys", "rotate", str(stack.keys_file))
    rotating = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
    assert await rotating.wait() == 0
    after = keys.read(stack.keys_file).current.kid
    await tokens(after)
    over.set()
    await going
    assert failed == []
    assert set(kids) == {before, after}
    for path in OWN:  # and what the old key has signed is still good
        assert (await alice.call("GET", path)).status_code == 200
    published = (await platform.call("GET", "/.well-known/jwks.json")).json()["keys"]
    assert {before, after} < {key["kid"] for key in published}
