"""HTTP/1.1 on the loopback interface, no more than the stand-in needs: it can also not answer."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl, urlsplit

import msgspec

MAX_BODY_BYTES = 1_000_000
IDLE_SECONDS = 120.0


class Request(msgspec.Struct, frozen=True):
    """What a client asks."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]  # names in lower case
    body: bytes


class Reply(msgspec.Struct, frozen=True):
    """What it is told; `body` is sent as JSON unless it is bytes."""

    status: int
    body: object = b""
    headers: dict[str, str] = {}


Handler = Callable[[Request], Awaitable[Reply | None]]  # None: the connection breaks without an answer


async def listen(handler: Handler, host: str, port: int) -> asyncio.Server:
    """Serve until the server is closed."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            while (request := await _read(reader)) is not None:
                reply = await handler(request)
                if reply is None:
                    break
                writer.write(_encode(reply))
                await writer.drain()
        writer.transport.abort()

    return await asyncio.start_server(serve, host, port)


async def _read(reader: asyncio.StreamReader) -> Request | None:
    async with asyncio.timeout(IDLE_SECONDS):
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        length = int(headers.get("content-length", "0"))
        if not 0 <= length <= MAX_BODY_BYTES or "transfer-encoding" in headers:
            return None
        body = await reader.readexactly(length)
    parts = urlsplit(target)
    return Request(method, parts.path, dict(parse_qsl(parts.query)), headers, body)


def _encode(reply: Reply) -> bytes:
    body = reply.body if isinstance(reply.body, bytes) else msgspec.json.encode(reply.body)
    headers = {"Content-Type": "application/json", **reply.headers, "Content-Length": str(len(body))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {reply.status} .\r\n{lines}\r\n".encode() + body
