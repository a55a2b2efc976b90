"""python-socketio with its Redis manager, as its documents show it. Nothing is stored.

In a virtual environment of its own, in which nothing of ours is installed.
"""

# mypy: disable-error-code="import-not-found,import-untyped,misc,untyped-decorator"

import os
from typing import Any
from urllib.parse import parse_qs

import socketio

# Events of one client in the order in which they came: else each is a task of its own, and they overtake each other.
server = socketio.AsyncServer(
    async_mode="asgi",
    async_handlers=False,
    client_manager=socketio.AsyncRedisManager(os.environ["REDIS_URL"]),
)


@server.event
async def connect(sid: str, environ: dict[str, Any]) -> None:
    """Join the room that the query names."""
    (room,) = parse_qs(environ["QUERY_STRING"])["room"]
    await server.save_session(sid, {"room": room})
    await server.enter_room(sid, room)


@server.on("chat.message")
async def say(sid: str, data: dict[str, str]) -> None:
    """Tell everybody."""
    room = (await server.get_session(sid))["room"]
    await server.emit("chat.message", {**data, "room": room, "sender": sid}, room=room)


async def rest(scope: Any, receive: Any, send: Any) -> None:
    """What is no Socket.IO: readiness."""
    if scope["type"] == "lifespan":
        while True:
            event = await receive()
            await send({"type": f"{event['type']}.complete"})
            if event["type"] == "lifespan.shutdown":
                return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


application = socketio.ASGIApp(server, rest)
