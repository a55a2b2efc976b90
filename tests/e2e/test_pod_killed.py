"""The promise: two clients chat while one chat pod after the other is killed, and every acknowledged message arrives
once, in order."""

import asyncio
import contextlib
import json
import random
import re
import time
from typing import Any

import httpx
import websockets

from devstack.background import Background
from tests.e2e.people import Person, Platform
from tests.support.chat import until

RETRY_SECONDS = 0.05
MESSAGES = 400  # of each
WINDOW = 8  # of them on their way at a time
KILL_AFTER = (50, 200)  # acknowledgements of the first one


class Chatter:
    """A client as the documents ask for: resumes where it is, sends again what was not acknowledged.

    Arguments:
        person: who.
        room: where.
    """

    def __init__(self, person: Person, room: str) -> None:
        self.person = person
        self.room = room
        self.acked: dict[str, int] = {}  # seq by client_id
        self.seen: list[dict[str, Any]] = []
        self.resumed = 0
        self._unacked: dict[str, tuple[str, asyncio.Future[None]]] = {}  # content by client_id, in order
        self._socket: Any = None

    async def run(self) -> None:
        """Stay connected until cancelled."""
        while True:
            position = self.seen[-1]["seq"] if self.seen else 0
            query = f"?token={self.person.token}&resume={self.room}:{position}"
            with contextlib.suppress(OSError, websockets.InvalidStatus, websockets.ConnectionClosed, TimeoutError):
                async with self.person.platform.dial(query, open_timeout=2, close_timeout=0.2) as socket:
                    await self._talk(socket)
            self._socket = None
            await asyncio.sleep(RETRY_SECONDS)

    async def _talk(self, socket: Any) -> None:
        assert json.loads(await socket.recv())["type"] == "session.ready"
        self.resumed += 1
        self._socket = socket
        for client_id, (content, _) in tuple(self._unacked.items()):
            await self._write(client_id, content)
        async for text in socket:
            frame = json.loads(text)
            data = frame["data"]
            if frame["type"] == "chat.message":
                self.seen.append(data)
            elif frame["type"] == "chat.ack":
                self.acked[data["client_id"]] = data["seq"]
                _, done = self._unacked.pop(data["client_id"], (None, None))
                if done is not None:
                    done.set_result(None)
            else:
                assert frame["type"] != "error", data

    async def _write(self, client_id: str, content: str) -> None:
        frame = {"type": "chat.message", "data": {"room": self.room, "content": content, "client_id": client_id}}
        await self._socket.send(json.dumps(frame))

    async def say(self, client_id: str, content: str) -> None:
        """Send, now or when connected again; returns when it is acknowledged."""
        done = asyncio.get_running_loop().create_future()
        self._unacked[client_id] = content, done
        if self._socket is not None:
            with contextlib.suppress(websockets.ConnectionClosed):
                await self._write(client_id, content)
        await done


async def talk(chatter: Chatter) -> None:
    """Send everything, a window at a time."""
    name = chatter.person.username
    for start in range(0, MESSAGES, WINDOW):
        numbers = range(start, start + WINDOW)
        await asyncio.gather(*(chatter.say(f"{name}-{number}", f"{number} by {name}") for number in numbers))


async def sessions(client: httpx.AsyncClient, url: str) -> int:
    """How many sockets a pod has, by its metrics."""
    text = (await client.get(f"{url}/metrics")).text
    found = re.search(r"^parley_chat_sessions (\S+)$", text, re.MULTILINE)
    assert found is not None
    return int(float(found[1]))


async def test_what_was_acknowledged_arrives_once_and_in_order_though_pods_are_killed(
    stack: Background, client: httpx.AsyncClient, platform: Platform, alice: Person, bob: Person
) -> None:
    room = await alice.direct(bob)
    pods = ["chat-1", "chat-2"]
    random.shuffle(pods)
    async with asyncio.TaskGroup() as group:
        ours, theirs = Chatter(alice, room), Chatter(bob, room)
        running = [group.create_task(ours.run())]
        await until(lambda: ours.resumed, "the first one's connection")
        running.append(group.create_task(theirs.run()))
        await until(lambda: theirs.resumed, "the other one's connection")
        # The gateway gives a new socket to the pod that has fewer.
        assert [await sessions(client, stack.urls[pod]) for pod in pods] == [1, 1]

        talking = [asyncio.create_task(talk(chatter)) for chatter in (ours, theirs)]
        for pod, acks in zip(pods, KILL_AFTER, strict=True):
            await until(lambda acks=acks: len(ours.acked) >= acks, f"{acks} acks")  # type: ignore[misc]
            killed = stack.kill(pod)
            began = time.monotonic()
            assert await asyncio.to_thread(stack.until_ready, pod, killed) != killed
            assert time.monotonic() - began < 10
        async with asyncio.timeout(20):
            await asyncio.gather(*talking)
        await until(lambda: len(ours.seen) >= 2 * MESSAGES <= len(theirs.seen), "every message at both")
        for task in running:
            task.cancel()

    assert ours.resumed + theirs.resumed >= 4  # each kill took one of them, at least
    wanted = {f"{one.username}-{number}" for one in (alice, bob) for number in range(MESSAGES)}
    assert {*ours.acked, *theirs.acked} == wanted
    history: list[dict[str, Any]] = []
    path = f"/api/chat/{room}/messages/?after=0&limit=200"
    while path:
        page = await alice.get(path)
        history += page["results"]
        path = page["next"]
    assert [message["seq"] for message in history] == list(range(1, 2 * MESSAGES + 1))
    stored = {message["id"]: (message["seq"], message["content"]) for message in history}
    for chatter in (ours, theirs):
        assert [(message["seq"], message["content"]) for message in chatter.seen] == list(stored.values())
        assert [message["id"] for message in chatter.seen] == list(stored)
        own = [m["client_id"] for m in chatter.seen if m["direction"] == "sent"]
        assert own == [f"{chatter.person.username}-{number}" for number in range(MESSAGES)]  # his own order is kept
        assert {m["client_id"]: m["seq"] for m in chatter.seen if m["direction"] == "sent"} == chatter.acked
