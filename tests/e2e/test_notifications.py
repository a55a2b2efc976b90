"""Somebody who is away is told on his device: through the gateway, the outbox, Kafka and the worker to FCM's edge."""

import asyncio
import secrets
from typing import Any

import httpx
import pytest

from devstack.background import Background
from tests.e2e.people import Person, Platform


class Device:
    """What FCM's stand-in has for one device."""

    def __init__(self, stack: Background, client: httpx.AsyncClient) -> None:
        self.token = f"e2e:{secrets.token_hex(8)}"
        self._url = f"{stack.urls['fcm']}/deliveries"
        self._client = client

    async def shown(self) -> list[tuple[str, str, dict[str, Any]]]:
        """(title, text, data) of each notification, in order."""
        reply = await self._client.get(self._url, params={"token": self.token})
        messages = [delivery["message"] for delivery in reply.json()["deliveries"]]
        return [(one["notification"]["title"], one["notification"]["body"], one["data"]) for one in messages]

    async def until(self, count: int) -> list[tuple[str, str, dict[str, Any]]]:
        """Wait until there are so many."""
        async with asyncio.timeout(20):
            while len(shown := await self.shown()) < count:
                await asyncio.sleep(0.05)
        return shown


@pytest.fixture
def device(stack: Background, client: httpx.AsyncClient) -> Device:
    """Somebody's."""
    return Device(stack, client)


async def test_a_new_user_is_welcomed_and_told_of_a_message_that_he_misses(
    platform: Platform, device: Device, client: httpx.AsyncClient, stack: Background
) -> None:
    alice = await platform.register("alice", display_name="Alice A.")
    bob = await platform.register("bob", fcm_token=device.token)
    [(title, _, data)] = await device.until(1)
    assert (title, data) == ("Welcome to Parley", {"type": "welcome"})
    room = await alice.direct(bob)
    async with alice.connected() as socket:
        await socket.send("chat.message", room=room, content="Are you there, Bob?", client_id="1")
        message = await socket.next("chat.message")
        shown = await device.until(2)
    assert shown[1] == (
        "Alice A.",
        "Are you there, Bob?",
        {"type": "message", "room": room, "message": message["id"], "seq": "1", "user": alice.id},
    )
    # The second message is told of after all that there is to say of the first one: it was told of once.
    await alice.say(room, "Hello?")
    assert [text for _, text, _ in await device.until(3)][1:] == ["Are you there, Bob?", "Hello?"]
    metrics = (await client.get(stack.urls["notifications"] + "/metrics")).text
    assert "parley_push_repeats_total 0.0" in metrics


async def test_a_muted_room_is_silent_until_it_is_not(platform: Platform, alice: Person, device: Device) -> None:
    bob = await platform.register("bob", fcm_token=device.token)
    await device.until(1)  # the welcome
    loud, silent = await alice.group("loud", bob), await alice.group("silent", bob)
    assert (await bob.call("PUT", f"/api/chat/rooms/{silent}/mute", {"muted": True})).status_code == 200
    await alice.say(silent, "psst")
    await alice.say(loud, "HEY")
    assert (await device.until(2))[1][:2] == ("loud", f"{alice.username}: HEY")
    assert (await bob.call("PUT", f"/api/chat/rooms/{silent}/mute", {"muted": False})).status_code == 200
    await alice.say(silent, "can you hear me?")
    assert [title for title, _, _ in await device.until(3)] == ["Welcome to Parley", "loud", "silent"]


async def test_who_reads_is_not_told_and_a_hidden_preview_is_not_shown(
    platform: Platform, alice: Person, device: Device
) -> None:
    bob = await platform.register("bob")
    assert (await bob.call("PUT", "/auth/devices", {"token": device.token, "platform": "fcm"})).status_code == 204
    await device.until(1)  # the welcome
    quiet = {"preferences": {"notifications": {"previews": False}}}
    assert (await bob.call("PATCH", "/profiles/me", quiet)).status_code == 200
    room = await alice.direct(bob)
    async with bob.connected() as socket:
        async with asyncio.timeout(20):  # his device is told of what is said before it is known that he is here
            while room not in [found["id"] for found in (await alice.get("/api/chat/users/?filter=online"))["results"]]:
                await asyncio.sleep(0.05)
        await alice.say(room, "read at once")
        await socket.next("chat.message")
        await socket.send("chat.read", room=room, seq=1)
        await socket.quiet()
    await alice.say(room, "a secret")
    shown = await device.until(2)
    assert [text for _, text, _ in shown[1:]] == ["New message"]
