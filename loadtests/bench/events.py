"""What events cost on their way: from a message over the outbox, Kafka and the notification service to a push.

    python -m loadtests.bench.events [--devices 50] [--messages 200] [--rate 2]

It runs the platform as `make run` does, without rate limits: members of a group, all of them away, have a device each,
and somebody writes into the group; first at a rate, to see how late a push is, then as fast as it is acknowledged, to
see how many there are. Pushes go to the stand-in for FCM, which remembers when each was accepted. CPU is the user and
system time of a process. The run fails if a device gets a message twice, not at all, or in another order.
"""

import argparse
import asyncio
import os
import time
from collections.abc import Sequence
from typing import Any

import httpx
import msgspec

from devstack.background import Background

from .machine import cpu_seconds
from .platform import measure_platform

PASSWORD = "correct horse battery staple"
COUNTED = ("chat-1", "chat-2", "notifications")
WARM_MESSAGES = 5
PATIENCE_SECONDS = 300.0
PER_SECOND = 100_000  # pushes that the notification service allows itself: it is its own pace that is measured
AT_ONCE = 8  # sends under way while throughput is measured


class WrongPushes(Exception):
    """Somebody was told twice, not at all, or in another order."""


class Push(msgspec.Struct, frozen=True):
    """A push that the stand-in accepted."""

    token: str
    seq: int
    received_at: float  # seconds since the epoch


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m loadtests.bench.events", description=__doc__)
    parser.add_argument("--devices", type=int, default=50, help="members who are away (default 50)")
    parser.add_argument("--messages", type=int, default=200, help="to each of them, as fast as it goes (default 200)")
    parser.add_argument("--rate", type=float, default=2.0, help="messages a second for the lag (default 2)")
    parser.add_argument("--seconds", type=float, default=15.0, help="for which that rate is kept (default 15)")
    return parser.parse_args(words)


class Group:
    """A writer and those who are away.

    Arguments:
        stack: the platform.
        client: for HTTP.
    """

    def __init__(self, stack: Background, client: httpx.AsyncClient) -> None:
        self._stack = stack
        self._client = client
        self._headers: dict[str, str] = {}
        self._room = ""
        self.tokens: list[str] = []

    async def gather(self, devices: int) -> None:
        """Register everybody, and make the group."""
        self._headers, _ = await self._register("writer", None)
        members = []
        for number in range(devices):
            token = f"bench-device-{os.getpid()}-{number}"
            _, user_id = await self._register(f"away{number}", token)
            members.append(user_id)
            self.tokens.append(token)
        body = {"type": "group", "name": "Bench", "members": members}
        self._room = (await self._post("/api/chat/rooms/", body))["id"]

    async def say(self, words: str) -> tuple[int, float]:
        """Write. Returns the message's seq and when it was sent, in seconds since the epoch."""
        began = time.time()
        sent = await self._post("/api/chat/messages/", {"room": self._room, "message": words})
        return sent["seq"], began

    async def _register(self, name: str, token: str | None) -> tuple[dict[str, str], str]:
        body = {"username": f"{name}-{os.getpid()}", "password": PASSWORD}
        if token is not None:
            body["fcm_token"] = token
        grant = await self._post("/auth/register", body)
        return {"Authorization": f"Bearer {grant['access_token']}"}, grant["user_id"]

    async def _post(self, path: str, body: Any) -> Any:
        reply = await self._client.post(f"{self._stack.gateway_url}{path}", json=body, headers=self._headers)
        return reply.raise_for_status().json()

    async def pushes(self, count: int) -> list[Push]:
        """Wait until the stand-in has accepted so many messages, and take them.

        Raises:
            WrongPushes: they are not there in time.
        """
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            reply = await self._client.get(f"{self._stack.urls['fcm']}/deliveries", params={"limit": 50_000})
            found = [_push(delivery) for delivery in reply.raise_for_status().json()["deliveries"]]
            told = [push for push in found if push is not None]
            if len(told) >= count:
                return told
            await asyncio.sleep(0.5)
        raise WrongPushes(f"{len(told)} of {count} pushes within {PATIENCE_SECONDS:.0f} s")

    async def forget(self) -> None:
        """Have the stand-in forget what it accepted."""
        (await self._client.post(f"{self._stack.urls['fcm']}/control", json={"forget": True})).raise_for_status()


