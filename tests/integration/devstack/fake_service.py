"""A service that is none: it serves /readyz, and does on request what real ones do when they are unwell.

    python fake_service.py [stubborn|broken|lines]

`stubborn` ignores SIGTERM, `broken` says why and ends with exit code 3.
"""

import asyncio
import json
import os
import signal
import sys


async def serve(port: int) -> None:
    """Answer every request with what we were given."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = json.dumps({"pid": os.getpid(), "arguments": sys.argv[1:], "environment": dict(os.environ)}).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, os.environ["HOST"], port)
    async with server:
        await server.serve_forever()


async def main(manner: str) -> None:
    """Serve on PORT, and on OPS_PORT if there is one, until a signal."""
    if manner == "broken":
        sys.stderr.write("the reason is written here\n")
        sys.exit(3)
    if manner == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    ports = [int(os.environ[name]) for name in ("PORT", "OPS_PORT") if name in os.environ]
    await asyncio.gather(*(serve(port) for port in ports))


asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "well"))
