"""One connection to Redis that speaks RESP directly: commands are bytes, replies come to a callback, hiredis parses."""

import asyncio
import ssl
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import SplitResult, unquote

import hiredis

CONNECT_SECONDS = 1.0


class Link(asyncio.Protocol):
    """A connection.

    Arguments:
        on_reply: called with each reply or pushed message; must not raise.
    """

    def __init__(self, on_reply: Callable[[Any], None]) -> None:
        self._reader = hiredis.Reader()
        self._on_reply = on_reply
        self._transport: asyncio.Transport | None = None
        self.heard_at = time.monotonic()
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        self.heard_at = time.monotonic()
        reader, on_reply = self._reader, self._on_reply
        reader.feed(data)
        while (reply := reader.gets()) is not False:
            on_reply(reply)

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self.lost = True

    def command(self, *words: bytes) -> None:
        """Send one command."""
        self.write(encode(*words))

    def write(self, data: bytes) -> None:
        """Send encoded commands; nothing happens when the connection is gone."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def unsent(self) -> int:
        """Bytes that Redis has not taken yet."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    def close(self) -> None:
        """End at once."""
        if self._transport is not None:
            self._transport.abort()


def encode(*words: bytes) -> bytes:
    """A command in RESP."""
    return b"*%d\r\n%b" % (len(words), b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words))


async def open_link(url: SplitResult, host: str, port: int, on_reply: Callable[[Any], None]) -> Link:
    """Connect and log in as `url` says, to that address.

    Raises:
        OSError, TimeoutError: nobody is there.
    """
    tls = ssl.create_default_context() if url.scheme == "rediss" else None
    async with asyncio.timeout(CONNECT_SECONDS):
        _, link = await asyncio.get_running_loop().create_connection(lambda: Link(on_reply), host, port, ssl=tls)
    if url.password:
        user = [unquote(url.username).encode()] if url.username else []
        link.command(b"AUTH", *user, unquote(url.password).encode())
    return link


async def ask(link: Link, replies: "asyncio.Queue[Any]", *words: bytes) -> Any:
    """Send a command and wait for its reply, which the link's callback puts into `replies`.

    Raises:
        TimeoutError: no reply.
        hiredis.ReplyError: Redis refused it.
    """
    link.command(*words)
    async with asyncio.timeout(CONNECT_SECONDS):
        reply = await replies.get()
    if isinstance(reply, hiredis.ReplyError):
        raise reply
    return reply
