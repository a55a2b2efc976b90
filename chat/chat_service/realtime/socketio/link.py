"""One Engine.IO connection: where a session writes to, how it is closed, and what it may send and leave unread."""

import asyncio
import contextvars
import time
from collections.abc import Callable, Collection
from typing import Any
from uuid import UUID

from engineio import packet as engine

from ..codes import Advice, CloseCode
from ..queued import QueuedTransport
from ..session import GOODBYE_SECONDS, Limits, Session
from . import outgoing
from .packets import NAMESPACE

CLOSING = "session.closing"
HARD_FACTOR = 5  # of a session's own limit: what is beyond is not answered but cut off
_RECONNECTING = {int(code) for code in CloseCode if code.advice in (Advice.RESUME, Advice.RESUME_LATER)}


class PacketQueue(asyncio.Queue[Any]):
    """The library's queue of packets to a client, which knows how much it holds. Its bound is the session's."""

    def __init__(self) -> None:
        super().__init__()
        self.on_taken: Callable[[], None] = _nothing
        self.waiting = 0  # characters
        self._leaving = 0  # of those that were taken out and are perhaps not sent yet

    @property
    def size(self) -> int:
        """What has been put and is not known to have been sent."""
        return self.waiting + self._leaving

    def sent(self, count: int | None = None) -> None:
        """So much of what was taken has been sent; None means all of it."""
        self._leaving = 0 if count is None else max(0, self._leaving - count)
        self.on_taken()

    def _put(self, item: Any) -> None:
        self.waiting += _cost(item)
        super()._put(item)

    def _get(self) -> Any:
        item = super()._get()
        cost = _cost(item)
        self.waiting -= cost
        self._leaving += cost
        return item


class Link:
    """What is known of a connection; it may outlive its session, and comes before it.

    Arguments:
        sid: the Engine.IO session's id.
        token: of the URL or the headers, if there was one.
        limits: of a session.
        drop: ends the Engine.IO session at once.
    """

    def __init__(self, sid: str, token: str | None, limits: Limits, drop: Callable[[str], None]) -> None:
        self.sid = sid
        self.token = token
        self.gateway_connection: str | None = None
        self.session: Session | None = None
        self.polling = False  # whether a poll waits for an answer
        self.upgrading = False  # whether a WebSocket is being opened, or open
        self.farewell: tuple[int, str] | None = None  # code and reason for the WebSocket's close
        self.queue = PacketQueue()
        self.ended = False
        self._drop = drop
        self._socket: asyncio.Transport | None = None
        self._rate = limits.rate * HARD_FACTOR
        self._burst = self._allowance = limits.burst * HARD_FACTOR
        self._allowed_at = time.monotonic()
        self._deadline: asyncio.TimerHandle | None = None

    def use_socket(self, socket: asyncio.Transport | None, gateway_connection: str | None) -> None:
        """It goes over a WebSocket from now on, or will when the client says so."""
        self._socket = socket
        self.gateway_connection = gateway_connection
        if self.session is not None:
            self.session.gateway_connection = gateway_connection

    def heard(self) -> None:
        """The client lives."""
        if self.session is not None:
            self.session.heard_at = time.monotonic()

    def allow(self, packets: int = 1) -> bool:
        """Take packets from the bucket; False when there are too many of them."""
        if not self._rate:
            return True
        now = time.monotonic()
        self._allowance = min(self._burst, self._allowance + (now - self._allowed_at) * self._rate) - packets
        self._allowed_at = now
        return self._allowance >= 0

    def expect_session(self, seconds: float) -> None:
        """Drop it unless it has a session by then."""
        self.expect_nothing()
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(seconds, self._drop, self.sid, context=contextvars.Context())

    def expect_nothing(self) -> None:
        """It has a session."""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def close(self, code: int, reason: str) -> None:
        """Let the client have what waits, tell it why, and end.

        A client of the library reconnects by itself when the connection ends, and does not when the server has
        disconnected it from the namespace: so that is how it is told what the code advises.
        """
        self.farewell = code, reason
        packets = [outgoing.event(CLOSING, {"code": code, "detail": reason})]
        if code not in _RECONNECTING:
            packets.append(outgoing.message(f"1{NAMESPACE},"))
        packets.append(engine.Packet(engine.CLOSE))  # ends long-polling
        for packet in packets:
            self.queue.put_nowait(packet)
        self.queue.put_nowait(None)  # ends the library's writer, and with it a WebSocket

    def abort(self) -> None:
        """End it at once."""
        if not self.ended:
            self._drop(self.sid)
        self._cut()

    def lost(self) -> None:
        """The library has let go of it."""
        self.ended = True
        self.expect_nothing()
        self.queue.put_nowait(None)  # a poll or a writer that waits for packets need not
        if self._socket is not None and not self._socket.is_closing():  # somebody who does not read does not close
            loop = asyncio.get_running_loop()
            loop.call_later(GOODBYE_SECONDS, self._cut, context=contextvars.Context())

    def _cut(self) -> None:
        if self._socket is not None:
            self._socket.abort()
            self._socket = None


class EventTransport(QueuedTransport):
    """What a session writes to: its frames become packets in the library's queue.

    Arguments:
        link: the connection.
        session: whose transport it is.
        translator: shared by all, so that what many get is translated once.
    """

    def __init__(self, link: Link, session: Session, translator: outgoing.Translator) -> None:
        super().__init__(session)
        self._link = link
        self._translator = translator
        self._held: list[bytes] | None = None
        self._held_size = 0
        link.queue.on_taken = self.taken

    def hold(self, seconds: float) -> None:
        """Keep back what is written for a moment: the client may be about to say where it wants to go on."""
        self._held = []
        asyncio.get_running_loop().call_later(seconds, self.release, context=contextvars.Context())

    def release(self, without: Collection[UUID] = ()) -> None:
        """Let go of what was kept back.

        Arguments:
            without: rooms whose messages come again.
        """
        held, self._held, self._held_size = self._held, None, 0
        for data in held or ():
            self.write(outgoing.without_messages(data, without) if without else data)

    def write(self, data: "bytes | bytearray | memoryview[Any]") -> None:
        """Queue the events that the frames in `data` stand for."""
        if self._closing:
            return
        if self._held is not None and outgoing.is_close(bytes(data)):
            self.release()
        if self._held is not None:
            self._held.append(bytes(data))
            self._held_size += len(data)
            if self._held_size > self._high:  # this is no moment any more
                self.release()
            return
        written = self._translator.translate(bytes(data))
        for packet in written.packets:
            self._link.queue.put_nowait(packet)
        if written.close is not None:
            self._closing = True
            self._link.close(*written.close)
        else:
            self.added()

    def waiting(self) -> int:
        """What was put into the queue and is not known to have been sent."""
        return self._link.queue.size

    def get_write_buffer_size(self) -> int:
        """What the client has not got yet."""
        return self._link.queue.size + self._held_size

    def close(self) -> None:
        """End after what is queued."""
        if not self._closing:
            self._closing = True
            self._link.close(CloseCode.GOING_AWAY, "")

    def abort(self) -> None:
        """End at once."""
        self._closing = True
        self._link.abort()


def _cost(packet: Any) -> int:
    return 0 if packet is None else len(packet.encode())  # which it remembers


def _nothing() -> None:
    """Nobody waits for the queue to be taken from."""