def _push(delivery: dict[str, Any]) -> Push | None:
    """None for a welcome."""
    seq = (delivery["message"].get("data") or {}).get("seq")
    return None if seq is None else Push(delivery["token"], int(seq), delivery["received_at"])


def check_pushes(pushes: Sequence[Push], tokens: Sequence[str], seqs: Sequence[int]) -> None:
    """Raise WrongPushes unless each device got each message once, in order."""
    for token in tokens:
        got = [push.seq for push in pushes if push.token == token]
        if got != sorted(seqs):
            raise WrongPushes(f"device {token} got {got[:20]} of {sorted(seqs)[:20]}")


def lags(pushes: Sequence[Push], sent: dict[int, float]) -> list[float]:
    """Seconds from each message's send to each device's push, in ascending order."""
    return sorted(push.received_at - sent[push.seq] for push in pushes)


async def measure_lag(group: Group, rate: float, seconds: float) -> None:
    """How late pushes are at a rate that everybody can keep."""
    sent: dict[int, float] = {}
    began = time.monotonic()
    for number in range(max(1, round(rate * seconds))):
        await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
        seq, at = await group.say(f"at a rate {number}")
        sent[seq] = at
    pushes = await group.pushes(len(sent) * len(group.tokens))
    check_pushes(pushes, group.tokens, list(sent))
    late = lags(pushes, sent)
    print(
        f"lag at {rate:g} messages/s to {len(group.tokens)} devices ({rate * len(group.tokens):g} pushes/s): "
        f"p50 {late[len(late) // 2] * 1000:.0f} ms, p99 {late[int(len(late) * 0.99)] * 1000:.0f} ms, "
        f"longest {late[-1] * 1000:.0f} ms"
    )


async def measure_throughput(stack: Background, group: Group, messages: int) -> None:
    """How many pushes a second, and what they cost."""
    places = asyncio.Semaphore(AT_ONCE)
    sent: dict[int, float] = {}

    async def one(number: int) -> None:
        async with places:
            seq, at = await group.say(f"as fast as it goes {number}")
            sent[seq] = at

    before = {name: cpu_seconds(stack.pids[name]) for name in COUNTED}
    await asyncio.gather(*(one(number) for number in range(messages)))
    acknowledged = time.time()
    pushes = await group.pushes(messages * len(group.tokens))
    cpu = {name: cpu_seconds(stack.pids[name]) - before[name] for name in COUNTED}
    check_pushes(pushes, group.tokens, list(sent))
    first, last = min(sent.values()), max(push.received_at for push in pushes)
    print(
        f"{messages:,} messages acknowledged in {acknowledged - first:.1f} s, {len(pushes):,} pushes accepted in "
        f"{last - first:.1f} s: {len(pushes) / (last - first):.0f} pushes/s, none lost, repeated or out of order"
    )
    print(
        f"CPU: notification service {cpu['notifications'] / len(pushes) * 1e6:.0f} µs a push; "
        f"chat pods {(cpu['chat-1'] + cpu['chat-2']) / messages * 1e6:.0f} µs a message, relay and questions included"
    )


async def measure(stack: Background, wanted: argparse.Namespace) -> None:
    """Both."""
    async with httpx.AsyncClient(timeout=30, trust_env=False) as client:
        group = Group(stack, client)
        await group.gather(wanted.devices)
        for number in range(WARM_MESSAGES):
            await group.say(f"warm {number}")
        await group.pushes(WARM_MESSAGES * wanted.devices)
        await group.forget()
        await measure_lag(group, wanted.rate, wanted.seconds)
        await group.forget()
        await measure_throughput(stack, group, wanted.messages)


def main() -> int:
    """Measure and print."""
    wanted = arguments()
    return measure_platform("events", lambda stack: measure(stack, wanted), FCM_PER_SECOND=str(PER_SECOND))


if __name__ == "__main__":
    raise SystemExit(main())
