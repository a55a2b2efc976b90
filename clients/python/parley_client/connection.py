"""One WebSocket: dialled, read, written, ended. Frames are `{"type": …, "data": {…}}`."""

import contextlib
import json
import time
from collections.abc import Mapping
from typing import Any

import websockets
from websockets.asyncio.client import ClientConnection, connect

from .errors import NoAnswer, seconds_of

MAX_FRAME_BYTES = 16 * 1024 * 1024  # a page of history with the longest messages has less
CLOSE_SECONDS = 2.0


class Refused(Exception):
    """The handshake was answered with another status than 101. `retry_after` is in seconds, None if not given."""

    def __init__(self, status: int, code: str, retry_after: float | None) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code
        self.retry_after = retry_after


class Ended(Exception):
    """The socket is no more; `code` is what the server closed it with, None if it said nothing."""

    def __init__(self, code: int | None, reason: str) -> None:
        super().__init__(f"{code} {reason}")
        self.code = code
        self.reason = reason


class Connection:
    """An open socket."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self.id = ""
        self.heard_at = time.monotonic()

    async def read(self) -> tuple[str, dict[str, Any]]:
        """The next frame: its type and data.

        Raises:
            Ended: there is none any more, or something that is none has come.
        """
        try:
            text = await self._socket.recv()
        except websockets.ConnectionClosed as closed:
            raise _ended(closed) from None
        self.heard_at = time.monotonic()
        try:
            frame = json.loads(text)
            return frame["type"], frame["data"]
        except (ValueError, KeyError, TypeError) as error:
            raise Ended(None, f"what came is no frame: {error!r}") from error

    async def write(self, kind: str, data: Mapping[str, Any]) -> None:
        """Send a frame; waits while the server does not read. Raises as `read`."""
        text = json.dumps({"type": kind, "data": data}, ensure_ascii=False, separators=(",", ":"))
        try:
            await self._socket.send(text)
        except websockets.ConnectionClosed as closed:
            raise _ended(closed) from None

    async def close(self) -> None:
        """Say goodbye, and wait a moment for the answer."""
        with contextlib.suppress(OSError, websockets.WebSocketException):
            await self._socket.close()

    def abort(self) -> None:
        """End it without a word."""
        self._socket.transport.abort()


async def dial(url: str, token: str | None, seconds: float) -> Connection:
    """Open a socket.

    Arguments:
        url: `ws://…` or `wss://…`, with its query.
        token: for the `Authorization` header, if it is not in the query.
        seconds: that it may take.

    Raises:
        Refused: the server does not want us now.
        NoAnswer: there is none, or what answers speaks something else.
    """
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    try:
        socket = await connect(
            url,
            additional_headers=headers,
            compression=None,  # the server offers none: its frames are the same bytes for everybody
            proxy=None,
            ping_interval=None,  # the session asks by itself, in frames that pass any proxy
            open_timeout=seconds,
            close_timeout=CLOSE_SECONDS,
            max_size=MAX_FRAME_BYTES,
        )
    except websockets.InvalidStatus as refusal:
        answer = refusal.response
        given = answer.headers.get("Retry-After")
        raise Refused(answer.status_code, _code_of(answer.body), None if given is None else seconds_of(given)) from None
    except (OSError, TimeoutError, EOFError, websockets.WebSocketException) as error:
        raise NoAnswer(f"no socket: {error or type(error).__name__}") from error
    return Connection(socket)


def _ended(closed: websockets.ConnectionClosed) -> Ended:
    return Ended(None, "") if closed.rcvd is None else Ended(closed.rcvd.code, closed.rcvd.reason)


def _code_of(body: bytes | bytearray | None) -> str:
    try:
        return str(json.loads(body or b"{}")["code"])
    except (ValueError, KeyError, TypeError):
        return "unknown"
