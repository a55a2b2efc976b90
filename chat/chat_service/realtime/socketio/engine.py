"""python-socketio (5.18) on python-engineio (4.15), both pinned exactly: what of their internals is relied on is here.

That they ask `generate_id`, `create_queue` and `start_background_task`, that `_handle_eio_connect` and
`_handle_eio_disconnect` are told of connections, that a manager's `connect` comes after the client has been told, and
that `close` of an Engine.IO socket does not wait when told so. Tests fail when that moves.
"""

import asyncio
import contextvars
import secrets
from collections.abc import Callable
from typing import Any

import engineio
import socketio
from engineio.payload import Payload

from .link import Link
from .packets import MAX_PACKETS

opening: "contextvars.ContextVar[Link | None]" = contextvars.ContextVar("opening", default=None)  # of this request


class Engine(engineio.AsyncServer):  # type: ignore[misc]  # the library has no types
    """Engine.IO whose sessions have the ids and queues of our links, and whose tasks end with it."""

    def __init__(self, **options: Any) -> None:
        Payload.max_decode_packets = MAX_PACKETS
        super().__init__(**options)
        self._tasks: set[asyncio.Task[Any]] = set()

    def generate_id(self) -> str:
        """The id of the link that is being opened; any other for what else the library calls by one."""
        link = opening.get()
        return secrets.token_urlsafe(15) if link is None or link.sid in self.sockets else link.sid

    def create_queue(self, *args: Any, **kwargs: Any) -> Any:
        """The queue of the link that is being opened."""
        link = opening.get()
        return super().create_queue(*args, **kwargs) if link is None else link.queue

    def start_background_task(self, target: Any, *args: Any, **kwargs: Any) -> Any:
        """As the library does it, and remembered."""
        task = asyncio.get_running_loop().create_task(target(*args, **kwargs))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def drop(self, sid: str) -> None:
        """End a session at once."""
        connection = self.sockets.pop(sid, None)
        if connection is not None:
            await connection.close(wait=False, abort=True, reason=self.reason.SERVER_DISCONNECT)

    async def stop(self) -> None:
        """End all sessions and tasks."""
        for sid in list(self.sockets):
            await self.drop(sid)
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Server(socketio.AsyncServer):  # type: ignore[misc]
    """Socket.IO on it.

    Arguments:
        on_lost: told when an Engine.IO session has ended.
    """

    def __init__(self, on_lost: Callable[[str], None], **options: Any) -> None:
        super().__init__(**options)
        self._on_lost = on_lost

    def _engineio_server_class(self) -> type[Engine]:
        return Engine

    async def _handle_eio_connect(self, eio_sid: str, environ: dict[str, Any]) -> None:
        await super()._handle_eio_connect(eio_sid, {})  # it would keep the request alive

    async def _handle_eio_disconnect(self, eio_sid: str, reason: str) -> None:
        await super()._handle_eio_disconnect(eio_sid, reason)
        self._on_lost(eio_sid)


class Manager(socketio.AsyncManager):  # type: ignore[misc]
    """Knows when a client has been told that it is connected: before that nothing may be sent.

    Arguments:
        on_connected: told of the client's id.
    """

    def __init__(self, on_connected: Callable[[str], None]) -> None:
        super().__init__()
        self._on_connected = on_connected

    async def connect(self, sid: str, namespace: str) -> Any:
        """See the library."""
        connected = await super().connect(sid, namespace)
        self._on_connected(sid)
        return connected
