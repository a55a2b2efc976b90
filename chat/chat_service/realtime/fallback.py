"""A session over Quart's own WebSocket, where the connection cannot be taken over: another server, HTTP/2, a test.

The same session, behind a transport that takes its frames apart again and sends the messages. Slower, and without pings
of ours (Quart has none to send): the server below has to notice dead peers.
"""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

from quart import websocket

from . import wire
from .queued import QueuedTransport
from .session import Session


class QuartTransport(QueuedTransport):
    """What a session writes to."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._waiting: asyncio.Queue[tuple[int, bytes]] = (
            asyncio.Queue()
        )  # bounded by the session, which looks at `size`
        self._size = 0

    def write(self, data: "bytes | bytearray | memoryview[Any]") -> None:
        """Queue the frames in `data`."""
        for opcode, payload in frames_in(bytes(data)):
            if opcode == wire.PING:
                self._session.heard_at = time.monotonic()  # cannot be asked, so the server's word has to do
            elif opcode in (wire.TEXT, wire.CLOSE) and not self._closing:
                self._size += len(payload)
                self._waiting.put_nowait((opcode, payload))
                self._closing = opcode == wire.CLOSE
        self.added()

    def waiting(self) -> int:
        """Bytes that Quart has not taken yet."""
        return self._size

    def close(self) -> None:
        """End after what is queued."""
        if not self._closing:
            self._closing = True
            self._waiting.put_nowait((wire.CLOSE, b""))

    def abort(self) -> None:
        """End; a peer that does not read cannot be cut off from here sooner than the server does it."""
        self.close()

    async def pump(self) -> None:
        """Send what is written until the close."""
        while True:
            opcode, payload = await self._waiting.get()
            if opcode == wire.CLOSE:
                code = int.from_bytes(payload[:2], "big") if len(payload) >= 2 else 1000
                await websocket.close(code, payload[2:].decode())
                return
            await websocket.send(payload.decode())
            self._size -= len(payload)
            self.taken()


async def serve(session: Session) -> None:
    """Run an accepted session to its end; `session.connection_made` has been called with a QuartTransport."""
    transport = session.transport
    if not isinstance(transport, QuartTransport):
        raise TypeError("the session has another transport")
    pumping = asyncio.ensure_future(transport.pump())
    receiving = asyncio.ensure_future(_receive(session))
    try:
        await asyncio.wait({pumping, receiving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        pumping.cancel()
        receiving.cancel()
        session.connection_lost(None)
        await asyncio.gather(pumping, receiving, return_exceptions=True)


async def _receive(session: Session) -> None:
    while True:
        message = await websocket.receive()
        session.message(message.encode() if isinstance(message, str) else None)


def frames_in(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(opcode, payload) of each of our own frames, which are whole and unmasked."""
    at = 0
    while at < len(data):
        opcode, size, head = data[at] & 0x0F, data[at + 1], 2
        if size == 126:
            size, head = int.from_bytes(data[at + 2 : at + 4], "big"), 4
        elif size == 127:
            size, head = int.from_bytes(data[at + 2 : at + 10], "big"), 10
        yield opcode, data[at + head : at + head + size]
        at += head + size
