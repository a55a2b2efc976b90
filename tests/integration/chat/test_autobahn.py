"""The Autobahn cases against the frame codec, behind an echo server with a handshake of its own.

kosoku changes `sys.path` and `binascii` of the process that runs it, so it gets a process of its own. That one ends by
`os._exit`: now and then kosoku's threads abort an interpreter that is shutting down, after all the work is done.
"""

import asyncio
import base64
import hashlib
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chat_service.realtime.wire import Binary, Close, Fail, Ping, Wire, close_frame, text_frame

MAX_MESSAGE = 16 << 20  # cases 9.* send up to 16 MiB in one message
COMPRESSION = ["12.*", "13.*"]  # nothing is negotiated
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3

FUZZING_CLIENT = """
import asyncio, json, os, sys
from kosoku import FailureError, run_fuzzingclient

url, cases, exclude = json.loads(sys.argv[1])
try:
    results = asyncio.run(run_fuzzingclient(url, cases, exclude, concurrency=4))
except FailureError as error:
    results = error.results
verdicts = {
    result.case_id: [result.behavior.value, result.behavior_close.value, result.result, result.result_close]
    for result in results
}
print(json.dumps(verdicts), flush=True)
os._exit(0)
"""


class EchoServer(asyncio.Protocol):
    """Answers the upgrade, sends each message back, and closes as a session does."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self.request = b""
        self.wire: Wire | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if self.wire is None:
            self.request += data
            request, end, data = self.request.partition(b"\r\n\r\n")
            if not end:
                return
            self.accept(request)
            self.wire = Wire(MAX_MESSAGE)
        for event in self.wire.receive(data):
            match event:
                case bytes(payload):
                    self.transport.write(self.echo(payload))
                case Binary(payload=payload):
                    self.transport.write(b"\x82" + text_frame(payload)[1:])
                case Ping(pong=pong):
                    self.transport.write(pong)
                case Close(code=code):
                    self.transport.write(close_frame(code))
                    self.transport.close()
                case Fail(code=code, reason=reason):
                    self.transport.write(close_frame(code, reason))
                    self.transport.close()

    def accept(self, request: bytes) -> None:
        lines = [line.partition(b":") for line in request.split(b"\r\n")[1:]]
        headers = {name.lower(): value.strip() for name, _, value in lines}
        accept = base64.b64encode(hashlib.sha1(headers[b"sec-websocket-key"] + GUID).digest())
        self.transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )

    def echo(self, payload: bytes) -> bytes:
        return text_frame(payload)


class ShoutingServer(EchoServer):
    """A broken one: what comes back is not what was sent."""

    def echo(self, payload: bytes) -> bytes:
        return text_frame(payload + b"!")


@asynccontextmanager
async def serving(protocol: type[EchoServer]) -> AsyncIterator[str]:
    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
    async with server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def run_cases(url: str, cases: list[str] | None) -> dict[str, list[str]]:
    """The verdicts on each case: on the messages, on the closing, and a sentence about either."""
    arguments = json.dumps([url, cases, COMPRESSION])
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", FUZZING_CLIENT, arguments, stdout=asyncio.subprocess.PIPE
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), 50)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0
    verdicts: dict[str, list[str]] = json.loads(output.splitlines()[-1])
    return verdicts


async def test_every_case_without_compression_passes() -> None:
    async with serving(EchoServer) as url:
        verdicts = await run_cases(url, None)
    accepted = {"OK", "NON-STRICT", "INFORMATIONAL"}
    bad = {case: verdict for case, verdict in verdicts.items() if not {*verdict[:2]} <= accepted}
    assert bad == {}
    assert {case.partition(".")[0] for case in verdicts} == {"1", "2", "3", "4", "5", "6", "7", "9", "10"}
    assert len(verdicts) == 301
    fail_fast = ("6.4.1", "6.4.2", "6.4.3", "6.4.4")
    assert {case: verdicts[case][0] for case in fail_fast} == dict.fromkeys(fail_fast, "OK")


async def test_the_cases_notice_a_server_that_changes_a_message() -> None:
    async with serving(ShoutingServer) as url:
        verdicts = await run_cases(url, ["1.1.2", "1.2.2"])
    assert {case: verdict[0] for case, verdict in verdicts.items()} == {"1.1.2": "FAILED", "1.2.2": "OK"}
