"""One WebSocket as the library sees it: only packets it understands, within limits, and closed with our code."""

import asyncio

from chassis.asgi import Message, Receive, Send

from ..codes import CloseCode
from ..session import closes
from .link import Link
from .packets import is_packet

UPGRADE_SECONDS = 10.0  # for a client to confirm the WebSocket it has opened beside its polling


class Wire:
    """Stands between the server and the library.

    Arguments:
        link: whose it is.
        first: ASGI's first message.
        receive, send: ASGI's.
        upgrade: whether it has to be confirmed, beside long-polling.
    """

    def __init__(self, link: Link, first: Message, receive: Receive, send: Send, *, upgrade: bool) -> None:
        self._link = link
        self._first: Message | None = first
        self._receive = receive
        self._send = send
        self._unconfirmed = 2 if upgrade else 0  # the probe and the confirmation

    async def receive(self) -> Message:
        """ASGI's receive; what is no packet ends the connection."""
        first, self._first = self._first, None
        if first is not None:
            return first
        while True:
            message = await self._next()
            if message["type"] != "websocket.receive":
                return message
            self._link.heard()
            if not self._link.allow():
                return await self._end(CloseCode.FLOODING, "flooding")
            text = message.get("text")
            if text is None:
                continue  # of an event with binary data, which has been answered
            if not is_packet(text):
                return await self._end(CloseCode.PROTOCOL_ERROR, "not a packet")
            return message

    async def send(self, message: Message) -> None:
        """ASGI's send."""
        if message["type"] == "websocket.close" and self._link.farewell is not None:
            code, reason = self._link.farewell
            message = {**message, "code": code, "reason": reason}
        await self._send(message)
        if message["type"] == "websocket.send":
            self._link.queue.sent(len(message.get("text") or ""))

    async def _next(self) -> Message:
        if not self._unconfirmed:
            return await self._receive()
        self._unconfirmed -= 1
        try:
            async with asyncio.timeout(UPGRADE_SECONDS):
                return await self._receive()
        except TimeoutError:
            return await self._end(CloseCode.PROTOCOL_ERROR, "the upgrade was not confirmed")

    async def _end(self, code: CloseCode, reason: str) -> Message:
        closes.labels(int(code)).inc()
        await self._send({"type": "websocket.close", "code": int(code), "reason": reason})
        return {"type": "websocket.disconnect", "code": int(code)}
