"""The JavaScript client of Socket.IO, unmodified, in a Node process that tests command."""

import asyncio
import functools
import itertools
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from loadtests.bench.results import Skipped
from loadtests.peers.installing import CACHE, node_program
from tests.support.chat import PATIENCE_SECONDS, until
from tests.support.frames import WrongFrameError, check_acknowledged, check_emitted, check_heard

FOLDER = Path(__file__).parents[1] / "node"
NAMESPACE = "/chat"


@functools.cache
def installed() -> tuple[str, ...] | str:
    """The command that starts it, or why there is none: found out once."""
    try:
        return node_program(FOLDER, CACHE.parent / "node", "client.js")
    except Skipped as reason:
        return f"the JavaScript client cannot be run here: {reason}"


def command() -> tuple[str, ...]:
    """What starts it. Where there is no Node, or no packages, the test is skipped; never in CI."""
    found = installed()
    if isinstance(found, str):
        assert os.environ.get("CI") != "true", found
        pytest.skip(found)
    return found


class Node:
    """The process, and what its clients have said."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._ids = itertools.count(1)
        self._replies: dict[int, asyncio.Future[Any]] = {}
        self.clients: dict[str, NodeClient] = {}

    async def ask(self, action: str, **words: Any) -> Any:
        """Have something done; what it gives."""
        number = next(self._ids)
        reply = self._replies[number] = asyncio.get_running_loop().create_future()
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"id": number, "do": action, **words}).encode() + b"\n")
        async with asyncio.timeout(PATIENCE_SECONDS + 5):
            return await reply

    async def open(
        self, name: str, url: str, auth: Any = None, *, resuming: bool = False, **options: Any
    ) -> "NodeClient":
        """A client that begins to connect; `options` as of the library."""
        client = self.clients[name] = NodeClient(self, name)
        await self.ask("open", client=name, url=url + NAMESPACE, auth=auth, resuming=resuming, options=options)
        return client

    async def listen(self) -> None:
        """Take what the process says, until it ends."""
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            said = json.loads(line)
            if "client" in said:
                self.clients[said["client"]].heard(said["event"], said["data"])
            elif "failed" in said:
                self._replies.pop(said["id"]).set_exception(AssertionError(said["failed"]))
            else:
                self._replies.pop(said["id"]).set_result(said["reply"])


class NodeClient:
    """One client, which remembers all it got, in order."""

    def __init__(self, node: Node, name: str) -> None:
        self._node = node
        self.name = name
        self.events: list[tuple[str, Any]] = []
        self.wrong: list[WrongFrameError] = []

    async def emit(self, event: str, *args: Any) -> Any:
        """Emit an event; what its acknowledgement says. All of it is as documented."""
        check_emitted(event, *args)
        reply = await self._node.ask("emit", client=self.name, event=event, args=args)
        check_acknowledged(event, reply)
        return reply

    async def emit_wrong(self, event: str, *args: Any) -> Any:
        """Emit an event that need not be as documented; why it is refused."""
        return (await self._node.ask("emit", client=self.name, event=event, args=args))["error"]

    def heard(self, event: str, data: Any) -> None:
        """Remember an event, and whether it is as documented; those of the client itself begin with a "$"."""
        self.events.append((event, data))
        if not event.startswith("$"):
            try:
                check_heard(event, data)
            except WrongFrameError as error:
                self.wrong.append(error)

    async def do(self, action: str, **words: Any) -> Any:
        """One of the other actions of client.js."""
        return await self._node.ask(action, client=self.name, **words)

    def all(self, event: str) -> list[Any]:
        """The data of all events of that name."""
        return [data for name, data in self.events if name == event]

    async def until(self, event: str, where: Callable[[Any], bool] = lambda data: True, count: int = 1) -> Any:
        """Wait for so many events; the data of the last."""
        found: list[Any] = []

        def enough() -> bool:
            found[:] = [data for data in self.all(event) if where(data)]
            return len(found) >= count

        try:
            await until(enough, f"{count} {event}")
        except AssertionError as error:
            raise AssertionError(f"{error}; {self.name} had {self.events[-20:]}") from None
        return found[count - 1]

    def seqs(self, room: str) -> list[int]:
        """The messages of a room, by seq, as they came."""
        return [data["seq"] for data in self.all("receive_message") if data["chat_id"] == room]


@asynccontextmanager
async def running_node() -> AsyncIterator[Node]:
    """The process, from start to stop."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command(), stdin=pipe, stdout=pipe, limit=2**22)
    node = Node(process)
    listening = asyncio.create_task(node.listen())
    try:
        yield node
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(5):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
        await listening
    assert [wrong for client in node.clients.values() for wrong in client.wrong] == []
